"""The whole agent as a process: the lag of a Kinesis stream, from CloudWatch into its turns, with its age."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.sandbox.emr import NO_QUOTAS, SandboxServer
from tests.running import agent, wait_for
from tests.test_app import aws

RULE = """
[sources]
kinesis_period_s = 10
kinesis = [{ stream = "clicks" }]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(quotas=NO_QUOTAS) as made:
        yield made


def turns(journal: Path) -> list[dict[str, Any]]:
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [turn for line in lines if (turn := json.loads(line))["kind"] == "turn"]


def rule_said(turn: dict[str, Any]) -> str:
    """The code of what the rule on the lag said."""
    said = [said["because"][0] for name, said in turn["proposals"] if name == "threshold"]
    return str(next(code for code, text in said if text.startswith("late:")))


def late(text: str) -> str:
    """The settings with one rule, on the lag."""
    rule = '{ name = "late", signal = "KinesisIteratorAge", statistic = "Maximum", comparison = ">", bound = 60000, '
    return text.replace("[policy]", f"[policy]\nrules = [{rule}for_s = 0, adjustment_units = 2 }}]")


def test_a_lag_reaches_the_turns_and_none_is_not_zero(tmp_path: Path, server: SandboxServer) -> None:
    journal = tmp_path / "journal.jsonl"
    with agent(tmp_path, aws(server.endpoint) + RULE, late) as running:
        wait_for(lambda: "kinesis.silent" in running.log(), running.log)
        assert rule_said(turns(journal)[-1]) == "signal-missing"
        minute = time.time() // 60 * 60 - 60
        name, stream = "GetRecords.IteratorAgeMilliseconds", {"StreamName": "clicks"}
        server.cloudwatch.of_aws("AWS/Kinesis", name, stream, 90_000.0, minute, "eu-west-1")
        wait_for(lambda: rule_said(turns(journal)[-1]) not in ("signal-missing", ""), running.log)
        seen = turns(journal)[-1]["observation"]
        at, value = seen["signals"]["KinesisIteratorAge"][:2]
        assert value == 90_000.0
        assert at == minute + 60, "the minute that the point is of has ended then"
