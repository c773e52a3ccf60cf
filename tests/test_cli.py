"""The verbs as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import agent
from agent.cli import main
from agent.settings import parse

LEAST = "[fleet]\nmax_capacity_units = 10\n"


def tidemark(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], prog_name="tidemark")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.toml"
    file.write_text(LEAST)
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.toml"
    file.write_text("[fleet]\nmax_capacity_unit = 10\n[policy]\nturn_period_s = 'soon'\n")
    return file


def test_version() -> None:
    done = tidemark("version")
    assert (done.exit_code, done.output) == (0, f"tidemark {agent.__version__}\n")


def test_check_says_good(good: Path) -> None:
    done = tidemark("check", good)
    assert done.exit_code == 0
    assert "good" in done.output


@pytest.mark.parametrize("verb", ["check", "config"])
def test_settings_that_cannot_be_used_are_2_and_every_fault_is_on_standard_error(verb: str, bad: Path) -> None:
    done = tidemark(verb, bad)
    assert done.exit_code == 2
    assert done.stdout == ""
    for said in ("fleet.max_capacity_units: is required", "did you mean 'max_capacity_units'?", "policy.turn_period_s"):
        assert said in done.stderr


def test_wrong_use_is_2() -> None:
    assert tidemark("chekc").exit_code == 2
    assert tidemark("run").exit_code == 2
    assert tidemark("replay", "journal").exit_code == 2


def test_config_prints_a_settings_file_with_the_same_meaning(good: Path) -> None:
    done = tidemark("config", good)
    assert done.exit_code == 0
    assert parse(done.output) == parse(LEAST)


@pytest.mark.parametrize(
    ("more", "said"),
    [("", "move it to notices.topic_arn"), ('[notices]\ntopic_arn = "{topic}"\n', "not used beside notices.topic_arn")],
)
def test_the_older_place_of_the_topic_is_good_and_remarked_on(tmp_path: Path, more: str, said: str) -> None:
    file, topic = tmp_path / "older.toml", "arn:aws:sns:eu-west-1:123456789012:older"
    file.write_text(f'{LEAST}[idle]\nnotice_topic_arn = "{topic}"\n{more.format(topic=topic)}')
    found = tidemark("check", file)
    assert found.exit_code == 0 and "good" in found.output
    assert said in " ".join(found.output.split())


def test_replay_of_what_is_no_journal_is_1_and_says_so(good: Path, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("not a journal\n")
    done = tidemark("replay", tmp_path / "journal.jsonl", "--config", good)
    assert done.exit_code == 1
    assert "holds no turn" in done.stderr
    done = tidemark("replay", tmp_path / "none.jsonl", "--config", good)
    assert done.exit_code == 1
    assert "cannot be read" in done.stderr


def test_replay_with_the_same_settings_differs_nowhere_and_with_others_says_where(tmp_path: Path, good: Path) -> None:
    journal = Path(__file__).parent / "data" / "journal" / "demo.jsonl"
    settings = journal.with_name("demo.toml")
    turns = sum(json.loads(line)["kind"] == "turn" for line in journal.read_text().splitlines())
    same = tidemark("replay", journal, "--config", settings)
    assert same.exit_code == 0, same.output
    assert f"{turns} turns, 0 would differ" in same.output
    other = tidemark("replay", journal, "--config", good)
    assert other.exit_code == 0
    assert "0 would differ" not in other.output


def test_a_shuffle_service_without_node_managers_is_a_usage_error() -> None:
    said = tidemark("demo", "--shuffle-service")
    assert said.exit_code == 2
    assert "--cluster yarn" in said.output
