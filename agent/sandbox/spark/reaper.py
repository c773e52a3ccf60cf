"""Ends what its parent started, once the parent is gone, however it went.

A program of its own, run by path and with the standard library only. `reaper.py` alone reads from standard input a
line `+<group>` for each process group that began and `-<group>` for each that ended. End of file means that every
holder of the pipe's other end is gone: whatever is left is killed. `reaper.py exec <fd> <command>...` writes such a
line about itself to the file descriptor, closes it and becomes the command: a process is known before it is anything.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


def watch(lines: Iterable[str]) -> None:
    groups: set[int] = set()
    for line in lines:
        group = int(line)
        if group > 0:
            groups.add(group)
        else:
            groups.discard(-group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def become(descriptor: int, command: list[str]) -> None:
    os.write(descriptor, f"+{os.getpid()}\n".encode())
    os.close(descriptor)
    os.execvp(command[0], command)


if __name__ == "__main__":
    if sys.argv[1:2] == ["exec"]:
        become(int(sys.argv[2]), sys.argv[3:])
    else:
        watch(sys.stdin)
