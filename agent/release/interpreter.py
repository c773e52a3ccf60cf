"""A standalone CPython 3.11, packed for nodes that have none: EMR before 7.1 (Amazon Linux 2 has Python 3.7)."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agent.release import elf
from agent.release.archive import Entry
from agent.release.places import ReleaseError

EXECUTABLE = "bin/python3.11"
"""From the root of the interpreter. In the archive that root is the folder `python`."""

_VERSION_FILE = "include/python3.11/patchlevel.h"
_VERSION = re.compile(rb'#define\s+PY_VERSION\s+"([^"]+)"')

_LIBRARY = "lib/python3.11"
_LEFT_OUT = (
    *("include", "share", "lib/pkgconfig", f"{_LIBRARY}/site-packages"),
    *(
        f"{_LIBRARY}/{name}"
        for name in ("ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtledemo")
    ),
)
"""Headers, tests, windows and other people's packages: an interpreter that only runs the agent needs none."""

_LEFT_OUT_PARTS = frozenset({"__pycache__", "tests", "test"})
_COMMANDS = frozenset({"python", "python3", "python3.11"})
_TCL = re.compile(r"lib/(libtcl|libtk|tcl|tk|itcl|thread|Tix)[^/]*(/.*)?")


@dataclass(frozen=True, slots=True)
class Interpreter:
    version: str
    """Such as `3.11.15`."""
    architecture: str
    glibc_minor: int
    """It runs on glibc 2.N and newer."""
    tree: dict[str, Entry]
    """By path in the archive."""


def read(path: Path) -> Interpreter:
    """The interpreter in a folder or a tarball, such as python-build-standalone's `install_only_stripped`.

    Nothing of it is run: it may be for another processor. Raises ReleaseError for what is no CPython 3.11.
    """
    if not path.exists():
        raise ReleaseError(f"--python {path}: there is no such file or folder")
    files = dict(_of_folder(path) if path.is_dir() else _of_tarball(path))
    found = sorted((name for name in files if f"/{name}".endswith(f"/{EXECUTABLE}")), key=len)
    if not found:
        raise ReleaseError(f"--python {path}: holds no {EXECUTABLE}; give the root of a standalone CPython 3.11")
    root = found[0].removesuffix(EXECUTABLE)
    files = {name.removeprefix(root): entry for name, entry in files.items() if name.startswith(root)}
    architecture = elf.architecture(files[EXECUTABLE].data)
    if architecture is None:
        raise ReleaseError(f"--python {path}: {EXECUTABLE} is no Linux program")
    version = _VERSION.search(files.get(_VERSION_FILE, Entry()).data)
    if version is None:
        raise ReleaseError(f"--python {path}: has no {_VERSION_FILE} that says its version; give a whole CPython 3.11")
    tree = {f"python/{name}": entry for name, entry in files.items() if _is_kept(name)}
    if others := [name for name, entry in tree.items() if elf.architecture(entry.data) not in (None, architecture)]:
        raise ReleaseError(f"--python {path}: is for {architecture}, but not {', '.join(others[:3])}")
    return Interpreter(version[1].decode(), architecture, max(elf.glibc_minor(e.data) for e in tree.values()), tree)


def _is_kept(name: str) -> bool:
    path = PurePosixPath(name)
    if path.parts[0] == "bin":
        return path.name in _COMMANDS
    if any(name == left or name.startswith(f"{left}/") for left in _LEFT_OUT) or _TCL.fullmatch(name):
        return False
    in_config = any(part.startswith("config-3.11") for part in path.parts)
    return not (in_config or _LEFT_OUT_PARTS.intersection(path.parts) or name.endswith((".a", ".pyc", ".o")))


def _of_folder(folder: Path) -> Iterator[tuple[str, Entry]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield name, _link(name, str(path.readlink()))
        elif path.is_file():
            yield name, Entry(path.read_bytes(), executable=os.access(path, os.X_OK))


def _of_tarball(path: Path) -> Iterator[tuple[str, Entry]]:
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                name = str(PurePosixPath(member.name))
                if member.issym():
                    yield name, _link(name, member.linkname)
                elif member.isreg() or member.islnk():
                    stream = tar.extractfile(member)
                    yield name, Entry(stream.read() if stream else b"", executable=bool(member.mode & 0o100))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ReleaseError(f"--python {path}: is neither a folder nor a readable tarball: {error}") from error


def _link(name: str, target: str) -> Entry:
    if target.startswith("/"):
        raise ReleaseError(f"--python: {name} links to {target}, which a node does not have")
    return Entry(link=target)
