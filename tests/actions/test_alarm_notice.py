"""What CloudWatch says of an alarm, and everything else that may stand in its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.alarm_notices import AlarmNotice, Refusal
from agent.wire import alarm_notice, sns
from tests.actions.notices import ACCOUNT, NOW, REGION, TOPIC, alarm, envelope


def test_a_notice_is_read() -> None:
    found = alarm_notice.parse(json.dumps(alarm("Tidemark j-TEST heap-high", at=NOW + 0.123)))
    assert isinstance(found, AlarmNotice)
    assert (found.name, found.account, found.region) == ("Tidemark j-TEST heap-high", ACCOUNT, REGION)
    assert (found.state, found.changed_at) == ("ALARM", NOW + 0.123)
    assert found.dimensions == {("ClusterId", "j-TEST")}
    assert "Threshold Crossed" in found.reason


def test_the_dimensions_of_an_expression_are_read_and_a_composite_alarm_has_none() -> None:
    metric = {"MetricStat": {"Metric": {"Dimensions": [{"value": "j-9", "name": "ClusterId"}]}, "Stat": "p90"}}
    of_expression = alarm(Trigger={"Metrics": [{"Id": "e1", "Expression": "m1*2"}, {"Id": "m1", **metric}]})
    found = alarm_notice.of_object(of_expression)
    assert isinstance(found, AlarmNotice)
    assert found.dimensions == {("ClusterId", "j-9")}
    composite = {name: value for name, value in alarm().items() if name != "Trigger"}
    found = alarm_notice.of_object({**composite, "AlarmRule": 'ALARM("a")', "TriggeringChildren": []})
    assert isinstance(found, AlarmNotice)
    assert found.dimensions == frozenset()


@pytest.mark.parametrize(
    "changed",
    [
        {"AlarmName": None},
        {"AlarmName": "other"},
        {"AlarmArn": "arn:aws:sns:eu-west-1:123456789012:heap"},
        {"AWSAccountId": "999999999999"},
        {"NewStateValue": "alarm"},
        {"NewStateValue": ["ALARM"]},
        {"StateChangeTime": "yesterday"},
        {"StateChangeTime": "2027-01-15T08:00:00.000"},
        {"StateChangeTime": 1_800_000_000},
    ],
)
def test_what_lacks_a_part_or_contradicts_itself_is_malformed(changed: dict[str, Any]) -> None:
    assert alarm_notice.of_object({**alarm(), **changed}) is Refusal.MALFORMED


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", Refusal.MALFORMED),
        ("[]", Refusal.MALFORMED),
        ("{", Refusal.MALFORMED),
        ("[" * 100_000, Refusal.MALFORMED),
        ('{"a": ' * 100_000, Refusal.MALFORMED),
        ("1" * 10_000, Refusal.MALFORMED),
        (" " * (alarm_notice.MAX_BYTES + 1), Refusal.TOO_LARGE),
    ],
)
def test_what_is_no_notice_is_refused(text: str, refusal: Refusal) -> None:
    assert alarm_notice.parse(text) is refusal


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(alarm())), JSON, max_size=6))
def test_nothing_in_a_notice_raises(changed: dict[str, Any]) -> None:
    found = alarm_notice.of_object({**alarm(), **changed})
    assert isinstance(found, AlarmNotice | Refusal)
    if isinstance(found, AlarmNotice):
        assert len(found.reason) <= alarm_notice.MAX_REASON


@given(st.dictionaries(st.sampled_from([*envelope({}, certificate_url="x"), "Token", "SubscribeURL"]), JSON))
def test_nothing_in_an_envelope_raises(changed: dict[str, Any]) -> None:
    sns.envelope({**envelope({}, certificate_url="https://x/y.pem"), **changed})


def test_an_envelope_is_read_with_and_without_a_subject() -> None:
    for subject in ("ALARM: heap", None):
        found = sns.envelope(envelope(alarm(), certificate_url="https://x/y.pem", Subject=subject))
        assert found is not None
        assert found.topic_arn == TOPIC
        assert (b"\nSubject\nALARM: heap\n" in found.signed) is (subject is not None)
