from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.domain.readings import (
    Application,
    ClusterManager,
    ClusterReading,
    ExecutorRemoval,
    HdfsReading,
    Reading,
    ShuffleReading,
)
from agent.domain.stages import StagesReading
from agent.settings_sources import RestSettings
from agent.sources.http_reader import HttpReader
from agent.sources.polls import SparkPoll, hdfs_poll, standalone_poll, yarn_poll
from agent.sources.rest_poller import Poll, RestPoller
from agent.telemetry import Telemetry
from agent.wire import yarn
from tests.fakes import http
from tests.fakes.http import FakeHttp
from tests.fakes.tls import Authority

DATA = Path(__file__).parents[1] / "data"


def load(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


class Kept:
    """Keeps what it is handed."""

    def __init__(self) -> None:
        self.readings: list[Any] = []

    def take(self, reading: Reading) -> None:
        self.readings.append(reading)


class SteppedClock:
    """Another second at each look."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def server() -> Iterator[FakeHttp]:
    with FakeHttp() as server:
        server.answers("/ws/v1/cluster/info", http.value(load("yarn/empty/info")))
        server.answers("/ws/v1/cluster/metrics", http.value(load("yarn/lost/metrics")))
        server.answers("/ws/v1/cluster/nodes", http.value(load("yarn/lost/nodes")))
        server.answers("/ws/v1/cluster/apps", http.value(load("yarn/lost/apps")))
        yield server


class Rig:
    def __init__(self, poll: Poll, timeout_s: float = 10.0, period_s: float = 0.05) -> None:
        self.kept = Kept()
        self.telemetry = Telemetry()
        settings = RestSettings(url="", period_s=period_s, timeout_s=timeout_s)
        reader = HttpReader(timeout_s, max_body_bytes=1_000_000)
        self.poller = RestPoller("it", settings, poll, self.kept, SteppedClock(), self.telemetry, reader)

    def poll(self) -> list[Any]:
        """The readings of one poll."""
        before = len(self.kept.readings)
        self.poller.poll_once()
        return self.kept.readings[before:]

    def errors(self) -> dict[str, int]:
        return {name: count for name, count in self.telemetry.counts().items() if name.startswith("PollErrors.")}


def until(true: Callable[[], bool], patience_s: float = 30.0) -> None:
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def test_yarn_is_one_reading_as_old_as_its_first_question(server: FakeHttp) -> None:
    (reading,) = Rig(yarn_poll(server.url + "/")).poll()
    assert isinstance(reading, ClusterReading)
    assert (reading.at, reading.memory_total_mb, reading.containers_pending) == (1002.0, 1100, 2)
    assert reading.nodes is not None and len(reading.nodes) == 3
    assert reading.applications is not None and len(reading.applications) == 1
    asked = "/ws/v1/cluster/apps?states=NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
    info = "/ws/v1/cluster/info"
    assert server.requests == [info, "/ws/v1/cluster/metrics", "/ws/v1/cluster/nodes", asked]
    assert reading.leader


@pytest.mark.parametrize(("path", "part"), [("nodes", "nodes"), ("apps", "applications")])
@pytest.mark.parametrize("fault", [http.status(500), http.value({}), http.content(b"<html>")])
def test_a_part_of_yarn_that_fails_is_none(server: FakeHttp, path: str, part: str, fault: http.Script) -> None:
    server.answers(f"/ws/v1/cluster/{path}", fault)
    (reading,) = Rig(yarn_poll(server.url)).poll()
    assert getattr(reading, part) is None
    assert reading.memory_total_mb == 1100


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (http.status(500), "status"),
        (http.status(401, {"WWW-Authenticate": "Negotiate"}), "kerberos"),
        (http.status(307, {"Location": "http://ip-10-0-0-9:8088/ws/v1/cluster/metrics"}), "redirected"),
        (http.content(b"<html>", "text/html"), "html"),
        (http.content(b'{"clusterMetrics"'), "not_json"),
        (http.truncated(b" " * 100), "dropped"),
        (http.value({"clusterMetrics": {"totalMB": 1}}), "malformed"),
        (http.value([]), "malformed"),
        (http.endless, "too_large"),
    ],
)
def test_a_failure_is_counted_by_its_reason_and_hands_nothing_over(
    server: FakeHttp, fault: http.Script, reason: str
) -> None:
    """The last reading grows old; once the endpoint answers again, a new one comes."""
    metrics = http.value(load("yarn/lost/metrics"))
    server.answers("/ws/v1/cluster/metrics", fault)
    rig = Rig(yarn_poll(server.url))
    assert rig.poll() == [] and rig.poll() == []
    assert rig.errors() == {f"PollErrors.it.{reason}": 2}
    assert rig.telemetry.counts()["PollErrors"] == 2
    server.answers("/ws/v1/cluster/metrics", metrics)
    assert len(rig.poll()) == 1


def test_hdfs_and_a_standalone_master_are_read(server: FakeHttp) -> None:
    server.answers("/jmx", http.value(load("hdfs/writing/fsnamesystem")))
    assert Rig(hdfs_poll(server.url)).poll() == [HdfsReading(at=1001.0, total_load=1, live_data_nodes=1)]
    assert server.requests == ["/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem"]
    server.answers("/json/", http.value(load("standalone/running_3.5.9")))
    (reading,) = Rig(standalone_poll(server.url)).poll()
    assert reading.manager is ClusterManager.STANDALONE and reading.memory_available_mb == 1164


def test_a_standby_namenode_hands_nothing_over(server: FakeHttp) -> None:
    server.answers("/jmx", http.value(load("hdfs/standby")))
    rig = Rig(hdfs_poll(server.url))
    assert rig.poll() == [] and rig.errors() == {"PollErrors.it.malformed": 1}


# --- high availability


METRICS, NODES, APPS = (f"/ws/v1/cluster/{part}" for part in ("metrics", "nodes", "apps"))
APPS_QUERY = "?states=NEW%2CNEW_SAVING%2CSUBMITTED%2CACCEPTED%2CRUNNING"
"""As a standby writes it anew."""
STANDBY_TEXT = http.content(b"Can not find any active RM.\n", "text/plain", 307, Refresh="3;url=/x")
"""As Hadoop 3.4 answers when no other is active."""


def stands_by(server: FakeHttp, active: str | None) -> None:
    """As RMWebAppFilter does: it tells of itself and sends everything else on to the active one, if it knows it."""
    server.answers("/ws/v1/cluster/info", http.value({"clusterInfo": {"haState": "STANDBY", "state": "STARTED"}}))
    for path, query in ((METRICS, ""), (NODES, ""), (APPS, APPS_QUERY)):
        sent_on = http.status(307, {"Location": f"{active}{path}{query}"})
        server.answers(path, STANDBY_TEXT if active is None else sent_on)


def test_a_standby_is_left_for_the_active_one_and_the_reading_says_that_it_is_no_leaders(server: FakeHttp) -> None:
    with FakeHttp() as local:
        stands_by(local, server.url)
        rig = Rig(yarn_poll(local.url))
        (reading,) = rig.poll()
        assert (reading.leader, reading.memory_total_mb, len(reading.nodes), len(reading.applications)) == (
            False,
            1100,
            3,
            1,
        )
        assert rig.errors() == {}


def test_of_several_addresses_the_first_that_answers_is_taken(server: FakeHttp) -> None:
    with FakeHttp() as local, FakeHttp() as broken:
        stands_by(local, None)
        (reading,) = Rig(yarn_poll(local.url, (broken.url, server.url))).poll()
        assert (reading.leader, reading.memory_total_mb, reading.peers) == (False, 1100, 2)
    (reading,) = Rig(yarn_poll(server.url, ("http://127.0.0.1:1",))).poll()
    assert (reading.leader, reading.peers) == (True, 1)


@pytest.mark.parametrize("active", [None, "http://127.0.0.1:1"])
def test_a_standby_without_an_active_one_tells_only_that_it_does_not_lead(active: str | None) -> None:
    """So an agent beside it does not act on an older reading, of the time when it led."""
    with FakeHttp() as local:
        stands_by(local, active)
        rig = Rig(yarn_poll(local.url))
        (reading,) = rig.poll()
        assert (reading.leader, reading.memory_total_mb, reading.nodes, reading.applications) == (False, 0, None, None)
        assert set(rig.errors()) == {f"PollErrors.it.{'standby' if active is None else 'unreachable'}"}


def test_a_resource_manager_that_does_not_answer_does_not_lead(server: FakeHttp) -> None:
    (reading,) = Rig(yarn_poll("http://127.0.0.1:1", (server.url,))).poll()
    assert not reading.leader and reading.memory_total_mb == 1100
    assert Rig(yarn_poll("http://127.0.0.1:1")).poll() == []


def test_a_resource_manager_that_does_not_tell_its_standing_and_answers_leads(server: FakeHttp) -> None:
    server.answers("/ws/v1/cluster/info", http.status(404))
    (reading,) = Rig(yarn_poll(server.url)).poll()
    assert reading.leader


def test_the_active_one_of_several_namenodes_is_found_and_then_asked_first(server: FakeHttp) -> None:
    with FakeHttp() as first:
        first.answers("/jmx", http.value(load("hdfs/standby")))
        server.answers("/jmx", http.value(load("hdfs/writing/fsnamesystem")))
        rig = Rig(hdfs_poll(first.url, (server.url,)))
        assert [len(rig.poll()) for _ in range(3)] == [1, 1, 1]
        assert len(first.requests) == 1
        first.answers("/jmx", http.value(load("hdfs/writing/fsnamesystem")))
        server.answers("/jmx", http.value(load("hdfs/standby")))
        assert len(rig.poll()) == 1, "after a failover"
        server.answers("/jmx", http.value(load("hdfs/writing/fsnamesystem")))


def test_a_poller_reads_over_tls_with_the_authority_of_its_settings(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with FakeHttp(tls=authority.context()) as secure:
        secure.answers("/jmx", http.value(load("hdfs/writing/fsnamesystem")))
        for told, count in ((authority.file, 1), (None, 0)):
            kept, telemetry = Kept(), Telemetry()
            settings = RestSettings(url=secure.url, ca_file=told)
            RestPoller("hdfs", settings, hdfs_poll(secure.url), kept, SteppedClock(), telemetry).poll_once()
            assert len(kept.readings) == count
        assert telemetry.counts()["PollErrors.hdfs.tls"] == 1


class Running:
    """A poller that runs in a thread, as in the agent."""

    def __init__(self, rig: Rig, stop: threading.Event | None = None) -> None:
        self.beats = 0
        self.stop = stop or threading.Event()
        self.raised: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(rig,), daemon=True)
        self.thread.start()

    def _run(self, rig: Rig) -> None:
        try:
            rig.poller.run(self._beat, self.stop)
        except BaseException as error:
            self.raised = error

    def _beat(self) -> None:
        self.beats += 1

    def end(self) -> float:
        began = time.monotonic()
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive() and self.raised is None
        return time.monotonic() - began


def test_it_polls_again_and_again_and_beats_until_it_is_told_to_stop(server: FakeHttp) -> None:
    rig = Rig(yarn_poll(server.url))
    running = Running(rig)
    until(lambda: len(rig.kept.readings) >= 3)
    running.end()
    assert running.beats >= 3
    ages = [reading.at for reading in rig.kept.readings]
    assert ages == sorted(ages) and len(set(ages)) == len(ages)


def test_stop_ends_a_long_pause_at_once(server: FakeHttp) -> None:
    rig = Rig(yarn_poll(server.url), period_s=3600)
    running = Running(rig)
    until(lambda: len(rig.kept.readings) == 1)
    assert running.end() < 10


def test_stop_is_not_held_up_by_an_endpoint_that_hangs(server: FakeHttp) -> None:
    """The script would hang for a minute; after the question under way no other is asked."""
    server.answers("/ws/v1/cluster/metrics", http.hangs)
    rig = Rig(yarn_poll(server.url), timeout_s=0.5)
    running = Running(rig)
    until(lambda: len(server.requests) >= 2)
    assert running.end() < 10
    assert set(server.requests) == {"/ws/v1/cluster/info", "/ws/v1/cluster/metrics"}
    assert rig.kept.readings == []


def test_after_stop_nothing_more_is_asked_and_no_half_reading_handed_over(server: FakeHttp) -> None:
    asked, stop = threading.Event(), threading.Event()

    def answers_after_stop(handler: http.Handler) -> None:
        asked.set()
        stop.wait(30)
        http.value(load("yarn/lost/metrics"))(handler)

    server.answers("/ws/v1/cluster/metrics", answers_after_stop)
    rig = Rig(yarn_poll(server.url))
    running = Running(rig, stop)
    assert asked.wait(30)
    running.end()
    assert server.requests == ["/ws/v1/cluster/info", "/ws/v1/cluster/metrics"]
    assert rig.kept.readings == []


def test_a_hanging_endpoint_is_timed_out_and_asked_again(server: FakeHttp) -> None:
    server.answers("/ws/v1/cluster/metrics", http.hangs, http.value(load("yarn/lost/metrics")))
    rig = Rig(yarn_poll(server.url), timeout_s=0.5)
    running = Running(rig)
    until(lambda: len(rig.kept.readings) >= 1)
    running.end()
    assert rig.errors()["PollErrors.it.timed_out"] == 1


def test_a_bug_is_not_caught(server: FakeHttp) -> None:
    def decode(value: object, at: float) -> None:
        raise KeyError(at)

    def poll(ask: Any) -> Iterator[Reading]:
        ask.json(server.url + yarn.METRICS_PATH, decode)
        yield from ()

    with pytest.raises(KeyError):
        Rig(poll).poll()


# --- why executors were removed


def spark_app(id: str, ui_url: str | None, state: str = "RUNNING") -> Application:
    return Application(id=id, name=id, state=state, memory_used_mb=1, ui_url=ui_url)


def cluster(*apps: Application, manager: ClusterManager = ClusterManager.YARN) -> ClusterReading:
    return ClusterReading(at=0, manager=manager, memory_total_mb=1, memory_available_mb=1, applications=apps)


def serve_app(server: FakeHttp, app: str, gone: list[str], ui: str = "", attempt: str | None = None) -> None:
    """A driver's UI under the path `ui`, whose executors `gone` died of memory."""
    attempts = [{"completed": False} | ({"attemptId": attempt} if attempt else {})]
    executors = [{"id": e, "isActive": False, "removeReason": "Command exited with code 52"} for e in gone]
    path = f"{ui}/api/v1/applications/{app}" + (f"/{attempt}" if attempt else "") + "/allexecutors"
    server.answers(f"{ui}/api/v1/applications", http.value([{"id": app, "attempts": attempts}]))
    server.answers(path, http.value([*executors, {"id": "driver", "isActive": True}]))
    server.answers(path.replace("/allexecutors", "/stages"), http.value([]))


def seen(readings: list[Any]) -> list[tuple[str, str]]:
    return [(one.app, one.executor) for one in readings if isinstance(one, ExecutorRemoval)]


def test_each_removal_is_reported_once(server: FakeHttp) -> None:
    serve_app(server, "app-1", ["1", "2"], ui="/proxy/app-1")
    rig = Rig(SparkPoll(lambda: cluster(spark_app("app-1", server.url + "/proxy/app-1/"))))
    first = rig.poll()
    assert seen(first) == [("app-1", "1"), ("app-1", "2")]
    assert {one.reason for one in first if isinstance(one, ExecutorRemoval)} == {"Command exited with code 52"}
    assert seen(rig.poll()) == []
    serve_app(server, "app-1", ["1", "2", "5"], ui="/proxy/app-1")
    assert seen(rig.poll()) == [("app-1", "5")]


def test_an_attempt_is_learnt_from_the_application_once(server: FakeHttp) -> None:
    serve_app(server, "application_1_1", ["1"], attempt="2")
    rig = Rig(SparkPoll(lambda: cluster(spark_app("application_1_1", server.url))))
    assert seen(rig.poll()) == [("application_1_1", "1")]
    rig.poll()
    assert server.requests.count("/api/v1/applications") == 1


def test_a_further_attempt_is_found_and_its_executors_are_told_anew(server: FakeHttp) -> None:
    """YARN starts the application master again: another path, and executor ids from 1 on."""
    serve_app(server, "application_1_1", ["1"], attempt="1")
    rig = Rig(SparkPoll(lambda: cluster(spark_app("application_1_1", server.url))))
    assert seen(rig.poll()) == [("application_1_1", "1")]
    server.answers("/api/v1/applications/application_1_1/1/allexecutors", http.status(404))
    serve_app(server, "application_1_1", ["1"], attempt="2")
    assert seen(rig.poll()) == []
    assert seen(rig.poll()) == [("application_1_1", "1")]


def test_applications_that_do_not_run_or_have_no_address_are_not_asked(server: FakeHttp) -> None:
    apps = (spark_app("app-1", server.url, "ACCEPTED"), spark_app("app-2", None))
    assert Rig(SparkPoll(lambda: cluster(*apps))).poll() == []
    assert Rig(SparkPoll(lambda: None)).poll() == []
    assert server.requests == []


def test_the_real_answers_of_both_sparks_are_read_through_the_masters_page(server: FakeHttp) -> None:
    """The page names the driver's own port, so it is answered with this server's instead."""
    for version, count in (("3.5.9", 4), ("4.3.0", 4)):
        page = (DATA / f"standalone/page_{version}.html").read_text()
        (app,) = load(f"spark_rest/applications_{version}")
        port = page.partition("http://localhost:")[2][:5]
        server.answers("/", http.content(page.replace(f"http://localhost:{port}", server.url).encode(), "text/html"))
        server.answers("/api/v1/applications", http.value([app]))
        removed = load(f"spark_rest/allexecutors_removed_{version}")
        server.answers(f"/api/v1/applications/{app['id']}/allexecutors", http.value(removed))
        reading = cluster(spark_app(app["id"], None), manager=ClusterManager.STANDALONE)
        rig = Rig(SparkPoll(lambda reading=reading: reading, master_url=server.url))  # type: ignore[misc]
        assert len(seen(rig.poll())) == count
        asked = len(server.requests)
        assert seen(rig.poll()) == [] and len(server.requests) == asked + 2, "executors and stages"


def test_a_set_address_is_asked_for_all_that_it_serves(server: FakeHttp) -> None:
    serve_app(server, "app-9", ["3"])
    rig = Rig(SparkPoll(lambda: None, url=server.url))
    assert seen(rig.poll()) == [("app-9", "3")]
    assert seen(rig.poll()) == []


def test_only_so_many_applications_a_round_and_none_forgotten(server: FakeHttp) -> None:
    apps = []
    for number in range(7):
        serve_app(server, f"app-{number}", ["1"], ui=f"/ui{number}")
        apps.append(spark_app(f"app-{number}", f"{server.url}/ui{number}"))
    rig = Rig(SparkPoll(lambda: cluster(*apps), max_applications=3))
    rounds = [seen(rig.poll()) for _ in range(3)]
    assert [len(found) for found in rounds] == [3, 3, 1]
    assert {app for found in rounds for app, _ in found} == {app.id for app in apps}


def test_a_driver_that_does_not_answer_does_not_hide_the_others(server: FakeHttp) -> None:
    serve_app(server, "app-2", ["1"], ui="/two")
    server.answers("/one/api/v1/applications", http.content(b"<html>Jobs page</html>", "text/html"))
    apps = (spark_app("app-1", server.url + "/one"), spark_app("app-2", server.url + "/two"))
    rig = Rig(SparkPoll(lambda: cluster(*apps)))
    assert seen(rig.poll()) == [("app-2", "1")]
    assert rig.errors() == {"PollErrors.it.html": 1}


def test_removals_are_not_told_again_when_the_cluster_manager_is_silent_for_a_while(server: FakeHttp) -> None:
    serve_app(server, "app-1", ["1"])
    known = cluster(spark_app("app-1", server.url))
    answers: list[ClusterReading | None] = [known, None, known]
    rig = Rig(SparkPoll(lambda: answers.pop(0)))
    assert [seen(rig.poll()) for _ in range(3)] == [[("app-1", "1")], [], []]


def test_what_executors_wrote_for_the_shuffle_is_told_by_host_every_round(server: FakeHttp) -> None:
    serve_app(server, "app-1", [])
    executors = [
        {"id": "driver", "isActive": True, "hostPort": "primary:4000", "totalShuffleWrite": 0},
        {"id": "1", "isActive": True, "hostPort": "IP-10-0-0-7:7001", "totalShuffleWrite": 100},
        {"id": "2", "isActive": False, "hostPort": "ip-10-0-0-7:7002", "totalShuffleWrite": 11},
        {"id": "3", "isActive": False, "hostPort": "[2001:db8::7]:7003", "totalShuffleWrite": 5},
        {"id": "4", "isActive": True, "totalShuffleWrite": 9},
    ]
    server.answers("/api/v1/applications/app-1/allexecutors", http.value(executors))
    rig = Rig(SparkPoll(lambda: cluster(spark_app("app-1", server.url))))
    for _ in range(2):
        (told,) = [one for one in rig.poll() if isinstance(one, ShuffleReading)]
        assert (told.app, told.bytes_by_host) == ("app-1", {"ip-10-0-0-7": 111, "2001:db8::7": 5})


def test_active_stages_are_told_every_round_with_the_tasks_that_an_executor_runs_at_once(server: FakeHttp) -> None:
    serve_app(server, "application_1_1", [], attempt="2")
    executors = [{"id": "1", "isActive": True, "hostPort": "a:1", "totalShuffleWrite": 0, "maxTasks": 4}]
    path = "/api/v1/applications/application_1_1/2"
    server.answers(f"{path}/allexecutors", http.value(executors))
    server.answers(f"{path}/stages", http.value(load("spark_rest/stages_active_3.5.9")))
    rig = Rig(SparkPoll(lambda: cluster(spark_app("application_1_1", server.url))))
    for _ in range(2):
        (told,) = [one for one in rig.poll() if isinstance(one, StagesReading)]
        assert [(stage.app, stage.tasks, stage.tasks_at_once) for stage in told.stages] == [("application_1_1", 24, 4)]
    assert server.requests.count(f"{path}/stages?status=active") == 2


def test_a_driver_that_does_not_tell_its_stages_still_tells_the_rest(server: FakeHttp) -> None:
    serve_app(server, "app-1", ["1"])
    server.answers("/api/v1/applications/app-1/stages", http.value({"no": "list"}))
    rig = Rig(SparkPoll(lambda: cluster(spark_app("app-1", server.url))))
    assert seen(rig.poll()) == [("app-1", "1")]
    assert len(rig.errors()) == 1
