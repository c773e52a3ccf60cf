"""The settings of requests: what is refused, and what is taken up while the agent runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.reload import SettingsFile
from agent.settings import SettingsError, parse
from agent.settings_check import load_checked

FLEET = "[fleet]\nmax_capacity_units = 4\n"
QUEUE = 'queue_url = "https://sqs.eu-west-1.amazonaws.com/123456789012/alarms"'
TOPIC = 'topic_arn = "arn:aws:sns:eu-west-1:123456789012:alarms"'
HEAP = '[[actions.alarms]]\nname = "heap"\n'


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        (f"[actions]\n{QUEUE}", "actions", "topic_arn is required"),
        ('[actions]\nqueue_url = "alarms"', "actions.queue_url", "pattern"),
        ('[actions]\ntopic_arn = "arn:aws:sns:eu-west-1:123456789012:alarms.fifo"', "actions.topic_arn", "pattern"),
        (f"[actions]\n{TOPIC}\n[actions.endpoint]\nenabled = true", "actions.endpoint", "certificate_path"),
        ('[actions]\nsns_origin = "https://x/y"', "actions.sns_origin", "pattern"),
        ("[actions]\nmax_age_s = 0", "actions.max_age_s", "greater than 0"),
        ("[actions]\nmax_age_s = inf", "actions.max_age_s", "less than"),
        (HEAP + "adjustment_percent = 1e308", "actions.alarms.0.adjustment_percent", "less than"),
        (HEAP + "adjustment_percent = -101", "actions.alarms.0.adjustment_percent", "greater than"),
        (HEAP + "to_units = 1\ncooldown_s = inf", "actions.alarms.0.cooldown_s", "less than"),
        (HEAP, "actions.alarms.0", "exactly one"),
        (HEAP + "adjustment_units = 1\nto_units = 2", "actions.alarms.0", "exactly one"),
        (HEAP + "adjustment_units = 0", "actions.alarms.0", "exactly one"),
        (HEAP + 'to_units = 0\nstate = "ALARMING"', "actions.alarms.0.state", "did you mean 'ALARM'"),
        (HEAP + "to_units = 1\n" + HEAP + "to_units = 2", "actions", "heap ALARM"),
        (HEAP + "adjustment_unit = 1", "actions.alarms.0.adjustment_unit", "did you mean 'adjustment_units'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(text: str, path: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(FLEET + text)
    assert any(fault.path == path and said in fault.text for fault in refused.value.faults), refused.value.faults


@pytest.mark.parametrize(
    ("topic", "origin"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:a", "https://sns.eu-west-1.amazonaws.com"),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:a", "https://sns.us-gov-west-1.amazonaws.com"),
        ("arn:aws-cn:sns:cn-north-1:123456789012:a", "https://sns.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_sns_is_where_its_topic_is(topic: str, origin: str) -> None:
    assert parse(f'{FLEET}[actions]\ntopic_arn = "{topic}"').actions.origin == origin


def test_what_alarms_ask_for_is_taken_up_live_and_what_is_wired_waits(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    text = f"{FLEET}[actions]\n{QUEUE}\n{TOPIC}\n"
    file.write_text(text)
    settings = SettingsFile(file, load_checked(file))
    file.write_text(text.replace("/alarms", "/other") + f"max_age_s = 60\n{HEAP}to_units = 3\n")
    found = settings.changed()
    assert found is not None
    assert (found.actions.max_age_s, found.actions.alarms[0].to_units) == (60, 3)
    assert found.actions.queue_url is not None
    assert found.actions.queue_url.endswith("/alarms")
