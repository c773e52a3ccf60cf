"""Paths of a node whose file system may begin elsewhere, as in an image that is being built or in a test."""

from __future__ import annotations

from pathlib import Path

_MAX_LINKS = 40
"""As many as the kernel follows (path_resolution(7))."""


def resolved(root: Path, path: Path) -> Path:
    """Where `path` leads when `root` is taken for `/`, all symbolic links followed; what is missing stays as it is.

    Nothing leads out of `root`: absolute links begin at it, and `..` ends at it. Raises OSError for a loop of links.
    """
    base = root.resolve()
    done: list[str] = []
    ahead = list(reversed(path.parts))
    links = 0
    while ahead:
        part = ahead.pop()
        if part == "/":
            done = []
        elif part == "..":
            done = done[:-1]
        elif (here := base.joinpath(*done, part)).is_symlink():
            links += 1
            if links > _MAX_LINKS:
                raise OSError(f"{path}: too many symbolic links")
            ahead.extend(reversed(here.readlink().parts))
        else:
            done.append(part)
    return base.joinpath(*done)
