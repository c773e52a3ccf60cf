"""Single settings over a file, as install.sh and `tidemark config` take them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main
from agent.settings import SettingsError, parse
from agent.settings_change import changed, read
from agent.settings_file import render


def test_a_change_goes_over_the_file_and_a_default_behind_it() -> None:
    table = {"fleet": {"max_capacity_units": 4}}
    changes = [read("fleet.max_capacity_units=9", where_absent=True), read("idle.enabled=false", where_absent=True)]
    assert changed(table, changes) == {"fleet": {"max_capacity_units": 4}, "idle": {"enabled": False}}
    assert changed(table, [*changes, read("fleet.max_capacity_units=7")])["fleet"] == {"max_capacity_units": 7}
    assert table == {"fleet": {"max_capacity_units": 4}}


@pytest.mark.parametrize(
    ("text", "value"),
    [("a.b=40", 40), ("a.b=true", True), ("a.b=x", "x"), ('a.b="4"', "4"), ("a.b=", ""), ("a.b=1\nc=2", "1\nc=2")],
)
def test_a_value_is_read_as_toml_and_else_as_a_text(text: str, value: object) -> None:
    assert read(text).value == value


@given(st.text())
def test_any_text_is_a_change_or_a_clear_refusal(text: str) -> None:
    try:
        change = read(text)
    except SettingsError as error:
        assert "KEY=VALUE" in str(error.faults[0])
    else:
        assert changed({}, [change])


def test_a_path_through_something_that_is_no_table_is_refused_with_its_name() -> None:
    with pytest.raises(SettingsError) as caught:
        changed({"fleet": 3}, [read("fleet.max_capacity_units=1")])
    assert "fleet is no table" in str(caught.value.faults[0])


def test_what_is_given_alone_is_written_and_reads_back_equal(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[fleet]\nmax_capacity_units = 4\n[[policy.rules]]\nname="a"\nsignal="JvmHeapUsed"\n')
    more = 'comparison="<"\nbound=1\nfor_s=1\nadjustment_units=1\n'
    file.write_text(file.read_text() + more)
    arguments = ["config", str(file), "--given", "--set", "cluster.name=nightly", "--default", "idle.enabled=false"]
    printed = CliRunner().invoke(main, arguments)
    assert printed.exit_code == 0, printed.output
    assert set(tomllib.loads(printed.output)) == {"cluster", "fleet", "idle", "policy"}
    again = parse(printed.output)
    assert (again.cluster.name, again.idle.enabled, again.fleet.max_capacity_units) == ("nightly", False, 4)
    assert render(again, given=True) == printed.output


def test_a_change_that_is_no_setting_ends_with_the_nearest_one(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[fleet]\nmax_capacity_units = 4\n")
    printed = CliRunner().invoke(main, ["config", str(file), "--set", "fleet.max_capacty_units=3"])
    assert printed.exit_code == 2
    assert "did you mean 'max_capacity_units'?" in printed.output
