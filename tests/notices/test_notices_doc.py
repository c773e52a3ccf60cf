"""`docs/notices.md` shows what is sent: every kind with its severity and facts, and both shapes of a message."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent.domain.notices import NoticeKind, Told
from agent.settings_notices import NoticeSettings
from tests.notices.build import Heard, a_life, a_notice
from tests.policy.build import NOW, settings

PAGE = (Path(__file__).parent.parent.parent / "docs" / "notices.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def everything() -> Heard:
    told = settings().model_copy(update={"notices": NoticeSettings(min_interval_s=0, max_per_hour=1000)})
    heard = Heard(told, Told(started_at=NOW - 5000))
    heard.desk.began(NOW - 60)
    for turn in a_life():
        heard.desk.look(turn)
    return heard


def rows() -> dict[str, tuple[str, set[str]]]:
    """By kind: severity and facts."""
    found = {}
    for line in PAGE.splitlines():
        if row := re.match(r"\| `([a-z-]+)` \| (info|warning|critical) \| [^|]+ \| ([^|]*)\|", line):
            found[row[1]] = (row[2], set(re.findall(r"`(\w+)`", row[3])))
    return found


def test_every_kind_can_be_told(everything: Heard) -> None:
    assert set(everything.kinds()) == set(NoticeKind)


def test_the_table_has_every_kind_with_its_severity_and_its_facts(everything: Heard) -> None:
    told = {
        one.attributes["kind"]: (one.attributes["severity"], set(json.loads(one.json)["facts"]))
        for one in everything.messages
        if one.attributes["kind"] != NoticeKind.METRICS_LOST
    }
    listed = rows()
    assert listed.pop("metrics-lost") == ("warning", set()), "its facts are names of metrics"
    assert listed == told


def test_the_keys_of_the_json_are_listed(everything: Heard) -> None:
    _, _, after = PAGE.partition("| key | |\n|---|---|\n")
    listed = re.findall(r"^\| `(\w+)` \|", after.split("\n\n")[0], re.MULTILINE)
    for one in everything.messages:
        assert list(json.loads(one.json)) == listed


def test_the_examples_are_what_is_sent() -> None:
    from agent.notices.render import message

    shown = message(a_notice(at=1_795_276_800.0), "j-3ABCDEFGHIJKL", "nightly", {NoticeKind.RESIZED: 2})
    (text,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    (data,) = re.findall(r"```json\n(\{\n  \"schema\".*?)```", PAGE, re.DOTALL)
    assert text == f"Subject: {shown.subject}\n\n{shown.text}\n"
    assert json.loads(data) == json.loads(shown.json)


def test_the_filter_policies_that_it_shows_ask_for_attributes_and_values_that_exist(everything: Heard) -> None:
    shown = [json.loads(found) for found in re.findall(r"`(\{\"[a-z_]+\": \[.*?\]\})`", PAGE)]
    assert shown
    attributes = {name for one in everything.messages for name in one.attributes} | {"format"}
    values = {value for one in everything.messages for value in one.attributes.values()} | {"text", "json"}
    for policy in shown:
        assert set(policy) <= attributes
        assert {value for wanted in policy.values() for value in wanted} <= values | {"nightly"}
