"""The node, the agent on it, Spark's sink, YARN and HDFS: from files under a root and from real answers."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from agent.doctor import primary
from agent.doctor.findings import Finding, Status
from agent.doctor.ground import Ground, stand
from agent.node import address
from agent.settings import Settings
from agent.wire.metrics_properties import render
from tests.fakes.http import FakeHttp, status, value
from tests.running import free_port

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "tests" / "data"
JOURNAL = DATA / "journal" / "demo.jsonl"
INFO = Path("mnt/var/lib/info")


def ground(root: Path, text: str = "[fleet]\nmax_capacity_units = 4\n", **info: Any) -> Ground:
    """A node with these files of EMR, each named without its ending."""
    (root / "config.toml").write_text(text)
    (root / INFO).mkdir(parents=True, exist_ok=True)
    for name, content in info.items():
        (root / INFO / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return stand(root / "config.toml", root)


def told(**tables: Any) -> Settings:
    return Settings.model_validate({"fleet": {"max_capacity_units": 4}, **tables})


EXTRA = {"jobFlowId": "j-1ABC", "region": "eu-west-1", "releaseLabel": "emr-7.14.0", "haEnabled": False}


@pytest.mark.parametrize(
    ("instance", "extra", "expected", "said"),
    [
        ({"isMaster": True}, EXTRA, Status.OK, "primary of j-1ABC, eu-west-1, emr-7.14.0"),
        ({"isMaster": True}, {**EXTRA, "haEnabled": True}, Status.OK, "one of several primaries"),
        ({"isMaster": False}, EXTRA, Status.FAIL, "not the primary"),
        ({"isMaster": True}, "garbage", Status.FAIL, "no node of EMR"),
    ],
    ids=["primary", "one of three", "worker", "garbage"],
)
def test_what_this_node_is(tmp_path: Path, instance: Any, extra: Any, expected: Status, said: str) -> None:
    found = primary.node(ground(tmp_path, instance=instance, extraInstanceData=extra))
    assert (found.status, said in found.seen) == (expected, True), found


def test_settings_of_another_cluster_fail_and_a_machine_of_nobody_only_warns(tmp_path: Path) -> None:
    text = '[cluster]\nid = "j-OTHER"\n[fleet]\nmax_capacity_units = 4\n'
    assert primary.node(ground(tmp_path, text)).status is Status.WARN
    found = primary.node(ground(tmp_path, text, instance={"isMaster": True}, extraInstanceData=EXTRA))
    assert (found.status, "j-OTHER" in found.seen) == (Status.FAIL, True)


def test_the_last_turn_and_its_age() -> None:
    at = json.loads(JOURNAL.read_text().splitlines()[-1])["observation"]["at"]
    assert primary.last_turn(told(), JOURNAL, at + 5).status is Status.OK
    old = primary.last_turn(told(), JOURNAL, at + 500)
    assert (old.status, old.seen.startswith("500 s ago")) == (Status.FAIL, True)


def test_a_torn_last_line_is_passed_over_and_an_empty_journal_has_no_turn(tmp_path: Path) -> None:
    lines = JOURNAL.read_text().splitlines()
    at = json.loads(lines[-2])["observation"]["at"]
    (tmp_path / "torn").write_text("\n".join([*lines[:-1], lines[-1][:100]]))
    assert primary.last_turn(told(), tmp_path / "torn", at + 7).seen.startswith("7 s ago")
    (tmp_path / "begun").write_text(lines[0] + "\n")
    for name in ("begun", "absent"):
        assert primary.last_turn(told(), tmp_path / name, at).status is Status.FAIL


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe would hold the doctor until somebody writes into it."""
    os.mkfifo(tmp_path / "journal.jsonl")
    found = primary.last_turn(told(), tmp_path / "journal.jsonl", 0.0)
    assert (found.status, "is no regular file" in found.seen) == (Status.SKIP, True)
    conf = tmp_path / "etc" / "spark" / "conf"
    conf.mkdir(parents=True)
    os.mkfifo(conf / "metrics.properties")
    assert "is no regular file" in sink(tmp_path, None).seen


