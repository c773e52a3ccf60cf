"""The settings file: what is refused, how it is said, and that the documentation tells the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import settings_doc, settings_file
from agent.settings import SettingsError, load, parse
from agent.settings_check import load_checked

MINIMAL = "[fleet]\nmax_capacity_units = 10\n"
CONFIGURATION = Path(__file__).parent.parent / "docs" / "configuration.md"


def faults(text: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        parse(text)
    return {fault.path: fault.text for fault in caught.value.faults}


def test_the_defaults_are_15_and_75_percent_of_available_memory() -> None:
    low, free = parse(MINIMAL).policy.rules
    assert (low.signal, low.comparison, low.bound, low.for_s, low.adjustment_units) == (
        "MemoryAvailablePercent", "<", 15, 300, 5,
    )  # fmt: skip
    assert (free.signal, free.comparison, free.bound, free.for_s, free.adjustment_units) == (
        "MemoryAvailablePercent", ">", 75, 180, -3,
    )  # fmt: skip


def test_the_maximum_is_mandatory() -> None:
    assert "is required" in faults("")["fleet"]
    assert "is required" in faults("[fleet]\nmin_capacity_units = 1\n")["fleet.max_capacity_units"]


def test_all_faults_are_reported_at_once_with_their_dotted_paths_and_the_nearest_name() -> None:
    found = faults(
        """
        [fleet]
        max_capacity_units = 3
        min_capacity_units = "x"
        [policy]
        turn_perod_s = 3
        [[policy.rules]]
        name = "a"
        signal = "X"
        statistic = "Maximun"
        comparison = "<"
        bound = 1
        for_s = -1
        adjustment_units = 1
        [idl]
        [sinks.cloudwatch]
        namespace = "AWS/Mine"
        """
    )
    assert set(found) == {
        "fleet.min_capacity_units",
        "policy.turn_perod_s",
        "policy.rules.0.statistic",
        "policy.rules.0.for_s",
        "idl",
        "sinks.cloudwatch",
    }
    assert "did you mean 'turn_period_s'?" in found["policy.turn_perod_s"]
    assert "did you mean 'Maximum'?" in found["policy.rules.0.statistic"]
    assert "did you mean 'idle'?" in found["idl"]
    assert "reserved" in found["sinks.cloudwatch"]


@pytest.mark.parametrize(
    ("adjustment", "why"),
    [
        ("", "exactly one"),
        ("adjustment_units = 0", "not zero"),
        ("adjustment_units = 1\nadjustment_percent = 5", "exactly one"),
    ],
)
def test_a_rule_has_one_adjustment(adjustment: str, why: str) -> None:
    rule = f'[[policy.rules]]\nname="a"\nsignal="X"\ncomparison="<"\nbound=1\nfor_s=1\n{adjustment}\n'
    assert why in faults(MINIMAL + rule)["policy.rules.0"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "localhost:8088",
            "no URL: it begins with neither http:// nor https://; did you mean 'http://localhost:8088'?",
        ),
        ("ip-10-0-0-1", "did you mean 'http://ip-10-0-0-1'?"),
        (" http://h:8088", "did you mean 'http://h:8088'?"),
        ("ftp://h", "neither http:// nor https://"),
        ("http://", "empty host"),
        ("http://h:99999", "invalid port number"),
        ("http://h h", "has a space"),
        ("http://h/ws?user.name=x", "there can be no ? and no #"),
        ("http:/h", "neither http:// nor https://"),
    ],
)
def test_what_is_no_url_is_refused_wherever_one_is_asked_for(given: str, said: str) -> None:
    places = {
        "aws.endpoint_url": '[aws]\nendpoint_url = "{}"',
        "sources.yarn.url": '[sources.yarn]\nurl = "{}"',
        "sources.hdfs.other_urls.0": '[sources.hdfs]\nother_urls = ["{}"]',
        "sources.standalone.url": '[sources.standalone]\nurl = "{}"',
        "sources.spark.url": '[sources.spark]\nurl = "{}"',
    }
    for where, text in places.items():
        found = faults(f"[fleet]\nmax_capacity_units = 3\n{text.format(given)}")
        assert set(found) == {where}
        assert said in found[where]


@pytest.mark.parametrize("url", ["http://h", "https://[::1]:8090", "HTTP://h:80/base/", "http://10.0.0.1:8088", ""])
def test_urls_stay_as_they_are_written(url: str) -> None:
    text = f'[fleet]\nmax_capacity_units = 3\n[sources.yarn]\nurl = "{url}"\n[sources.spark]\nurl = "{url}"'
    found = parse(text).sources
    assert (found.yarn.url, found.spark.url) == (url, url)


def test_only_hadoops_daemons_are_found_by_themselves() -> None:
    told = '[fleet]\nmax_capacity_units = 3\n[sources.{}]\nurl = "auto"'
    assert parse(told.format("hdfs")).sources.hdfs.url == "auto"
    assert set(faults(told.format("standalone"))) == {"sources.standalone.url"}


def test_a_minimum_above_the_maximum_is_refused() -> None:
    assert "above" in faults("[fleet]\nmin_capacity_units = 5\nmax_capacity_units = 4\n")["fleet"]


def test_rule_names_are_unique() -> None:
    rule = '[[policy.rules]]\nname="a"\nsignal="X"\ncomparison="<"\nbound=1\nfor_s=1\nadjustment_units=1\n'
    assert "unique" in faults(MINIMAL + rule + rule)["policy"]


@pytest.mark.parametrize("name", ["demand", "by hand", "alarm Tidemark nightly heap-high"])
def test_a_rule_has_no_name_that_stands_for_something_else(name: str) -> None:
    rule = (
        f'[[policy.rules]]\nname = "{name}"\nsignal = "X"\ncomparison = "<"\nbound = 1\nfor_s = 1\n'
        "adjustment_units = 1\n"
    )
    assert name in faults(MINIMAL + rule)["policy"]


@pytest.mark.parametrize("given", ["adjustment_percent = 1e308", "adjustment_units = 1\ncooldown_s = inf"])
def test_no_adjustment_and_no_cooldown_is_without_bounds(given: str) -> None:
    rule = f'[[policy.rules]]\nname = "a"\nsignal = "X"\ncomparison = "<"\nbound = 1\nfor_s = 1\n{given}\n'
    assert any("less than or equal to" in text for text in faults(MINIMAL + rule).values())


def test_a_file_that_is_absent_or_no_toml_is_one_clear_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "none.toml")
    assert "cannot be read" in str(caught.value.faults[0])
    (tmp_path / "bad.toml").write_text("[fleet\n")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path / "bad.toml")
    assert "is not TOML" in str(caught.value.faults[0])


def test_the_documentation_has_exactly_the_settings_of_the_code() -> None:
    documented = CONFIGURATION.read_text(encoding="utf-8")
    between = documented.split("<!-- settings -->\n")[1].split("<!-- end of settings -->")[0]
    assert between == settings_doc.markdown(), "run: python -m agent.settings_doc"


def test_settings_written_as_a_file_read_back_equal() -> None:
    settings = parse(MINIMAL + '[aws]\nregion = "eu-west-1"\n[journal]\npath = "/tmp/a \\"b\\".jsonl"\n')
    assert parse(settings_file.render(settings)) == settings


def test_a_rule_on_a_metric_that_nobody_publishes_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    rule = '[[policy.rules]]\nname="a"\nsignal="JvmHeapUsd"\ncomparison="<"\nbound=1\nfor_s=1\nadjustment_units=1\n'
    (tmp_path / "typo.toml").write_text(MINIMAL + rule)
    with pytest.raises(SettingsError) as caught:
        load_checked(tmp_path / "typo.toml")
    (fault,) = caught.value.faults
    assert fault.path == "policy.rules.0.signal"
    assert "did you mean 'JvmHeapUsed'?" in fault.text


def test_the_default_rules_are_on_metrics_that_exist(tmp_path: Path) -> None:
    (tmp_path / "least.toml").write_text(MINIMAL)
    assert load_checked(tmp_path / "least.toml") == parse(MINIMAL)


def test_tables_in_tables_without_end_are_a_fault_and_not_a_crash() -> None:
    with pytest.raises(SettingsError, match="1 fault"):
        parse("a = " + "[" * 20_000 + "]" * 20_000)


def test_a_shadow_is_named_once() -> None:
    with pytest.raises(SettingsError) as raised:
        parse('[fleet]\nmax_capacity_units = 1\n[policy]\nshadows = ["demand", "demand"]\n')
    assert "each shadow policy is named once" in str(raised.value.faults[0])


@pytest.mark.parametrize(("lost_s", "told"), [(119, True), (120, False)])
def test_one_late_heartbeat_must_not_make_the_agent_unheard_of(tmp_path: Path, lost_s: int, told: bool) -> None:
    file = tmp_path / "beats.toml"
    file.write_text(f'{MINIMAL}\n[lifecycle]\ntable = "clusters"\nheartbeat_s = 60\nheartbeat_lost_s = {lost_s}\n')
    if not told:
        assert load_checked(file).lifecycle.heartbeat_lost_s == lost_s
        return
    with pytest.raises(SettingsError) as found:
        load_checked(file)
    assert [fault.path for fault in found.value.faults] == ["lifecycle.heartbeat_lost_s"]
