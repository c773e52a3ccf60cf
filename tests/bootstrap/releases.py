"""Releases as `tidemark bundle` and `tidemark publish` make them, and others derived from them."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path

from agent.release import bundle, templates
from agent.release.bundle import Archive
from agent.release.location import Location
from tests.bootstrap.node import host_python

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "bootstrap" / "install.sh"


@dataclass(frozen=True, slots=True)
class Published:
    """One version in a folder, which may also be on S3 under `bucket`."""

    version: str
    folder: Path
    archives: tuple[Archive, ...]
    base: str

    @property
    def script(self) -> str:
        values = templates.install_values(self.version, Location("bucket", "prefix"), self.archives)
        return templates.fill_install(SCRIPT.read_text(encoding="utf-8"), {**values, "TIDEMARK_BASE": self.base})

    @property
    def release(self) -> str:
        """The name of its folder on a node."""
        (built,) = [each for each in self.archives if each.kind == "bundle"]
        return f"{self.version}-{built.sha256[:12]}"

    def at(self, base: str) -> Published:
        return replace(self, base=base)


def build(folder: Path) -> Published:
    """The bundle of this checkout for this machine."""
    archives = tuple(each.archive for each in bundle.build(folder, [platform.machine()]))
    return Published(archives[0].version, folder, archives, str(folder))


def as_version(published: Published, version: str, folder: Path) -> Published:
    """The same release under another version, so that a node can go from one to the other."""
    (built,) = [each for each in published.archives if each.kind == "bundle"]
    tree = folder / "tree"
    with tarfile.open(built.path) as archive:
        archive.extractall(tree, filter="fully_trusted")
    init = tree / "lib/agent/__init__.py"
    init.write_text(re.sub(r'__version__ = "[^"]+"', f'__version__ = "{version}"', init.read_text()), encoding="utf-8")
    (tree / "VERSION").write_text(f"{version}\n", encoding="utf-8")
    path = folder / bundle.bundle_name(built.architecture, version)
    _pack(tree, path)
    shutil.rmtree(tree)
    return Published(version, folder, (replace(built, version=version, path=path, sha256=_sum(path)),), str(folder))


def with_interpreter(published: Published) -> Published:
    """Beside the bundle this machine's own Python 3.11, with its standard library."""
    python = host_python()
    if python is None:
        raise FileNotFoundError("this machine has no Python 3.11 to pack")
    home = published.folder / "interpreter"
    (home / "bin").mkdir(parents=True, exist_ok=True)
    real = python.resolve()
    shutil.copy(real, home / "bin/python3.11")
    standard = real.parent.parent / "lib/python3.11"
    left_out = shutil.ignore_patterns("__pycache__", "test", "site-packages", "dist-packages", "config-3.11*")
    shutil.copytree(standard, home / "lib/python3.11", ignore=left_out, dirs_exist_ok=True)
    for library in (real.parent.parent / "lib").glob("libpython3.11*.so*"):
        shutil.copy(library, home / "lib" / library.name)
    path = published.folder / bundle.python_name(platform.machine(), "3.11")
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(home, "python")
    shutil.rmtree(home)
    extra = replace(published.archives[0], kind="python", version="3.11", path=path, sha256=_sum(path))
    return replace(published, archives=(*published.archives, extra))


def _pack(tree: Path, path: Path) -> None:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for entry in sorted(tree.iterdir()):
            archive.add(entry, entry.name)


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
