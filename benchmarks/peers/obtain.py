"""Peers from the registries, through their ordinary clients, into folders of their own under `.cache/bench/`.

Nothing is installed into the system or into Tidemark's own environment, and nothing needs root.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(__file__).parent.parent.parent / ".cache" / "bench"
LIMIT_S = 600.0


class Unavailable(Exception):
    """A peer cannot be had or does not start here. The text says why, in one line."""


def python_packages(name: str, requirements: Sequence[str]) -> Path:
    """A virtual environment with these pinned packages."""
    folder = _folder(name, requirements)
    if not _ready(folder):
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(folder / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", *requirements])
        _finish(folder)
    return folder


def node_package(name: str, version: str) -> Path:
    """The package's own folder. None of its install scripts is run."""
    _need("npm", "node")
    folder = _folder(name, (version,))
    if not _ready(folder):
        quiet = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"]
        _run(["npm", "install", "--prefix", str(folder), *quiet, f"{name}@{version}"])
        _finish(folder)
    return folder / "node_modules" / name


def debian_package(name: str) -> tuple[Path, str]:
    """The unpacked package of this machine's own release, and its version."""
    _need("apt-get", "dpkg-deb")
    folder = CACHE / name
    if not _ready(folder):
        try:
            _run(["apt-get", "download", "-q", name], cwd=folder)
        except Unavailable as why:
            raise Unavailable(f"{why} (apt-get update may help)") from why
        _run(["dpkg-deb", "-x", str(_archive(folder)), str(folder)])
        _finish(folder)
    return folder, _run(["dpkg-deb", "-f", str(_archive(folder)), "Version"]).strip()


def go_program(module: str, version: str) -> Path:
    """The program that the module proxy's source of this version builds."""
    _need("go")
    folder = _folder(Path(module).name, (version,))
    if not _ready(folder):
        _run(["env", f"GOBIN={folder}", "go", "install", f"{module}@{version}"])
        _finish(folder)
    return folder / Path(module).name


def _folder(name: str, versions: Sequence[str]) -> Path:
    first = versions[0].rpartition("=")[2]
    return CACHE / f"{name}-{first}"


def _ready(folder: Path) -> bool:
    """Whether it was installed completely; what an interrupted installation left is removed."""
    if (folder / "complete").is_file():
        return True
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return False


def _finish(folder: Path) -> None:
    (folder / "complete").touch()


def _archive(folder: Path) -> Path:
    return next(folder.glob("*.deb"))


def _need(*programs: str) -> None:
    if missing := [program for program in programs if shutil.which(program) is None]:
        raise Unavailable(f"no {' and no '.join(missing)} on this machine")


def _run(command: list[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise Unavailable(f"{' '.join(command[:3])}: {said[-1].strip() if said else f'exit code {done.returncode}'}")
    return done.stdout
