"""A simulated world in which the handler dies at one call to a service, chosen beforehand, and everything goes on.

EMR, the queue and the time are those of the soak; the conductor is the function's own, with the real adapters to
Scheduler, SQS, Step Functions and SNS over services of a few lines.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import FrameType
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.parsers import create_parser

from agent.domain.faults import Fault, TransientFault
from agent.lifecycle import composing
from agent.lifecycle.deadlines import deadlines
from agent.lifecycle.delivery import deliver
from agent.lifecycle.later import QueueLater
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.rows import ClusterProfile, JobProfile
from agent.lifecycle.store import Store
from agent.lifecycle.tell import teller
from agent.lifecycle.tokens import StepFunctionsTokens
from agent.sandbox.emr.clusters import Cluster
from agent.sandbox.emr.instances import seed_ids
from agent.sandbox.emr.states import Role
from agent.settings_lifecycle import LifecycleSettings
from benchmarks.soak.chance import Chance, Died, Rates
from benchmarks.soak.emr import ACCOUNT, REGION, SimulatedEmr
from benchmarks.soak.queue import Message, SimulatedQueue, attributes

BEGIN = 1_700_000_000.0 - 1_700_000_000.0 % 300
TICK_S, SWEEP_S, BEAT_S = 30.0, 300.0, 60.0
INDEX_LAG_S = 2.0
LONGEST_S = 8 * 3600.0
"""What has not come to rest by then never does."""
SURE = Rates(dies_before=0, dies_after=0, answer_lost=0, event_lost=0, event_twice=0, event_late=0, sweep_lost=0)
SETTINGS = LifecycleSettings(
    table="simulated",
    queue_url="https://queue",
    queue_arn="arn:queue",
    schedule_group="deadlines",
    schedule_role_arn="arn:role",
    topic_arn="arn:topic",
)


class How(StrEnum):
    BEFORE = "dies before"
    AFTER = "dies after"
    REFUSED = "the service fails before"
    LOST = "the answer is lost after"


@dataclass(frozen=True)
class Call:
    operation: str
    site: str
    message: int
    """The number of the message that is heard."""
    state: Hashable
    """What the table says, in words."""

    @property
    def reads(self) -> bool:
        return self.operation in ("get", "rows") or self.operation.startswith(("Describe", "List"))


class Fate(Chance):
    """What happens to one of the handler's calls; the others go through."""

    def __init__(self, at: int = 0, how: How = How.BEFORE) -> None:
        super().__init__(0, SURE)
        self.made: list[Call] = []
        """All calls, if `state` is given."""
        self.state: Callable[[], Hashable] | None = None
        self.messages = 0
        self.happened = False
        self._at = at
        self._how = how

    def around(self, call: Callable[[], Any], lost: Callable[[], Exception] | None = None, operation: str = "") -> Any:
        if not self.on:
            return call()
        self.calls += 1
        if self.state is not None:
            self.made.append(Call(operation, _site(), self.messages, self.state()))
        if self.calls != self._at:
            return call()
        self.happened = True
        if self._how is How.BEFORE:
            raise Died
        lost = lost or _timed_out
        if self._how is How.REFUSED:
            raise lost()
        call()
        raise Died if self._how is How.AFTER else lost()


def _timed_out() -> Exception:
    return ReadTimeoutError(endpoint_url="https://service")


def _site() -> str:
    """Who in the lifecycle calls whom, the innermost first."""
    frame: FrameType | None = sys._getframe(2)
    found = []
    while frame is not None:
        if "/agent/lifecycle/" in frame.f_code.co_filename:
            found.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(found)


class Mortal:
    """Any object whose methods are calls to a service."""

    def __init__(self, inner: Any, fate: Fate, lost: Callable[[], Exception] = _timed_out) -> None:
        self._inner, self._fate, self._lost = inner, fate, lost

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def called(*given: Any, **named: Any) -> Any:
            answer = self._fate.around(lambda: _whole(method(*given, **named)), self._lost, name)
            return iter(answer) if isinstance(answer, list) else answer

        return called


def _whole(answer: Any) -> Any:
    """Rows are fetched within the call."""
    return list(answer) if isinstance(answer, Iterator) else answer


@cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("emr")


