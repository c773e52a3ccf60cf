"""Hadoop's jars come once, whole or not at all; without them one exception says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.sandbox.hadoop.jars import HadoopJars, HadoopMissing, cache_folder
from agent.sandbox.java import Java

BRINGS_HADOOP_ONLY = """\
echo run >> {calls}
for argument in "$@"; do
  case "$argument" in
    *pom-shuffle.xml) echo "[ERROR] Could not find artifact"; exit 1;;
    -DoutputDirectory=*) mkdir -p "${{argument#*=}}"; touch "${{argument#*=}}/hadoop-yarn-api-3.4.9.jar";;
  esac
done
"""
BREAKS_OFF = """\
for argument in "$@"; do
  case "$argument" in -DoutputDirectory=*) mkdir -p "${{argument#*=}}"; touch "${{argument#*=}}/half.jar";; esac
done
echo "[INFO] looking"
echo "[ERROR] Could not transfer artifact: connection refused"
exit 1
"""


def environment(folder: Path, java: Java, mvn: str | None) -> dict[str, str]:
    """A PATH whose only `mvn` is this script."""
    folder.mkdir()
    if mvn is not None:
        program = folder / "mvn"
        program.write_text("#!/bin/sh\n" + mvn.format(calls=folder / "calls"))
        program.chmod(0o755)
    for tool in ("mkdir", "touch"):
        (folder / tool).symlink_to(next(p for p in (Path("/bin") / tool, Path("/usr/bin") / tool) if p.exists()))
    return {**os.environ, "PATH": str(folder), "JAVA_HOME": str(java.home)}


def test_without_maven_the_text_says_what_to_do(tmp_path: Path, java_home: Java) -> None:
    with pytest.raises(HadoopMissing, match=r"no Hadoop: there is no `mvn`[^\n]*\n.*install Maven"):
        HadoopJars.fetched(tmp_path / "cache", environment(tmp_path / "bin", java_home, None))
    assert not any((tmp_path / "cache").iterdir())


def test_a_repository_out_of_reach_leaves_nothing_behind(tmp_path: Path, java_home: Java) -> None:
    with pytest.raises(HadoopMissing, match=r"no Hadoop: .*Could not transfer artifact: connection refused"):
        HadoopJars.fetched(tmp_path / "cache", environment(tmp_path / "bin", java_home, BREAKS_OFF))
    assert not any((tmp_path / "cache").iterdir())


def test_what_was_fetched_is_not_fetched_again_and_a_missing_shuffle_service_is_none(
    tmp_path: Path, java_home: Java
) -> None:
    environ = environment(tmp_path / "bin", java_home, BRINGS_HADOOP_ONLY)
    jars = HadoopJars.fetched(tmp_path / "cache", environ)
    assert (jars.version, jars.shuffle_service) == ("3.4.9", None)
    runs = (tmp_path / "bin" / "calls").read_text()
    assert runs.count("run") == 2
    assert HadoopJars.fetched(tmp_path / "cache", environ) == jars
    assert (tmp_path / "bin" / "calls").read_text() == runs
    assert [each.name for each in (tmp_path / "cache").iterdir()] == [jars.folder.name]


def test_the_jars_of_a_checkout_are_in_its_cache() -> None:
    root = Path(__file__).parents[2]
    assert cache_folder({}) == root / ".cache" / "hadoop"