def sink(root: Path, text: str | None, port: int = 42003) -> Finding:
    conf = root / "etc" / "spark" / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    if text is not None:
        (conf / "metrics.properties").write_text(text)
    return primary.spark_sink(ground(root), told(listener={"port": port}))


def block(host: str, port: int = 42003) -> str:
    template = (ROOT / "spark_conf" / "metrics.properties").read_text()
    return render(template, host=host, port=port, period_s=10)


def test_a_sink_that_reports_to_this_node(tmp_path: Path) -> None:
    own = next(name for name in sorted(address.own()) if name.count(".") == 3)
    assert sink(tmp_path, block(own)).status is Status.OK


def test_a_sink_that_reports_elsewhere_or_not_at_all_warns(tmp_path: Path) -> None:
    assert sink(tmp_path, None).status is Status.WARN
    assert sink(tmp_path, "# nothing\n").status is Status.WARN
    assert sink(tmp_path, block("192.0.2.1")).status is Status.WARN


def test_a_sink_with_another_port_or_a_value_that_kills_jobs_fails(tmp_path: Path) -> None:
    assert sink(tmp_path, block("127.0.0.1", 42004)).status is Status.FAIL
    found = sink(tmp_path, block("127.0.0.1").replace("=42003", "=many"))
    assert (found.status, "every Spark job would fail" in found.advice) == (Status.FAIL, True)


def test_the_listener_is_looked_for_without_connecting_to_it() -> None:
    port = free_port()
    assert primary.listener(told(listener={"port": port})).status is Status.FAIL
    with socket.create_server(("0.0.0.0", port)) as agent:
        assert primary.listener(told(listener={"port": port})).status is Status.OK
        agent.settimeout(0.2)
        with pytest.raises(TimeoutError):
            agent.accept()
    with socket.create_server(("127.0.0.1", port)):
        assert primary.listener(told(listener={"port": port})).status is Status.WARN


def manager(root: Path, url: str) -> Finding:
    return primary.resource_manager(ground(root), told(sources={"yarn": {"url": url}}))


@pytest.mark.parametrize(
    ("answer", "expected", "said"),
    [
        (value({"clusterInfo": {"haState": "ACTIVE"}}), Status.OK, "active"),
        (value({"clusterInfo": {"haState": "STANDBY"}}), Status.WARN, "standby"),
        (value({"somethingElse": 1}), Status.FAIL, "answers something else"),
        (status(401, {"WWW-Authenticate": "Negotiate"}), Status.FAIL, "kerberos"),
        (status(500), Status.FAIL, "status"),
    ],
    ids=["active", "standby", "something else", "kerberos", "broken"],
)
def test_the_resource_manager(tmp_path: Path, answer: Any, expected: Status, said: str) -> None:
    with FakeHttp() as server:
        server.answers("/ws/v1/cluster/info", answer)
        found = manager(tmp_path, server.url)
    assert (found.status, said in found.seen) == (expected, True), found


def test_a_resource_manager_that_is_not_there_fails_and_one_that_nobody_asked_for_is_skipped(tmp_path: Path) -> None:
    assert manager(tmp_path, f"http://127.0.0.1:{free_port()}").status is Status.FAIL
    assert manager(tmp_path, "").status is Status.SKIP


def test_of_two_name_nodes_the_active_one_answers(tmp_path: Path) -> None:
    with FakeHttp() as standby, FakeHttp() as active:
        standby.answers("/jmx", value(json.loads((DATA / "hdfs" / "standby.json").read_text())))
        active.answers("/jmx", value(json.loads((DATA / "hdfs" / "writing" / "fsnamesystem.json").read_text())))
        both = told(sources={"hdfs": {"url": standby.url, "other_urls": [active.url]}})
        found = primary.name_node(ground(tmp_path), both)
        assert (found.status, active.url in found.seen) == (Status.OK, True)
        alone = told(sources={"hdfs": {"url": standby.url}})
        assert primary.name_node(ground(tmp_path), alone).status is Status.WARN
