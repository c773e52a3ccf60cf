"""A file replaced as a whole or not at all, by another one with its mode and owner."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent import regular_file

NEW_MODE = 0o644


class Meanwhile(Exception):
    """Somebody else was at the file at the same time; nothing was done."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was read; `data` is None where there was none."""

    path: Path
    """Without symbolic links: the file itself is replaced, not a link to it."""
    data: bytes | None
    state: os.stat_result | None

    @classmethod
    def at(cls, path: Path) -> Seen:
        """Raises OSError for all but a missing file, and for what is no regular file."""
        try:
            with regular_file.opened(path) as file:
                return cls(path, file.read(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return cls(path, None, None)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No second process is in here for the same folder. Raises Meanwhile, or OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Meanwhile(f"another process works on {folder}") from error
        yield
    finally:
        os.close(handle)


def replace(seen: Seen, data: bytes) -> None:
    """The file then holds `data`, also after a loss of power, with the mode and owner that it had. Raises Meanwhile
    when it is no longer the one that was seen, and OSError; then it is as it was."""
    _clear(seen.path)
    handle, name = tempfile.mkstemp(dir=seen.path.parent, prefix=_prefix(seen.path))
    temporary = Path(name)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 (the handle is open already)
            file.write(data)
            file.flush()
            _dress(file.fileno(), seen.state)
            os.fsync(file.fileno())
        _put(temporary, seen)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(seen.path.parent)


def delete(seen: Seen) -> None:
    """Raises Meanwhile when the file is no longer the one that was seen, and OSError."""
    _unchanged(seen)
    seen.path.unlink()
    _sync(seen.path.parent)


def _put(temporary: Path, seen: Seen) -> None:
    if seen.state is not None:
        _unchanged(seen)
        temporary.replace(seen.path)
        return
    try:
        # unlike a rename, a link does not overwrite a file that has appeared since
        seen.path.hardlink_to(temporary)
    except FileExistsError as error:
        raise Meanwhile(f"{seen.path} has appeared meanwhile") from error


def _unchanged(seen: Seen) -> None:
    now = Seen.at(seen.path)
    if now.data != seen.data or now.state is None or seen.state is None or now.state.st_ino != seen.state.st_ino:
        raise Meanwhile(f"{seen.path} was changed meanwhile")


def _dress(handle: int, state: os.stat_result | None) -> None:
    if state is None:
        os.fchmod(handle, NEW_MODE)
        return
    if (state.st_uid, state.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(handle, state.st_uid, state.st_gid)
    # after the owner: a change of owner takes bits of the mode away
    os.fchmod(handle, state.st_mode & 0o7777)


def _clear(path: Path) -> None:
    """What a helper left that was killed; whoever comes here is alone in the folder."""
    for left in path.parent.glob(f"{_prefix(path)}*"):
        left.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".{path.name}.tidemark-"


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
