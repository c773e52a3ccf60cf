from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.sources.isbusy import IsBusyFile, KeptBusy


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


class Kept:
    """The file, what touches it for the lifecycle, and the probe, at a time that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "isbusy"
        self.now = 1_000_000.0
        self.kept = KeptBusy(self.path, lambda: self.now)
        self.probe = IsBusyFile(self.path, 3600, lambda: self.now, self.kept)

    @property
    def age_s(self) -> float:
        return self.now - self.path.stat().st_mtime


def test_while_a_job_has_the_cluster_the_file_stays_young_and_then_goes(tmp_path: Path) -> None:
    it = Kept(tmp_path)
    it.kept(False)
    assert not it.path.exists()
    for _ in range(3):
        it.now += 60
        it.kept(True)
        assert it.age_s == 0
        assert not it.probe().busy, "our own touch is no work of others"
    it.kept(False)
    assert not it.path.exists()


def test_what_others_touched_counts_as_before_and_is_left_as_it_was(tmp_path: Path) -> None:
    it = Kept(tmp_path)
    touched(it.path, it.now - 1000)
    it.kept(True)
    assert it.age_s == 0
    assert it.probe().detail == "touched 1000 s ago"
    it.now += 100
    touched(it.path, it.now)
    it.now += 50
    it.kept(True)
    assert it.probe().detail == "touched 50 s ago"
    it.kept(False)
    assert it.age_s == 50


def test_what_was_touched_or_removed_after_us_is_left_alone(tmp_path: Path) -> None:
    it = Kept(tmp_path)
    it.kept(True)
    it.now += 10
    touched(it.path, it.now)
    it.kept(False)
    assert it.age_s == 0
    it.kept(True)
    it.path.unlink()
    it.kept(False)
    assert not it.path.exists() and not it.probe().busy


def test_a_file_that_cannot_be_touched_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    it = Kept(tmp_path)
    it.path.symlink_to(it.path)
    it.kept(True)
    it.kept(True)
    assert [record.getMessage() for record in caplog.records] == ["isbusy.cannot_be_touched"]
