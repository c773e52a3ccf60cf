"""Run a command that does not outlive the process that started it: `python leash.py PARENT_PID COMMAND...`.

Linux tells the command to end when its parent does (prctl PR_SET_PDEATHSIG, kept across exec). The process
replaces itself by the command, so its exit status is the command's; 127 when it cannot be started, as in a shell.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored when a shell put the sandbox into the background
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
