"""The node's root file system with a real systemd as its first process, where this machine permits that."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bootstrap.node import PATH, Kind, Node

SYSTEMD = Path("/lib/systemd/systemd")
CGROUPS = Path("/sys/fs/cgroup")
LIMIT_S = 120.0

# Control groups, devices and /run are the node's own. Nothing of this machine is written to but a control group.
_BOOT = r"""
set -e
root=$1 binds=$2 groups=$3
mount --bind "$root" "$root"
while IFS=: read -r from to mode; do
  [ -n "$from" ] && [ "$from" != /dev ] || continue
  mount --bind "$from" "$root$to"
  mount -o remount,bind,ro "$root$to"
done <<<"$binds"
mkdir -p "$root/sys" "$root/dev" "$root/proc" "$root/run"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
if [ "$groups" = unified ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
  for name in $groups; do
    mkdir "$root/sys/fs/cgroup/$name"
    case $name in
      unified) mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/$name" ;;
      systemd) mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/$name" ;;
      *) mount -t cgroup -o "$name" cgroup "$root/sys/fs/cgroup/$name" ;;
    esac
  done
fi
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
  touch "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
exec env -i container=lxc PATH="$PATH" chroot "$root" /lib/systemd/systemd --system --unit=multi-user.target
"""

MASKED = (
    *("getty.target", "systemd-resolved.service", "systemd-networkd.service", "systemd-logind.service"),
    *("systemd-udevd.service", "systemd-udev-trigger.service", "apt-daily.timer", "e2scrub_reap.service"),
)


class CannotBoot(Exception):
    """This machine does not let a test boot a systemd; the text says why."""


class Booted:
    """Runs commands on a node whose first process is systemd."""

    def __init__(self, node: Node) -> None:
        if node.kind is not Kind.NAMESPACES or not SYSTEMD.exists() or shutil.which("nsenter") is None:
            raise CannotBoot("needs namespaces, nsenter and an installed systemd")
        self._node = node
        self._name = f"tidemark-test-{os.getpid()}"
        unified = (CGROUPS / "cgroup.controllers").exists()
        several = [name for name in ("systemd", "unified", "memory", "cpu", "pids") if (CGROUPS / name).is_dir()]
        self._groups = [CGROUPS / self._name] if unified else [CGROUPS / name / self._name for name in several]
        self._kinds = "unified" if unified else " ".join(several)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        spaces = ["-m", "-p", "-u", "-i", "-C", "-r", "-w"]
        enter = ["nsenter", "-t", str(self._first()), *spaces, "env", "-i", f"PATH={PATH}"]
        given = [f"{name}={value}" for name, value in self._node.env.items()]
        return subprocess.run([*enter, *given, *command], check=False, capture_output=True, text=True, timeout=LIMIT_S)

    def _first(self) -> int:
        """systemd, as this machine numbers it."""
        assert self._process is not None
        (child,) = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(child)

    def __enter__(self) -> Self:
        (self._node.root / "tools/bin/systemctl").unlink()
        (self._node.root / "etc/machine-id").write_text(f"{'0123456789abcdef' * 2}\n", encoding="utf-8")
        for unit in MASKED:
            (self._node.root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        try:
            for group in self._groups:
                group.mkdir(exist_ok=True)
        except OSError as error:
            raise CannotBoot(f"no control group can be made: {error}") from error
        spaces = [
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--cgroup",
            "--fork",
            "--kill-child",
            "--propagation",
            "private",
        ]
        boot = ["bash", "-c", _BOOT, "boot", str(self._node.root), "\n".join(self._node.binds()), self._kinds]
        joined = 'for group in $1; do echo $$ >$group/cgroup.procs; done; shift; exec "$@"'
        groups = " ".join(map(str, self._groups))
        self._process = subprocess.Popen(
            ["bash", "-ec", joined, "join", groups, "unshare", *spaces, *boot],
            env={"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._wait()
        return self

    def _wait(self) -> None:
        end = time.monotonic() + LIMIT_S
        state = ""
        while time.monotonic() < end and self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ValueError, OSError):
                state = self.run("systemctl", "is-system-running").stdout.strip()
            if state in ("running", "degraded"):
                return
            time.sleep(0.3)
        self.__exit__(None, None, None)
        raise CannotBoot(f"systemd does not come up here: {state or 'it ended'}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            with contextlib.suppress(ValueError, OSError):
                os.kill(self._first(), signal.SIGKILL)
            self._process.kill()
            self._process.communicate()
        # what was killed stays in its group for a moment
        end = time.monotonic() + 10
        while any(not _gone(group) for group in self._groups) and time.monotonic() < end:
            time.sleep(0.1)


def _gone(group: Path) -> bool:
    for folder in sorted([group, *(path for path in group.rglob("*") if path.is_dir())], reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()
    return not group.exists()
