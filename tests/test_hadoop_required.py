"""A skipped test on Hadoop is one line of the summary, or with --hadoop-required a failure: side by side as well.
The same for the browser, with --browser-required."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SKIPPED = """\
import pytest

@pytest.fixture(autouse=True)
def never():
    pytest.skip("for a reason of its own")

@pytest.mark.hadoop
@pytest.mark.parametrize("number", range(3))
def test_on_hadoop(number):
    raise AssertionError

@pytest.mark.browser
def test_in_the_browser():
    raise AssertionError

def test_without_it():
    raise AssertionError
"""


def run(folder: Path, *options: str) -> tuple[int, str]:
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  hadoop\n  browser\n")
    (folder / "test_it.py").write_text(SKIPPED)
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *options, "-c", str(folder / "pytest.ini"), "--rootdir", str(folder), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_skipped_test_on_hadoop_fails_where_hadoop_is_required(tmp_path: Path, workers: str) -> None:
    code, said = run(tmp_path, "-n", workers, "--hadoop-required")
    assert code == 1
    assert "2 skipped, 3 errors" in said
    assert "skipped with --hadoop-required" in said


def test_a_skipped_test_in_the_browser_fails_where_the_browser_is_required(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--browser-required", "-m", "browser")
    assert code == 1
    assert "1 error" in said
    assert "skipped with --browser-required" in said


def test_elsewhere_skipped_tests_are_one_line(tmp_path: Path) -> None:
    code, said = run(tmp_path, "-n", "2")
    assert code == 0
    assert "5 skipped" in said
    of_hadoop = [line for line in said.splitlines() if line.startswith("SKIPPED") and "[1]" not in line]
    assert len(of_hadoop) == 1