class QuickClient:
    """What a boto3 client of EMR answers and raises; four fifths of a real one's time go into what is not looked at
    here: whom it asks, and by what words."""

    def __init__(self, emr: SimulatedEmr, fate: Fate) -> None:
        self._emr, self._fate = emr, fate

    def __getattr__(self, name: str) -> Any:
        operation = "".join(part.capitalize() for part in name.split("_"))

        def called(**request: Any) -> Any:
            body = json.dumps(request).encode()
            status, answer = self._fate.around(lambda: self._emr.api.answer(operation, body), None, operation)
            shape = _model().operation_model(operation).output_shape
            told = {"status_code": status, "headers": {}, "body": json.dumps(answer).encode()}
            found = _PARSER.parse(told, shape)
            if status >= 300:
                raise ClientError(found, operation)
            return found

        return called


_PARSER = create_parser("json")


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


@dataclass
class Services:
    """Scheduler, SQS, Step Functions and SNS, as far as the lifecycle calls them."""

    world: World
    schedules: dict[str, tuple[float, str]] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    """Task tokens and what their executions were told, once each: a token is gone with the first word."""
    notices: Counter[str] = field(default_factory=Counter)

    def create_schedule(self, **schedule: Any) -> None:
        if schedule["Name"] in self.schedules:
            raise _error("ConflictException", "CreateSchedule")
        self.update_schedule(**schedule)

    def update_schedule(self, **schedule: Any) -> None:
        at = datetime.fromisoformat(schedule["ScheduleExpression"][3:-1]).replace(tzinfo=UTC).timestamp()
        self.schedules[schedule["Name"]] = at, schedule["Target"]["Input"]

    def delete_schedule(self, **named: Any) -> None:
        if self.schedules.pop(named["Name"], None) is None:
            raise _error("ResourceNotFoundException", "DeleteSchedule")

    def fire(self) -> None:
        for name, (at, body) in list(self.schedules.items()):
            if at <= self.world.now:
                del self.schedules[name]
                self.world.queue.send(body, self.world.now)

    def send_message(self, **message: Any) -> None:
        self.world.queue.send(message["MessageBody"], self.world.now, delay_s=message["DelaySeconds"])

    def send_task_success(self, **told: Any) -> None:
        self._told(told["taskToken"], "succeeded")

    def send_task_failure(self, **told: Any) -> None:
        self._told(told["taskToken"], told["error"])

    def send_task_heartbeat(self, **told: Any) -> None:
        if told["taskToken"] in dict(self.told):
            raise _error("TaskTimedOut", "SendTaskHeartbeat")

    def publish(self, **notice: Any) -> None:
        self.notices[json.loads(json.loads(notice["Message"])["default"])["event"]] += 1

    def _told(self, token: str, what: str) -> None:
        if token in dict(self.told):
            raise _error("TaskTimedOut", "SendTask")
        self.told.append((token, what))


Deed = Callable[["World"], None]
When = Callable[["World"], bool]


@dataclass(frozen=True, kw_only=True)
class Story:
    """Profiles, and what happens: each deed once, as soon as its time has come."""

    profiles: Sequence[ClusterProfile | JobProfile]
    happens: Sequence[tuple[When, Deed]]
    agents: bool = True
    """Whether there is one on each cluster."""
    events: bool = True
    """Whether EMR's come; otherwise the sweep finds it all out."""
    begin: Deed | None = None


