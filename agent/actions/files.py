"""Small files that are replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Afterwards the file has exactly this text, readable by all, and it is on the disk. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # whoever asks is often root and the folder the agent's: nothing is written through a link of its user
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def read_bounded(path: Path, max_bytes: int) -> str:
    """The file's text. Raises OSError, and ValueError when it is larger or no UTF-8."""
    # nobody may keep a turn waiting with a pipe in the place of the file
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes} bytes")
    return data.decode("utf-8")
