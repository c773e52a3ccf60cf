"""The locked wheels for a node, chosen for the node and not for the machine that builds."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from agent.release import lock
from agent.release.places import ReleaseError

PYTHON_VERSION = "3.11"

ARCHITECTURES = ("x86_64", "aarch64")

GLIBC_MINOR = 26
"""Amazon Linux 2 has glibc 2.26, Amazon Linux 2023 has 2.34: what runs on the first runs on both."""


def platforms(architecture: str) -> list[str]:
    """The platform tags that a node takes, best first (PEP 600, and the older names of PEP 513, 571 and 599)."""
    named = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    tags = []
    # aarch64 has been a manylinux platform from 2.17 on
    for minor in range(GLIBC_MINOR, 16 if architecture == "aarch64" else 4, -1):
        tags.append(f"manylinux_2_{minor}_{architecture}")
        if minor in named:
            tags.append(f"{named[minor]}_{architecture}")
    return tags


def fetch(locked: Path, architecture: str, cache: Path) -> list[Path]:
    """The wheels of the lock, by name; from the cache when it has them whole. Raises ReleaseError.

    The cache has a folder for each lock and architecture; what lies in it is held against the lock's hashes each time.
    """
    pins = lock.parse(locked.read_text(encoding="utf-8"))
    key = hashlib.sha256("\n".join([locked.read_text(encoding="utf-8"), *platforms(architecture)]).encode())
    folder = cache / f"{architecture}-{key.hexdigest()[:16]}"
    if folder.is_dir() and lock.faults(pins, folder.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)
    if not folder.is_dir():
        _download_whole(locked, architecture, folder)
    wheels = sorted(folder.iterdir())
    if found := lock.faults(pins, wheels):
        raise ReleaseError("the downloaded wheels are not those of the lock: " + "; ".join(found))
    return wheels


def _download_whole(locked: Path, architecture: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        _download(locked, architecture, partial)
        try:
            partial.rename(folder)
        except OSError:
            # another build has just put the same wheels there: then those serve
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download(locked: Path, architecture: str, into: Path) -> None:
    tags = [word for tag in platforms(architecture) for word in ("--platform", tag)]
    abis = [word for abi in ("cp311", "abi3", "none") for word in ("--abi", abi)]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary=:all:", "--require-hashes", "--implementation", "cp"),
        *("--python-version", PYTHON_VERSION, *abis, *tags),
        *("--dest", str(into), "--requirement", str(locked)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise ReleaseError(f"{sys.executable} has no pip: `{sys.executable} -m ensurepip` brings it")
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
    raise ReleaseError(
        f"pip could not download the wheels for {architecture}: {'; '.join(said[-3:])}. "
        "Building needs the package index once; afterwards the wheels are in the cache."
    )