class World:
    def __init__(self, story: Story, fate: Fate) -> None:
        # what is ordered by ids is ordered alike in every run
        seed_ids(1)
        self.now = BEGIN
        self.story, self.fate = story, fate
        self.queue = SimulatedQueue(fate)
        self.emr = SimulatedEmr(lambda: self.now, fate)
        self.table = table = MemoryTable(index_lag_s=INDEX_LAG_S, clock=lambda: self.now)
        self.store = Store(table)
        self.services = Services(self)
        self.counts: Counter[str] = Counter()
        self.failed: list[str] = []
        self.memory: dict[str, Any] = {}
        """Of the story's own deeds."""
        mortal = Mortal(self.services, fate)
        clock, count = (lambda: self.now), self._count
        self._conductor = composing.conductor(
            table=Mortal(table, fate, lambda: TransientFault("the table's answer was lost")),  # type: ignore[arg-type]
            emr=QuickClient(self.emr, fate),
            settings=SETTINGS,
            clock=clock,
            count=count,
            deadlines=deadlines(lambda: mortal, SETTINGS, clock, count),
            tokens=StepFunctionsTokens(lambda: mortal, count),
            teller=teller(lambda: mortal, SETTINGS.topic_arn, count),
            later=QueueLater(lambda: mortal, SETTINGS.queue_url, count),
        )
        self._numbers = itertools.count()
        self._open = list(story.happens)
        for profile in story.profiles:
            self.store.put_profile(profile)
        if story.begin is not None:
            story.begin(self)

    def _count(self, name: str) -> None:
        self.counts[name] += 1

    def say(self, message: Mapping[str, Any]) -> None:
        self.queue.send(json.dumps(message), self.now)

    def run(self) -> World:
        """Until all is at rest, and still is after a sweep more."""
        for until in (0.0, SWEEP_S):
            until += self.now
            while self.now < until or not self._at_rest():
                assert self.now < BEGIN + LONGEST_S, self._restless()
                self._tick()
        return self

    def _tick(self) -> None:
        until = self.now + TICK_S
        while self.queue.next_due <= until:
            self.now = max(self.now, self.queue.next_due)
            message = self.queue.due(self.now)
            assert message is not None
            self._deliver(message)
        self.now = until
        for event in self.emr.tick():
            if self.story.events:
                body = event.body(f"e-{next(self._numbers)}", REGION, ACCOUNT)
                self.queue.event(json.dumps(body), self.now)
        due = [one for one in self._open if one[0](self)]
        self._open = [one for one in self._open if one not in due]
        for _, deed in due:
            deed(self)
        self.services.fire()
        if self.story.agents and self.now % BEAT_S == 0:
            for cluster in self.living():
                if cluster.ready_at is not None and live(cluster, Role.MASTER):
                    seen = {"core_nodes": live(cluster, Role.CORE), "apps": int(cluster.steps.active)}
                    self.store.heartbeat(cluster.id, seen, self.now)
        if self.now % SWEEP_S == 0:
            self.say({"sweep": {}})

    def _deliver(self, message: Message) -> None:
        self.fate.on = True
        self.fate.messages += 1
        try:
            deliver(self._conductor, message.body, attributes(message), self.now, self._count)
        except (Died, Fault) as error:
            self.failed.append(f"{error!r} of {message.body[:80]}")
            self.queue.failed(message, self.now)
        finally:
            self.fate.on = False

    # looking at it

    def state(self) -> Hashable:
        """What the rows say, and how many there are of a kind; without times, budgets and ids."""
        words = ("state", "phase", "attempt", "end_reason", "failed_step", "slot")
        there = ("claim", "cluster_id", "step_id", "adding_at", "open", "end_sent_at", "task_token", "queue")
        return tuple(
            (tuple(row.get(word) for word in words), tuple(word in row for word in there))
            for kind in ("CLUSTER#", "LAUNCH#", "JOB#", "SLOT#")
            for row in self.table.keyed(kind)
        )

    def living(self) -> list[Cluster]:
        return [one for one in self.emr.emr.going() if not one.state.ending]

    def steps(self) -> Counter[str]:
        """How often a step of each name was run."""
        runs: Counter[str] = Counter()
        for cluster in self.emr.emr.clusters.values():
            for step in cluster.steps.steps:
                runs[str(step.config["Name"])] += self.emr.steps.runs.get(step.id, 0)
        return runs

    def _at_rest(self) -> bool:
        store = self.store
        rows = (store.open_clusters(), store.open_launches(), store.open_jobs())
        return (
            not self._open
            and not self.emr.emr.going()
            and self.queue.next_due == float("inf")
            and not self.services.schedules
            and all(next(one, None) is None for one in rows)
            and not any(next(store.slots(one.name), None) for one in self.story.profiles)
        )

    def _restless(self) -> str:
        store = self.store
        return (
            f"it does not come to rest: {len(self._open)} deeds to come, {len(self.living())} clusters alive, next"
            f" message in {self.queue.next_due - self.now:.0f} s, schedules {list(self.services.schedules)}, clusters"
            f" {list(store.open_clusters())}, launches {list(store.open_launches())}, jobs {list(store.open_jobs())},"
            f" slots {[list(store.slots(one.name)) for one in self.story.profiles]}, failed {self.failed[-3:]}"
        )


def live(cluster: Cluster, role: Role) -> int:
    return sum(one.live and one.machine.role == role for one in cluster.instances)
