"""The lifecycle's verbs as an operator runs them, over HTTP: by the queue, and without one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result

from agent.cli import main
from agent.lifecycle.dynamo_table import DynamoTable, create
from agent.lifecycle.events import EndAsked, Event, JobCancelled, JobSubmitted, LaunchAsked, OwnerEnded
from agent.lifecycle.ingress import events_of
from agent.lifecycle.rows import ClusterProfile, ClusterRow, cluster_key
from agent.lifecycle.store import Store
from agent.lifecycle.table import Change
from agent.lifecycle.words import EndReason, JobState, LaunchState, Phase, State
from tests.lifecycle.pool_rows import cluster, job
from tests.running import free_port
from tests.sandbox.emr_world import World, boto, fleets, world

ROOT = Path(__file__).parents[2]
ETL = ROOT / "bootstrap" / "profiles" / "etl.toml"
NIGHTLY = ROOT / "bootstrap" / "profiles" / "nightly.toml"


E = TypeVar("E", bound=Event)


class Lifecycle:
    """A table, a queue with dead letters, and the command line."""

    def __init__(self, it: World) -> None:
        self.it = it
        self.name = f"tidemark-{uuid.uuid4()}"
        create(boto("dynamodb", it.server.endpoint), self.name)
        self.store = Store(DynamoTable(boto("dynamodb", it.server.endpoint), self.name))
        self.sqs = boto("sqs", it.server.endpoint)
        self.dead_url = self.sqs.create_queue(QueueName=f"{self.name}-dead")["QueueUrl"]
        attributes = {"QueueUrl": self.dead_url, "AttributeNames": ["QueueArn"]}
        arn = self.sqs.get_queue_attributes(**attributes)["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        made = self.sqs.create_queue(QueueName=self.name, Attributes={"RedrivePolicy": redrive})
        self.queue_url = made["QueueUrl"]

    def run(self, *words: str, queue: bool = True) -> Result:
        where = ["--table", self.name, "--region", "eu-west-1", "--endpoint-url", self.it.server.endpoint]
        where += ["--queue-url", self.queue_url] if queue else []
        verb = 1 if words[0] == "sweep" else 2
        return CliRunner().invoke(main, [*words[:verb], *where, *words[verb:]])

    def ok(self, *words: str, queue: bool = True, code: int = 0) -> str:
        done = self.run(*words, queue=queue)
        assert done.exit_code == code, done.output
        return done.stdout

    def here(self, *words: str) -> str:
        return self.ok(*words, queue=False)

    def sent(self) -> list[Event]:
        """What has come to the queue, as the function reads it."""
        found: list[Event] = []
        while got := self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                found += events_of(message["Body"])
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def one(self, kind: type[E]) -> E:
        """The only thing that has come to the queue."""
        (event,) = self.sent()
        assert isinstance(event, kind)
        return event

    def know(self, row: ClusterRow) -> None:
        assert self.store.know(row) is not None


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture
def it(sandbox: World) -> Lifecycle:
    """A table and a queue of its own for each test."""
    return Lifecycle(sandbox)


def test_profiles_are_put_and_shown_as_they_can_be_put_again(it: Lifecycle, tmp_path: Path) -> None:
    assert "would put cluster profile etl: new" in it.ok("profile", "put", "--dry-run", str(ETL))
    assert "there are none" in it.ok("profile", "show")
    assert it.ok("profile", "put", str(ETL)).splitlines() == [
        "cluster profile etl: new",
        "job profile sessions: new",
        "job profile report: new",
    ]
    table = it.ok("profile", "show")
    assert "1 m5.xlarge, 2 r5.xlarge, 0+2 spot r5.2xlarge/r5.4xlarge" in " ".join(table.split())
    shown = tmp_path / "shown.json"
    shown.write_text(it.ok("profile", "show", "--json"))
    again = it.ok("profile", "put", str(shown))
    assert "etl: is the same" in again
    assert "sessions: is the same" in again
    assert set(json.loads(it.ok("profile", "show", "etl"))) == {"cluster"}
    assert "did you mean 'sessions'" in it.run("profile", "show", "sesions").stderr
    shown.write_text(shown.read_text().replace('"maximum": 4', '"maximum": 6'))
    assert "etl: changed" in it.ok("profile", "put", str(shown))
    assert [one.maximum for one in it.store.profiles()] == [6]


def test_a_profile_with_faults_is_not_put(it: Lifecycle, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(ETL.read_text().replace("minimum = 1 ", "minimum = 9 ").replace("priority = 900", "priorty = 900"))
    done = it.run("profile", "put", str(file))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "cluster.etl.minimum: 9 is more than maximum = 4" in done.stderr
    assert "job.sessions.priorty: is no setting; did you mean 'priority'?" in done.stderr
    file.write_text(ETL.read_text().replace("TimeoutAction", "TimeoutActon"))
    done = it.run("profile", "put", str(file))
    path = "cluster.etl.request.Instances.InstanceFleets.2.LaunchSpecifications.SpotSpecification"
    assert f"{path}.TimeoutActon: is nothing that RunJobFlow has; did you mean 'TimeoutAction'?" in done.stderr
    file.write_text(ETL.read_text().replace('cluster_profile = "etl"', 'cluster_profile = "elt"'))
    done = it.run("profile", "put", str(file))
    assert done.exit_code == 2
    assert "there is no cluster profile 'elt'; did you mean 'etl'?" in done.stderr
    assert list(it.store.profiles()) == []
    assert it.run("profile", "put", str(tmp_path / "none.toml")).exit_code == 1


def test_a_pool_that_jobs_need_stays_a_pool(it: Lifecycle, tmp_path: Path) -> None:
    it.ok("profile", "put", str(ETL))
    file = tmp_path / "etl.toml"
    text = ETL.read_text().partition("[job.sessions]")[0]
    file.write_text(text.replace("minimum = 1 ", "minimum = 0 ").replace("maximum = 4 ", "maximum = 0 "))
    done = it.run("profile", "put", str(file))
    assert done.exit_code == 2
    assert "job.sessions.cluster_profile: 'etl' is no pool" in done.stderr


def test_a_job_is_sent_to_the_queue_as_the_function_reads_it(it: Lifecycle) -> None:
    it.ok("profile", "put", str(ETL))
    words = ("--owner", "dag/run", "--priority", "7", "--id", "job-1", "sessions", "--", "--day", "x")
    told = it.ok("job", "submit", *words)
    assert told.startswith("job-1: sent to the queue")
    event = it.one(JobSubmitted)
    assert (event.id, event.profile, event.owner) == ("job-1", "sessions", "dag/run")
    assert (event.args, event.priority) == (("--day", "x"), 7)
    assert abs(event.at - time.time()) < 600


def test_what_is_wrong_with_a_job_is_said_at_once(it: Lifecycle) -> None:
    it.ok("profile", "put", str(ETL))
    done = it.run("job", "submit", "sesions")
    assert done.exit_code == 1
    assert "there is no job profile 'sesions'; did you mean 'sessions'?" in done.stderr
    assert it.run("job", "submit", "--priority", "1000", "sessions").exit_code == 2
    assert it.sent() == []


def test_jobs_are_listed_in_the_order_in_which_they_will_run(it: Lifecycle) -> None:
    for row in (job("low", 1), job("high", 900), job("done", 5)):
        it.store.submit(row)
    done = it.store.job("done")
    assert done is not None
    it.store.finish(done, JobState.FAILED, ["the step failed"], time.time())
    listed = json.loads(it.ok("job", "list", "--json"))
    assert [one["key"] for one in listed] == ["JOB#high", "JOB#low"]
    everything = it.ok("job", "list", "--all")
    assert "the step failed" in everything
    assert "none waits or runs" in it.ok("job", "list", "--owner", "nobody")


def test_a_job_is_cancelled(it: Lifecycle) -> None:
    it.store.submit(job("a"))
    assert it.ok("job", "cancel", "a", "--why", "wrong day") == "a: asked for\n"
    event = it.one(JobCancelled)
    assert (event.id, event.why) == ("a", "wrong day")
    assert "there is no job b" in it.run("job", "cancel", "b").stderr
    assert it.here("job", "cancel", "a") == "a: cancelled\n"
    row = it.store.job("a")
    assert row is not None
    assert row.state is JobState.CANCELLED
    assert it.ok("job", "cancel", "a") == "a: is CANCELLED already\n"
    assert it.sent() == []


def test_a_launch_is_sent_to_the_queue(it: Lifecycle, tmp_path: Path) -> None:
    it.ok("profile", "put", str(NIGHTLY))
    steps = tmp_path / "steps.json"
    steps.write_text(json.dumps([{"Name": "one", "HadoopJarStep": {"Jar": "command-runner.jar"}}]))
    words = ("--owner", "o", "--alias", "wg", "--terminate-after", "2h", "--retry", "lost", "--steps", str(steps))
    told = it.ok("cluster", "launch", "nightly", *words)
    event = it.one(LaunchAsked)
    assert told.startswith(event.id)
    assert (event.owner, event.alias, event.retry) == ("o", "wg", "lost")
    assert event.terminate_at == pytest.approx(event.at + 7200)
    assert [step.Name for step in event.steps] == ["one"]


def test_a_launch_that_cannot_be_is_said_at_once(it: Lifecycle, tmp_path: Path) -> None:
    it.ok("profile", "put", str(ETL))
    assert "did you mean 'etl'?" in it.run("cluster", "launch", "elt").stderr
    assert "is a pool" in it.run("cluster", "launch", "etl").stderr
    it.ok("profile", "put", str(NIGHTLY))
    steps = tmp_path / "steps.json"
    steps.write_text('[{"Nme": "one"}]')
    done = it.run("cluster", "launch", "nightly", "--steps", str(steps))
    assert done.exit_code == 1
    assert "0.Nme" in done.stderr
    assert it.sent() == []


def test_without_a_queue_it_is_done_here(it: Lifecycle) -> None:
    it.ok("profile", "put", str(NIGHTLY))
    told = it.here("cluster", "launch", "nightly", "--owner", "o", "--id", "l-1")
    launch = it.store.launch("l-1")
    assert launch is not None
    assert (launch.state, launch.owner) == (LaunchState.LAUNCHED, "o")
    assert f"l-1: LAUNCHED {launch.cluster_id}" in told
    assert it.it.cluster(str(launch.cluster_id))["Name"] == "nightly l-1.1"
    again = it.here("cluster", "launch", "nightly", "--owner", "o", "--id", "l-1")
    assert f"l-1: LAUNCHED {launch.cluster_id}" in again
    listed = json.loads(it.here("cluster", "list", "--owner", "o", "--json"))
    assert [one["key"] for one in listed["clusters"]] == [cluster_key(str(launch.cluster_id))]
    assert it.here("cluster", "end", str(launch.cluster_id)) == f"{launch.cluster_id}: ends\n"
    it.it.pass_time(60)
    assert it.it.state(str(launch.cluster_id)) == "TERMINATED"


def test_a_protected_cluster_is_not_ended_and_that_is_said(it: Lifecycle) -> None:
    cluster_id = it.it.ready(Instances=fleets(TerminationProtected=True))
    it.know(cluster(cluster_id, Phase.WORKING))
    assert "it is protected" in it.ok("cluster", "end", cluster_id, queue=False, code=1)
    assert it.it.state(cluster_id) == "WAITING"


def test_a_job_without_a_queue_launches_its_cluster(it: Lifecycle) -> None:
    it.ok("profile", "put", str(ETL))
    assert "QUEUED" in it.here("job", "submit", "--id", "job-1", "sessions")
    launches = list(it.store.open_launches())
    assert [(one.profile, one.slot, one.state) for one in launches] == [("etl", 1, LaunchState.LAUNCHED)]
    assert it.here("sweep").startswith("done")
    assert len(list(it.store.open_launches())) == 1


def test_all_of_an_owner_is_ended(it: Lifecycle) -> None:
    it.ok("profile", "put", str(NIGHTLY))
    it.here("cluster", "launch", "nightly", "--owner", "o", "--id", "l-1")
    assert "o: asked for: j-" in it.ok("cluster", "end", "--owner", "o", "--why", "because")
    event = it.one(OwnerEnded)
    assert (event.owner, event.reason, event.why) == ("o", EndReason.OWNER_GONE, "because")
    it.here("cluster", "end", "--owner", "o")
    row = it.store.of_owner("o")[0][0]
    assert row.end_reason is EndReason.OWNER_GONE
    assert "there is no owner 'p'" in it.run("cluster", "end", "--owner", "p").stderr
    assert it.run("cluster", "end").exit_code == 2


def test_a_cluster_is_asked_to_end_and_one_that_has_ended_is_not(it: Lifecycle) -> None:
    it.know(cluster("j-1", created_at=time.time()))
    assert it.ok("cluster", "end", "j-1") == "j-1: asked for\n"
    event = it.one(EndAsked)
    assert event.cluster_id == "j-1"
    it.store.saw_state("j-1", State.TERMINATED, time.time(), time.time(), "USER_REQUEST")
    assert it.ok("cluster", "end", "j-1") == "j-1: has ended already\n"
    assert it.sent() == []


def test_the_list_shows_the_pools_and_what_is_wrong(it: Lifecycle) -> None:
    it.ok("profile", "put", str(ETL))
    it.know(cluster("j-1", heartbeat_at=time.time() - 5, created_at=time.time() - 50, owner="pool/etl"))
    good = it.ok("cluster", "list")
    assert "j-1" in good
    assert "dead letters: 0" in good
    it.sqs.send_message(QueueUrl=it.dead_url, MessageBody="{")
    it.know(cluster("j-2", heartbeat_at=time.time() - 500, created_at=time.time() - 600))
    done = it.run("cluster", "list")
    assert done.exit_code == 1
    assert "1 messages are in the dead letters" in done.stderr
    assert "j-2 was last heard of" in done.stderr
    health = json.loads(it.run("cluster", "list", "--json").stdout)["health"]
    assert (health["dead_letters"], health["pools"][0]["free"]) == (1, 2)


def ended(it: Lifecycle, name: str, code: str, state: State = State.TERMINATED, **more: Any) -> None:
    it.know(cluster(name, Phase.WORKING, pool=False, state_at=0.0, **more))
    assert it.store.saw_state(name, state, time.time(), time.time(), code) is not None


@pytest.mark.parametrize(
    ("code", "state", "more", "exit_code", "word"),
    [
        ("ALL_STEPS_COMPLETED", State.TERMINATED, {}, 0, "SUCCEEDED"),
        ("ALL_STEPS_COMPLETED", State.TERMINATED, {"failed_step": "s-1"}, 1, "FAILED"),
        ("STEP_FAILURE", State.TERMINATED_WITH_ERRORS, {}, 1, "FAILED"),
        ("INSTANCE_FAILURE", State.TERMINATED_WITH_ERRORS, {}, 3, "LOST"),
        ("USER_REQUEST", State.TERMINATED, {}, 4, "ABORTED"),
    ],
)
def test_wait_ends_by_what_came_of_the_cluster(
    it: Lifecycle, code: str, state: State, more: dict[str, Any], exit_code: int, word: str
) -> None:
    ended(it, "j-1", code, state, **more)
    assert it.ok("cluster", "wait", "j-1", code=exit_code).startswith(word)
    found = json.loads(it.ok("cluster", "wait", "--json", "j-1", code=exit_code))
    assert (found["outcome"], found["cluster"]["key"]) == (word, "CLUSTER#j-1")


def test_wait_follows_a_launch_and_gives_up_when_told(it: Lifecycle) -> None:
    it.ok("profile", "put", str(NIGHTLY))
    it.here("cluster", "launch", "nightly", "--id", "l-1")
    done = it.run("cluster", "wait", "--timeout", "1s", "--every", "1s", "l-1")
    assert (done.exit_code, done.stdout.split(":")[0]) == (5, "still there")
    assert "STARTING" in done.stderr
    launch = it.store.launch("l-1")
    assert launch is not None
    it.store.saw_state(str(launch.cluster_id), State.WAITING, time.time() + 1, time.time())
    assert it.ok("cluster", "wait", "--until", "ready", "l-1").startswith("SUCCEEDED: j-")
    it.store.close_launch(launch, LaunchState.FAILED, time.time(), "no capacity")
    it.store.saw_state(str(launch.cluster_id), State.TERMINATED, time.time() + 2, time.time(), "STEP_FAILURE")
    assert it.ok("cluster", "wait", "l-1", code=1).startswith("FAILED")


def test_wait_for_a_launch_that_came_to_nothing(it: Lifecycle) -> None:
    it.ok("profile", "put", str(NIGHTLY))
    (profile,) = it.store.profiles()
    it.store.put_profile(ClusterProfile.of({**profile.item(), "request": {"Instances": {"Bad": 1}}}))
    it.here("cluster", "launch", "nightly", "--id", "l-1")
    done = it.run("cluster", "wait", "l-1")
    assert done.exit_code == 1
    assert "FAILED: l-1" in done.stdout
    assert it.run("cluster", "wait", "l-2", queue=False).exit_code == 2
    assert it.run("cluster", "wait", "j-2").exit_code == 2


def test_usage_is_of_the_last_days(it: Lifecycle) -> None:
    now = time.time()
    it.know(cluster("j-1", Phase.WORKING, created_at=now - 7200, spot_unit_s=7200.0, ready_at=now - 6600))
    it.store.submit(job("a", 900))
    found = json.loads(it.ok("cluster", "usage", "--since", "1h", "--json"))
    assert found["clusters"][0]["hours"] == pytest.approx(1, rel=0.05)
    assert found["clusters"][0]["spot_unit_hours"] == pytest.approx(1, rel=0.05)
    assert (found["jobs"][0]["priority"], found["jobs"][0]["waiting"]) == (900, 1)
    assert "Clusters in the last 7d0h" in it.ok("cluster", "usage")


def test_the_settings_name_table_and_queue(it: Lifecycle, tmp_path: Path) -> None:
    file = tmp_path / "tidemark.toml"
    lines = [
        "[fleet]",
        "max_capacity_units = 9",
        "[lifecycle]",
        f'table = "{it.name}"',
        f'queue_url = "{it.queue_url}"',
    ]
    file.write_text("\n".join(lines))
    where = ["--config", str(file), "--region", "eu-west-1", "--endpoint-url", it.it.server.endpoint]
    done = CliRunner().invoke(main, ["sweep", *where])
    assert (done.exit_code, done.stdout) == (0, "asked for\n")
    assert len(it.sent()) == 1


def test_errors_say_what_to_do(it: Lifecycle) -> None:
    endpoint = it.it.server.endpoint
    where = ["--region", "eu-west-1", "--endpoint-url", endpoint]
    none = CliRunner().invoke(main, ["cluster", "list", *where])
    assert none.exit_code == 2
    assert "--table" in none.stderr
    wrong = CliRunner().invoke(main, ["cluster", "list", "--table", "no-such", *where])
    assert wrong.exit_code == 1
    assert "Is there a table 'no-such' in eu-west-1?" in wrong.stderr
    away = ["--region", "eu-west-1", "--endpoint-url", f"http://127.0.0.1:{free_port()}"]
    assert CliRunner().invoke(main, ["job", "list", "--table", it.name, *away]).exit_code == 1


def test_what_nobody_could_act_on_is_not_sent(it: Lifecycle) -> None:
    it.ok("profile", "put", str(NIGHTLY))
    for wrong, word in ((["--id", "two words"], "id: "), (["--owner", "o" * 1200], "owner: ")):
        done = it.run("cluster", "launch", *wrong, "nightly")
        assert done.exit_code == 1 and word in done.stderr
    assert it.sent() == []


def test_who_stops_waiting_has_not_learned_of_a_failure(it: Lifecycle) -> None:
    place = ["--table", it.name, "--region", "eu-west-1", "--endpoint-url", it.it.server.endpoint]
    words = ["cluster", "wait", *place, "--queue-url", it.queue_url, "--every", "10m", "launch-1"]
    with subprocess.Popen([sys.executable, "-m", "agent", *words], stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        assert "not written down yet" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(60) == 130
        assert "nothing is ended" in waiting.stderr.read()


def test_what_is_not_in_the_table_is_waited_for_while_our_share_is_used_up(it: Lifecycle) -> None:
    cluster = it.it.ready(Instances=fleets())
    table = DynamoTable(boto("dynamodb", it.it.server.endpoint), it.name)
    here = int(time.time() // 5)
    for window in range(here - 1, here + 60):
        assert table.change(Change(key=f"BUDGET#DescribeCluster#{window}", set={"spent": 1})) is not None
    said = it.ok("cluster", "wait", "--every", "1s", "--timeout", "1s", cluster, code=5)
    assert "our share of EMR's quota is used up" in said, "half of the window is for those who end clusters"
