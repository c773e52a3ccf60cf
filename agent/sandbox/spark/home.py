"""Where a Spark is installed and which one it is."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_CORE_JAR = re.compile(r"spark-core_[0-9.]+-(?P<version>(?P<major>\d+)\..+)\.jar")


class SparkMissing(Exception):
    """There is no Spark where one was looked for."""


@dataclass(frozen=True, slots=True)
class SparkHome:
    path: Path
    """SPARK_HOME: the folder that has `bin` and `jars`."""
    version: str
    """As its own jar is named: `3.5.9`."""
    major: int

    @classmethod
    def at(cls, path: Path) -> Self:
        """The Spark at a SPARK_HOME, or in a folder that `pip install --target` filled. Raises SparkMissing."""
        for home in (path, path / "pyspark"):
            found = [_CORE_JAR.fullmatch(jar.name) for jar in (home / "jars").glob("spark-core_*.jar")]
            for match in found:
                if match is not None:
                    return cls(home.resolve(), match["version"], int(match["major"]))
        raise SparkMissing(f"no Spark at {path}: neither it nor its folder `pyspark` has jars/spark-core_*.jar")

    @classmethod
    def installed(cls) -> Self:
        """The Spark of the installed package `pyspark`. Raises SparkMissing."""
        spec = importlib.util.find_spec("pyspark")
        if spec is None or spec.origin is None:
            raise SparkMissing("the package pyspark is not installed: pip install 'tidemark[sandbox]'")
        return cls.at(Path(spec.origin).parent)

    def script(self, name: str) -> str:
        return str(self.path / "bin" / name)
