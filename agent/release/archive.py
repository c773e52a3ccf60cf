"""Archives whose bytes follow from their entries alone: sorted, without times, owners, or the archive's own name."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MTIME = 315_532_800
"""1980-01-01T00:00:00Z. tar warns of anything unpacked with time 0, zip knows nothing earlier than this."""

SCRIPT_MODE = 0o755
FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a symbolic link when `link` is set."""

    data: bytes = b""
    executable: bool = False
    link: str = ""


Tree = Mapping[str, Entry]
"""Entries by their path in the archive, relative and with `/`. Folders follow from the paths."""


@dataclass(frozen=True, slots=True)
class Written:
    """An archive on disk."""

    path: Path
    sha256: str
    bytes: int
    unpacked_bytes: int
    entries: int


def write(tree: Tree, path: Path) -> Written:
    """Write the tree to `path`, whose folder is made: as a zip if its name ends so, else as a tar.gz. The file is
    whole or not there.

    The same tree gives the same tar in any place; its compressed form, and a zip, also need the same zlib.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = zip_of(tree) if path.suffix == ".zip" else gzip_of(tar_of(tree))
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(packed)
    partial.replace(path)
    unpacked = sum(len(entry.data) for entry in tree.values())
    return Written(path, hashlib.sha256(packed).hexdigest(), len(packed), unpacked, len(tree))


def tar_of(tree: Tree) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted({*tree, *_folders(tree)}):
            entry = tree.get(name)
            header = _header(name, entry)
            tar.addfile(header, io.BytesIO(entry.data) if entry is not None and header.isreg() else None)
    return buffer.getvalue()


def gzip_of(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=9) as packed:
        packed.write(data)
    return buffer.getvalue()


def zip_of(tree: Tree) -> bytes:
    """Everybody may read what is unpacked of it, as Lambda asks for. Raises ValueError for a link."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, entry in sorted(tree.items()):
            if entry.link:
                raise ValueError(f"{name} is a link, which not every program unpacks as one")
            # its time is the earliest there is, unless another is given
            header = zipfile.ZipInfo(name)
            header.create_system = 3
            header.external_attr = (stat.S_IFREG | (SCRIPT_MODE if entry.executable else FILE_MODE)) << 16
            packed.writestr(header, entry.data, zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def _header(name: str, entry: Entry | None) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.mtime = MTIME
    header.uname = header.gname = "root"
    if entry is None:
        header.type, header.mode = tarfile.DIRTYPE, SCRIPT_MODE
    elif entry.link:
        header.type, header.linkname, header.mode = tarfile.SYMTYPE, entry.link, 0o777
    else:
        header.size, header.mode = len(entry.data), SCRIPT_MODE if entry.executable else FILE_MODE
    return header


def _folders(tree: Tree) -> set[str]:
    return {str(parent) for name in tree for parent in PurePosixPath(name).parents if str(parent) != "."}
