"""Opening a file only if it is one: a named pipe in its place would hold whoever opens it until somebody writes."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def opened(path: Path) -> BinaryIO:
    """The file, for reading bytes. Raises OSError, also for what is no regular file, and then at once."""
    # without it the opening itself waits for a writer; a regular file does not care
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        return open(handle, "rb")  # noqa: PTH123 (the handle is open already)
    except BaseException:
        os.close(handle)
        raise


def read(path: Path) -> bytes:
    """All that is in it. Raises OSError as `opened` does."""
    with opened(path) as file:
        return file.read()
