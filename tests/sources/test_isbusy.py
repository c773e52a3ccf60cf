from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.sources.isbusy import IsBusyFile


def touched(path: Path, at: float) -> Path:
    path.touch()
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize(("age_s", "busy"), [(0, True), (3599, True), (3600, False), (90_000, False), (-60, True)])
def test_the_file_is_busy_while_it_is_younger_than_the_limit(tmp_path: Path, age_s: float, busy: bool) -> None:
    """One of the future as well: clocks differ, and on doubt the cluster stays."""
    path = touched(tmp_path / "isbusy", 1_000_000 - age_s)
    evidence = IsBusyFile(path, 3600, lambda: 1_000_000.0)()
    assert (evidence.probe, evidence.busy, evidence.at) == ("isbusy", busy, 1_000_000.0)
    assert evidence.detail == (f"touched {age_s} s ago" if age_s >= 0 else "its time lies 60 s ahead")


def test_no_file_is_not_busy(tmp_path: Path) -> None:
    assert not IsBusyFile(tmp_path / "no" / "isbusy", 3600, lambda: 0.0)().busy
    (tmp_path / "plain").touch()
    assert not IsBusyFile(tmp_path / "plain" / "isbusy", 3600, lambda: 0.0)().busy


def test_a_file_that_cannot_be_looked_at_is_busy(tmp_path: Path) -> None:
    """A link to itself stands for every other fault: it is one for the superuser as well."""
    path = tmp_path / "isbusy"
    path.symlink_to(path)
    evidence = IsBusyFile(path, 3600, lambda: 0.0)()
    assert evidence.busy and "cannot be looked at" in evidence.detail
