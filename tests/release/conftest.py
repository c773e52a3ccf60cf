"""One build of both bundles for all tests of a session, and this machine's one unpacked as install.sh leaves it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from agent.release import bundle
from agent.release.bundle import Built
from agent.release.places import CHECKOUT

WHEELS = CHECKOUT / ".cache" / "wheels"


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """By architecture. The wheels come from the package index once, afterwards from `.cache/wheels`."""
    built = bundle.build(tmp_path_factory.mktemp("dist"), cache=WHEELS)
    return {each.architecture: each for each in built}


@pytest.fixture(scope="session")
def python311() -> Path:
    """The Python 3.11 of this machine, outside any virtual environment."""
    candidates = [sys.executable, *(found for name in ("python3.11", "python3") if (found := shutil.which(name)))]
    for candidate in candidates:
        ask = "import sys; print(sys.version_info[:2] == (3, 11)); print(sys.base_prefix)"
        done = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, check=False)
        said = done.stdout.splitlines()
        if said[:1] == ["True"] and (found_at := Path(said[1]) / "bin" / "python3.11").exists():
            return found_at
    pytest.skip("no Python 3.11 on this machine, which is what a bundle runs on")


@pytest.fixture(scope="session")
def release(bundles: dict[str, Built], python311: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `current` of an installation: a link to a release of this machine's architecture."""
    machine = platform.machine()
    if machine not in bundles:
        pytest.skip(f"a bundle cannot run on this machine, which is a {machine}")
    opt = tmp_path_factory.mktemp("opt")
    folder = opt / "releases" / "one"
    with tarfile.open(bundles[machine].written.path) as tar:
        tar.extractall(folder, filter="tar")
    (folder / "python").symlink_to(python311)
    (opt / "current").symlink_to(Path("releases") / "one")
    return opt / "current"
