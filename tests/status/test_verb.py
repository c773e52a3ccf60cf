"""`tidemark status` as a command: beside a real agent, from elsewhere by CloudWatch and EMR, and beside nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.status import local, terminal
from agent.status.state import State
from agent.status.written import as_json
from tests.fakes import http
from tests.policy import build
from tests.running import CREDENTIALS, PATIENCE_S, free_port, wait_for
from tests.status.states import held, state
from tests.status.test_page import hostile
from tests.status.watched import REGION, Watched, client, watched


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "agent", "status", *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Of a laptop without any AWS configuration but keys."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "200", **CREDENTIALS}


def status(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
        env=environment(folder),
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("agent")) as each:
        wait_for(lambda: (each.state().get("manager") or {}).get("applications"), each.running.log)
        each.report(20, 40, 90)
        yield each


def remotely(seen: Watched, *more: str) -> tuple[str, ...]:
    return ("--cluster", seen.cluster_id, "--region", REGION, "--endpoint-url", seen.endpoint, *more)


def test_beside_the_agent_it_tells_what_the_page_tells(seen: Watched, tmp_path: Path) -> None:
    code, out, err = status(tmp_path, "--url", seen.url)
    assert (code, err) == (0, "")
    assert "nightly" in out and "Holding" in out
    assert "applications: 1 unfinished" in out
    assert all(reason["code"] in out for reason in seen.state()["now"]["decision"]["because"])


def test_the_settings_tell_where_the_page_is(seen: Watched, tmp_path: Path) -> None:
    code, out, _ = status(tmp_path, "--config", str(seen.running.folder / "tidemark.toml"), "--json")
    assert code == 0
    assert json.loads(out)["agent"]["cluster_id"] == seen.cluster_id


def test_it_watches_until_it_is_told_to_stop(seen: Watched, tmp_path: Path) -> None:
    arguments = command("--url", seen.url, "--json", "--watch", "--every", "1")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment(tmp_path)) as process:
        assert process.stdout is not None
        turns = [json.loads(process.stdout.readline())["agent"]["turns"] for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    assert turns == sorted(set(turns))


def published(seen: Watched) -> bool:
    listed = client("cloudwatch", seen.endpoint).list_metrics(Namespace="Tidemark", MetricName="Heartbeat")
    return bool(listed["Metrics"])


def test_from_elsewhere_it_tells_figures_with_their_ages_and_what_cannot_be_seen(seen: Watched, tmp_path: Path) -> None:
    wait_for(lambda: published(seen), seen.running.log)

    def told() -> Any:
        code, out, err = status(tmp_path, *remotely(seen, "--json"))
        assert code == 0, err
        found = json.loads(out)
        return found if any(each["name"] == "MemoryAvailablePercent" for each in found["figures"]) else None

    wait_for(told, seen.running.log)
    found = told()
    figures = {(each["name"], each["statistic"]): each for each in found["figures"]}
    assert figures["MemoryAvailablePercent", "Average"]["value"] == pytest.approx(25)
    assert figures["ExecutorHeapUsedPercent", "Maximum"]["value"] == pytest.approx(90)
    assert 0 <= figures["MemoryAvailablePercent", "Average"]["seen"]["age_s"] < 900
    assert found["cluster"]["name"] == "nightly"
    assert found["fleet"]["provisioned_spot"] == 0
    assert found["faults"] == []
    code, out, _ = status(tmp_path, *remotely(seen))
    assert code == 0
    assert "MemoryAvailablePercent" in out and " old" in out
    assert "Not to be seen from here: why it holds now" in " ".join(out.split())


def test_a_cluster_that_is_not_there_is_said_and_nothing_is_made_up(seen: Watched, tmp_path: Path) -> None:
    where = ("--region", REGION, "--endpoint-url", seen.endpoint)
    code, out, err = status(tmp_path, "--cluster", "j-NOTTHERE", *where)
    assert (code, out) == (1, "")
    assert "j-NOTTHERE" in err
    code, out, err = status(tmp_path, "--name", "no such name", *where)
    assert (code, out) == (1, "")
    assert "does its agent publish?" in err


def test_without_a_region_it_says_which_option(tmp_path: Path) -> None:
    code, _, err = status(tmp_path, "--cluster", "j-1")
    assert code == 1
    assert "--region" in err


def test_where_aws_does_not_answer_it_says_so(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    code, out, err = status(tmp_path, "--cluster", "j-1", "--region", REGION, "--endpoint-url", nobody)
    assert (code, out) == (1, "")
    assert nobody in err and "Traceback" not in err


def test_where_nothing_answers_it_says_what_to_do(tmp_path: Path) -> None:
    code, out, err = status(tmp_path, "--url", f"http://127.0.0.1:{free_port()}")
    assert (code, out) == (1, "")
    assert "nothing answers" in err and "systemctl status tidemark" in err and "--cluster" in err


def test_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    for arguments in (("--cluster", "j-1", "--url", "http://x"), ("--region", "eu-west-1"), ("--every", "0.1")):
        assert status(tmp_path, *arguments)[0] == 2


OTHERS = {
    "another server": (http.content(b"<html>hello", "text/html"), "is not what this version"),
    "nothing there": (http.status(404), "is no status page of Tidemark (HTTP 404)"),
    "elsewhere": (http.status(302, {"Location": "http://example.com/"}), "HTTP 302"),
    "no turn yet": (http.content(b'{"error":"no turn yet"}', code=503), "has not had its first turn"),
    "another name": (http.content(b"set status.host_names", code=421), "set status.host_names"),
    "endless": (http.content(b"[" + b"1," * 5_000_000), "is no status page"),
    "torn": (http.truncated(b'{"version":1}' * 100), "cannot be read"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_else_answers_is_told_in_words(name: str) -> None:
    script, words = OTHERS[name]
    with http.FakeHttp() as server:
        server.answers("/state.json", script)
        with pytest.raises(local.StatusError, match=words.replace("(", r"\(").replace(")", r"\)")):
            local.parse(local.fetch(server.url), server.url)


def test_a_state_survives_the_way_through_json() -> None:
    for made in (state(table=held()), state(fleet=None, cluster=None, reading=None)):
        assert local.parse(as_json(made), "here") == made


def test_a_state_of_another_version_is_not_shown_as_if_it_were_known() -> None:
    told = json.loads(as_json(state()))
    with pytest.raises(local.StatusError, match="of version 2"):
        local.parse(json.dumps({**told, "version": 2}).encode(), "here")
    # what a later version of the same shape adds is no fault
    assert isinstance(local.parse(json.dumps({**told, "added": {"later": 1}}).encode(), "here"), State)


def test_the_terminal_shows_text_from_outside_as_text() -> None:
    from io import StringIO

    from rich.console import Console

    odd = state(cluster=build.cluster(name="[bold red]name[/] \x1b[2J"), table=held())
    for made in (odd, hostile()):
        written = StringIO()
        Console(file=written, width=200, force_terminal=True).print(terminal.local(made))
        assert "\x1b[2J" not in written.getvalue()
    written = StringIO()
    Console(file=written, width=200).print(terminal.local(odd))
    assert "[bold red]name[/]" in written.getvalue()


def test_sparks() -> None:
    assert terminal.spark([0, 5, None, 10], 10) == "▁▅ █"
    assert terminal.spark([None, None], 10) == "unknown"
    assert len(terminal.spark(range(1, 1000), 1000)) == terminal.SPARK
