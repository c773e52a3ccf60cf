"""A node in a root file system of its own, on which the real install.sh runs with the real tools.

Where namespaces may be made, the root is entered with chroot in mount and PID namespaces; where not, install.sh is
given the folder as its root prefix. `systemctl` is a stand-in in both: no systemd runs here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.bootstrap import info

TOOLS = Path(__file__).parent / "tools"
PATH = "/tools/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LIMIT_S = 200.0
MERGED = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
"""Links into /usr on most systems, folders on some."""
SHARED = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/login.defs", "/etc/ssl")

_ENTER = r"""
set -e
root=$1 binds=$2; shift 2
while IFS=: read -r from to mode; do
  [ -n "$from" ] || continue
  mount --bind "$from" "$root$to"
  [ "$mode" != ro ] || mount -o remount,bind,ro "$root$to"
done <<<"$binds"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
exec chroot "$root" "$@"
"""


class Kind(StrEnum):
    NAMESPACES = "a root of its own: mount and PID namespaces with chroot"
    PREFIX = "a root prefix: namespaces are not permitted here"


def permitted() -> Kind:
    """What this machine lets a test do."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return Kind.PREFIX
    probe = ["unshare", "--mount", "--pid", "--net", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(probe, check=False, capture_output=True)
    return Kind.NAMESPACES if done.returncode == 0 else Kind.PREFIX


def host_python() -> Path | None:
    """A Python 3.11 of this machine, and not of a virtual environment."""
    named = shutil.which("python3.11", path="/usr/bin:/usr/local/bin")
    if named is None and sys.version_info[:2] == (3, 11):
        named = str(Path(sys.base_prefix) / "bin" / "python3.11")
    return None if named is None else Path(named)


@dataclass(slots=True)
class Node:
    """`root` is its file system as seen from outside."""

    root: Path
    kind: Kind
    aws: Path
    """The environment of the AWS CLI."""
    env: dict[str, str] = field(default_factory=dict)
    systemd: int = 252
    has_python: bool = True
    has_network: bool = True
    end_at: int | None = None
    """Kill everything in the place of this external command; 0 only counts them."""

    def __post_init__(self) -> None:
        for folder in ("etc/systemd/system", "tmp", "run", "proc", "dev", "recorded", "tools/bin", "ended", "var/log"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        users = "root:x:0:0:root:/root:/bin/bash\nhadoop:x:498:498::/home/hadoop:/bin/bash\n"
        for name, text in {
            "etc/passwd": users,
            "etc/group": "root:x:0:\nhadoop:x:498:\n",
            "etc/shadow": "root:*:19000:0:99999:7:::\n",
            "etc/hosts": "127.0.0.1 localhost\n",
            "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        }.items():
            (self.root / name).write_text(text, encoding="utf-8")
        self._place_tools()

    def know(self, files: info.Files) -> None:
        """Write EMR's files about the node."""
        info.write(self.root, files)

    def install(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run install.sh as a bootstrap action does: from a file of EMR's, with nobody at the terminal."""
        path = self.root / "emr/instance-controller/lib/bootstrap-actions/1/install.sh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)
        return self.run([self.inside(path), *arguments])

    def run(self, command: Sequence[str], script: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command on the node, with `script` as its standard input."""
        return subprocess.run(
            self.command(command),
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            env=self.environment(),
            stdin=subprocess.DEVNULL if script is None else None,
            input=script,
        )

    def command(self, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` on the node, with the environment of `environment()`."""
        self._set_up_tools()
        if self.kind is Kind.PREFIX:
            return list(command)
        spaces = ["--mount", "--pid", "--fork", "--kill-child", *([] if self.has_network else ["--net"])]
        enter = ["bash", "-c", _ENTER, "enter", str(self.root), "\n".join(self.binds())]
        return ["unshare", *spaces, *enter, *command]

    def environment(self) -> dict[str, str]:
        path = PATH if self.kind is Kind.NAMESPACES else f"{self.root}/tools/bin:{os.environ['PATH']}"
        base = {"PATH": path, "HOME": "/root", "END_AT": str(self.end_at or 0), **self.env}
        if self.end_at is not None:
            base["PATH"] = "/ended:" + path
        if self.kind is Kind.PREFIX:
            base |= {"TIDEMARK_ROOT": str(self.root), "RECORDED": str(self.root / "recorded")}
        return base

    def inside(self, path: Path) -> str:
        """The path as commands on the node see it."""
        return str(path) if self.kind is Kind.PREFIX else f"/{path.relative_to(self.root)}"

    def text(self, name: str) -> str:
        """A file of the node; empty when there is none."""
        path = self.root / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def recorded(self, name: str) -> list[str]:
        """Lines that the stand-ins left: `calls` of systemctl, `commands` that were counted."""
        return self.text(f"recorded/{name}").splitlines()

    def forget(self, *names: str) -> None:
        for name in names:
            (self.root / "recorded" / name).unlink(missing_ok=True)

    def links(self) -> Mapping[str, str]:
        """`current` and `previous`, those that exist."""
        folder = self.root / "opt/tidemark"
        names = [name for name in ("current", "previous") if (folder / name).is_symlink()]
        return {name: str((folder / name).readlink()) for name in names}

    def tree(self) -> dict[str, str]:
        """All files outside of what only a test needs, with their contents, links and modes."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name.split("/")[0] in {
                "recorded",
                "tools",
                "tmp",
                "run",
                "proc",
                "dev",
                "ended",
                "root",
                *MERGED,
                "usr",
            }:
                continue
            kind = path.lstat().st_mode
            what = str(path.readlink()) if path.is_symlink() else path.read_bytes().hex() if path.is_file() else ""
            found[name] = f"{kind:o} {what}"
        return found

    def _place_tools(self) -> None:
        bin_folder = self.root / "tools/bin"
        shutil.copy(TOOLS / "systemctl", bin_folder / "systemctl")
        aws = bin_folder / "aws"
        aws.write_text(f'#!/bin/sh\nexec "{self.aws}/bin/python" "{self.aws}/bin/aws" "$@"\n', encoding="utf-8")
        aws.chmod(0o755)
        for name in COUNTED:
            shutil.copy(TOOLS / "ended-here", self.root / "ended" / name)

    def _set_up_tools(self) -> None:
        (self.root / "recorded/systemd").write_text(f"{self.systemd}\n", encoding="utf-8")
        link = self.root / "tools/bin/python3.11"
        link.unlink(missing_ok=True)
        python = host_python()
        if self.has_python and python is not None:
            link.symlink_to(python)

    def binds(self) -> list[str]:
        """`from:to:mode` lines, and the places that they are mounted on."""
        folders = [("/usr", "ro"), ("/dev", "rw"), (str(self.aws), "ro"), (sys.base_prefix, "ro")]
        if (python := host_python()) is not None:
            folders.append((str(python.resolve().parent.parent), "ro"))
        binds = []
        for folder, mode in dict(folders).items():
            if folder == "/usr" or not folder.startswith("/usr/"):
                (self.root / folder[1:]).mkdir(parents=True, exist_ok=True)
                binds.append(f"{folder}:{folder}:{mode}")
        for name in MERGED:
            binds += self._merged(name)
        for name in SHARED:
            if (path := Path(name)).is_dir():
                (self.root / name[1:]).mkdir(parents=True, exist_ok=True)
            elif path.exists():
                (self.root / name[1:]).touch()
            if path.exists():
                binds.append(f"{name}:{name}:ro")
        # what `is_python` looks for by path is not there: bound over with a file that cannot be run
        if not self.has_python:
            hidden = [p for p in ("/usr/bin/python3.11", "/usr/local/bin/python3.11") if Path(p).exists()]
            binds += [f"/dev/null:{path}:rw" for path in hidden]
        return binds

    def _merged(self, name: str) -> list[str]:
        there, here = Path("/") / name, self.root / name
        if there.is_symlink():
            if not here.is_symlink():
                here.symlink_to(there.readlink())
            return []
        if not there.is_dir():
            return []
        here.mkdir(exist_ok=True)
        return [f"/{name}:/{name}:ro"]


COUNTED = (
    *("aws", "awk", "chmod", "chown", "cp", "curl", "df", "flock", "grep", "groupadd", "groupdel", "id", "ln", "mkdir"),
    *("mktemp", "mv", "readlink", "rm", "rmdir", "sha256sum", "sleep", "stat", "systemctl", "tail", "tar", "timeout"),
    *("tr", "uname", "useradd", "userdel"),
)
"""Every external command of install.sh."""
