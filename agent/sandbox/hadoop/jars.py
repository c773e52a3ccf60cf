"""Hadoop's jars, fetched once by the ordinary `mvn`.

`python -m agent.sandbox.hadoop.jars` fetches them and says where they are, or what to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import agent
from agent.sandbox import java as java_module

POM = Path(__file__).with_name("pom.xml")
SHUFFLE_POM = Path(__file__).with_name("pom-shuffle.xml")

GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
PATIENCE_S = 900.0

ADVICE = """\
no Hadoop: {reason}. Do one of these:
  - install Maven where Java is, for example `apt-get install maven`, and let it reach a repository with Maven Central's
    artifacts (a mirror or proxy belongs in ~/.m2/settings.xml)
  - fetch the jars on a machine that can, with `python -m agent.sandbox.hadoop.jars`, and copy the folder that it
    names to the same place here"""


class HadoopMissing(Exception):
    """The jars are not here and cannot be had. The text says why and what to do; `reason` is why alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(ADVICE.format(reason=reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class HadoopJars:
    """A folder that `fetch` filled."""

    folder: Path

    @property
    def class_path(self) -> str:
        """For a JVM's `-cp`: everything that the daemons need, beside their configuration."""
        return str(self.folder / "hadoop" / "*")

    @property
    def version(self) -> str:
        """As its own jar is named: `3.4.2`."""
        jar = next((self.folder / "hadoop").glob("hadoop-yarn-api-*.jar"))
        return jar.stem.removeprefix("hadoop-yarn-api-")

    @property
    def shuffle_service(self) -> Path | None:
        """The jar of Spark's external shuffle service; None when the repository has none."""
        return next((self.folder / "shuffle").glob("spark-network-yarn_*.jar"), None)

    @classmethod
    def here(cls) -> Self:
        """Those in the usual place, fetched now unless they are there. Raises HadoopMissing."""
        return cls.fetched(cache_folder(os.environ))

    @classmethod
    def fetched(cls, cache: Path, environ: Mapping[str, str] = os.environ) -> Self:
        """Those below `cache`, fetched now unless they are there; of several processes one fetches and the others wait.

        Raises HadoopMissing.
        """
        cache.mkdir(parents=True, exist_ok=True)
        folder = cache / _digest()
        with _alone(cache):
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as scratch:
                    _fill(Path(scratch), environ)
                    _move(Path(scratch), folder)
        return cls(folder)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """`.cache/hadoop` of a checkout, else a folder in the user's cache."""
    root = Path(agent.__file__).parent.parent
    if (root / "pyproject.toml").is_file():
        return root / ".cache" / "hadoop"
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tidemark" / "hadoop"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else is within for the same folder. What is held here is let go when its holder ends, however that is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _fill(folder: Path, environ: Mapping[str, str]) -> None:
    """Hadoop must come. Once it has, a shuffle service that does not is one that the repository does not have."""
    reason = _copy(POM, folder / "hadoop", environ)
    if reason is not None:
        raise HadoopMissing(reason)
    if _copy(SHUFFLE_POM, folder / "shuffle", environ) is not None:
        (folder / "shuffle").mkdir(exist_ok=True)


def _copy(pom: Path, target: Path, environ: Mapping[str, str]) -> str | None:
    """What is wrong; None when the jars are there."""
    maven = shutil.which("mvn", path=environ.get("PATH", os.defpath))
    if maven is None:
        return "there is no `mvn`"
    command = [maven, "-B", "-q", "-f", str(pom), GOAL, "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    try:
        java = java_module.find(environ, java_module.packaged())
        done = subprocess.run(
            command,
            env={**environ, "JAVA_HOME": str(java.home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except java_module.JavaMissing:
        return "there is no Java for `mvn`"
    except subprocess.TimeoutExpired:
        return f"`mvn` did not end within {PATIENCE_S:.0f} s"
    if done.returncode != 0:
        return f"`mvn` could not fetch the jars ({_first_error(done.stdout + done.stderr)})"
    return None


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("[ERROR]").strip() for line in lines if line.startswith("[ERROR]")]
    return (errors or lines or ["it said nothing"])[0]


def _move(scratch: Path, folder: Path) -> None:
    """Give the filled folder its name at once, so that a folder of that name is always whole."""
    parts = scratch / "whole"
    parts.mkdir()
    for part in ("hadoop", "shuffle"):
        (scratch / part).rename(parts / part)
    parts.rename(folder)


def _digest() -> str:
    return hashlib.sha256(POM.read_bytes() + SHUFFLE_POM.read_bytes()).hexdigest()[:16]


def main() -> int:
    """Exit code 0 with the folder on standard output, or 1 with what to do on standard error."""
    try:
        jars = HadoopJars.here()
    except HadoopMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    service = "with" if jars.shuffle_service is not None else "without"
    sys.stdout.write(f"Hadoop {jars.version} at {jars.folder}, {service} Spark's shuffle service\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
