"""Settings that change while the agent runs: what is taken up, what waits for a restart, what is refused."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reload import SettingsFile, differences
from agent.settings_check import load_checked
from tests.running import agent, wait_for

BASE = "[fleet]\nmax_capacity_units = 4\n"


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Each event with what it is about."""
    told = []
    for record in caplog.records:
        fields = vars(record)["fields"]
        told.append((record.getMessage(), fields.get("paths") or fields["fault"]))
    return told


def begun(file: Path, text: str = BASE) -> SettingsFile:
    file.write_text(text)
    found = SettingsFile(file, load_checked(file))
    assert found.changed() is None
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_nothing_changes_while_the_file_stays(file: Path) -> None:
    settings = begun(file)
    assert settings.changed() is None
    file.write_text(BASE + "# only a comment\n")
    assert settings.changed() is None


def test_limits_rules_and_the_watchdog_are_taken_up(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings = begun(file)
    file.write_text("[fleet]\nmin_capacity_units = 2\nmax_capacity_units = 9\n[idle]\nafter_s = 60\n")
    found = settings.changed()
    assert found is not None
    assert (found.fleet.min_capacity_units, found.fleet.max_capacity_units, found.idle.after_s) == (2, 9, 60)
    assert said(caplog) == [("settings.taken_up", "fleet.max_capacity_units, fleet.min_capacity_units, idle.after_s")]
    assert settings.changed() is None


def test_what_is_wired_stays_and_is_named(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = begun(file)
    file.write_text("[listener]\nport = 9999\n[fleet]\nmax_capacity_units = 4\n[policy]\nturn_period_s = 3\n")
    assert settings.changed() is None
    assert said(caplog) == [("settings.need_restart", "listener.port, policy.turn_period_s")]


def test_settings_that_cannot_be_used_change_nothing_and_are_said_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = begun(file)
    file.write_text("[fleet]\nmax_capacity_units = 4\nmax_capacity_unit = 5\n")
    assert settings.changed() is None
    assert settings.changed() is None
    assert said(caplog) == [("settings.refused", "is no setting; did you mean 'max_capacity_units'?")]
    file.write_text("[fleet]\nmax_capacity_units = 5\n")
    found = settings.changed()
    assert found is not None and found.fleet.max_capacity_units == 5


def test_a_file_that_is_gone_changes_nothing(file: Path) -> None:
    settings = begun(file)
    file.unlink()
    assert settings.changed() is None
    file.write_text("[fleet]\nmax_capacity_units = 5\n")
    assert settings.changed() is not None


TABLES = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
)


@given(TABLES, TABLES)
def test_tables_differ_where_they_are_not_equal(one: object, other: object) -> None:
    found = list(differences({"root": one}, {"root": other}))
    assert bool(found) == (one != other)


def test_the_running_agent_takes_a_change_up(tmp_path: Path) -> None:
    extra = '[aws]\nregion = "eu-west-1"\nendpoint_url = "http://127.0.0.1:9"\n'
    with agent(tmp_path, extra) as running:
        file = tmp_path / "tidemark.toml"
        text = file.read_text()
        file.write_text(text.replace("max_capacity_units = 4", "max_capacity_units = 7"))
        wait_for(lambda: "settings.taken_up" in running.log(), running.log)
        wait_for(lambda: '"kind":"settings"' in (tmp_path / "journal.jsonl").read_text(), "a line in the journal")
        assert running.stop() == 0
