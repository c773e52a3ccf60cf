"""The real AWS CLI, in an environment of its own: it pins botocore to another version than the agent's."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "requirements" / "awscli.txt"
FOLDER = ROOT / ".cache" / "awscli"


def installed() -> Path:
    """The environment's folder, made from the locked versions when it is not there or is of another lock. Of several
    processes one makes it and the others wait."""
    FOLDER.parent.mkdir(exist_ok=True)
    with (FOLDER.parent / "awscli.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _installed()


def _installed() -> Path:
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    ready = FOLDER / "ready"
    if not ready.exists() or ready.read_text(encoding="utf-8") != lock:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
        ready.write_text(lock, encoding="utf-8")
    return FOLDER


if __name__ == "__main__":
    installed()
