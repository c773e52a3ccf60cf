"""The user's page of the lifecycle names what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from agent.aws.rights import BY_OPERATOR_OF_LIFECYCLE
from agent.cli import main
from agent.lifecycle.events import Ignored, Malformed
from agent.lifecycle.ingress import events_of
from agent.lifecycle.messages import WORDS
from agent.lifecycle.rows import ClusterProfile, JobProfile
from agent.verbs.cluster import INTERRUPTED
from agent.verbs.lifecycle_wait import CODES, STILL_THERE

PAGE = (Path(__file__).parents[2] / "docs" / "lifecycle.md").read_text(encoding="utf-8")


def table(after: str) -> list[list[str]]:
    """The cells of the first table behind these words, without its head."""
    lines = PAGE.split(after, 1)[1].split("\n|", 1)[1].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize(("after", "model"), [("`[cluster.NAME]`:", ClusterProfile), ("`[job.NAME]`:", JobProfile)])
def test_the_settings_of_profiles_are_those_of_the_code(after: str, model: type[BaseModel]) -> None:
    told = {name: cells[1] for cells in table(after) for name in re.findall(r"`(\w+)`", cells[0])}
    assert set(told) == set(model.model_fields) - {"key"}
    for name, default in told.items():
        field = model.model_fields[name]
        assert field.is_required() == (default == "required"), name
        if default.startswith("`"):
            value = field.default
            assert default.strip("`") == (f"{value:g}" if isinstance(value, float) else str(value).lower()), name


def test_every_message_is_read_and_every_word_is_told() -> None:
    told = [cells[0].strip("`") for cells in table("## What the queue takes")]
    events = [event for body in told for event in events_of(body)]
    assert not [event for event in events if isinstance(event, Malformed | Ignored)]
    assert {next(iter(json.loads(body))) for body in told} == set(WORDS)


def test_the_exit_codes_are_those_of_the_code() -> None:
    told = {int(cells[0]): cells[1] for cells in table("`cluster wait` takes")}
    assert set(told) == {2, STILL_THERE, INTERRUPTED, *CODES.values()}
    assert all(kind in told[code] for kind, code in CODES.items())


def test_the_verbs_and_their_options_exist() -> None:
    named = re.findall(r"tidemark (cluster|job|profile) (\w+)((?: (?!--\n)[^\n`]*)?)", PAGE)
    assert len(named) > 8
    for group, verb, rest in named:
        commands = main.commands[group]
        assert isinstance(commands, click.Group)
        options = {name for one in commands.commands[verb].params for name in one.opts}
        given = rest.split(" -- ")[0]
        assert set(re.findall(r"--[a-z-]+", given)) <= options, (group, verb)


def test_the_statements_of_the_operator_are_named() -> None:
    rights = PAGE.split("## Rights")[1]
    assert {sid for _, sid in BY_OPERATOR_OF_LIFECYCLE.values()} <= set(re.findall(r"`(Tidemark\w+)`", rights))
