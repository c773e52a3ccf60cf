"""A job's step on a cluster of the sandbox, over HTTP; and a process that dies around each call."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agent.domain.faults import NotTakenFault, PermanentFault, TransientFault
from agent.lifecycle.budget import Budget, Quota
from agent.lifecycle.memory_table import MemoryTable
from agent.lifecycle.rows import JobRow
from agent.lifecycle.runner import StepRunner
from agent.lifecycle.store import CLAIM_LEASE_S, Store
from agent.lifecycle.table import Table
from agent.lifecycle.words import JobState
from tests.lifecycle.dynamo import dynamo_table
from tests.lifecycle.pool_rows import cluster, job
from tests.sandbox.emr_world import World, boto, fleets, world

PLENTY = {name: Quota(1000, 1000) for name in ("*", "AddJobFlowSteps", "CancelSteps", "DescribeStep", "ListSteps")}
STEP = {"Jar": "command-runner.jar", "Args": ["sleep", "300"]}


class Death(BaseException):
    """Of the process: nothing of ours may catch it."""


class Mortal:
    """A boto3 client whose process dies before or after the call of one operation."""

    def __init__(self, client: Any, operation: str, *, after: bool) -> None:
        self._client = client
        self._operation = operation
        self._after = after

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def made(**request: Any) -> Any:
            if name == self._operation and not self._after:
                raise Death
            answer = call(**request)
            if name == self._operation:
                raise Death
            return answer

        return made


class Place:
    """A claimed job on a real cluster of the sandbox."""

    def __init__(self, it: World, table: Table | None = None) -> None:
        self.it = it
        self.table = table or MemoryTable()
        self.store = Store(self.table)
        self.counted: list[str] = []
        self.cluster_id = it.ready(Instances=fleets(), StepConcurrencyLevel=1)
        self.store.know(cluster(self.cluster_id))
        self.store.submit(job("a").model_copy(update={"step": STEP}))
        self.claim()

    def claim(self) -> None:
        assert self.store.claim(self.cluster_id, self.row, self.it.clock.now, None) is not None

    @property
    def row(self) -> JobRow:
        found = self.store.job("a")
        assert found is not None
        return found

    def runner(self, client: Any = None, quotas: Any = PLENTY) -> StepRunner:
        return StepRunner(
            store=self.store,
            client=client or self.it.emr,
            budget=Budget(self.table, 1.0, quotas),
            clock=self.it.clock,
            count=self.counted.append,
        )

    def steps(self) -> list[str]:
        return [step["Name"] for step in self.it.emr.list_steps(ClusterId=self.cluster_id)["Steps"]]


@pytest.fixture(params=["memory", "dynamodb"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with world() as made:
        if request.param == "memory":
            yield Place(made)
            return
        with dynamo_table(boto("dynamodb", made.server.endpoint)) as table:
            yield Place(made, table)


def test_of_many_that_add_at_once_one_does() -> None:
    with world() as it, dynamo_table(boto("dynamodb", it.server.endpoint, attempts=5)) as table:
        place = Place(it, table)
        seen = place.row
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: place.runner().run(seen), range(24)))
        assert (len([one for one in found if one is not None]), place.steps()) == (1, ["a.1"])


def test_a_job_becomes_a_step_of_its_cluster(place: Place) -> None:
    step_id = place.runner().run(place.row)
    assert step_id is not None
    step = place.it.emr.describe_step(ClusterId=place.cluster_id, StepId=step_id)["Step"]
    assert (step["Name"], step["ActionOnFailure"]) == ("a.1", "CONTINUE")
    assert (step["Config"]["Jar"], step["Config"]["Args"]) == (STEP["Jar"], STEP["Args"])
    assert place.store.step_added(place.row, step_id) is not None
    assert place.runner().run(place.row) == step_id
    assert (place.steps(), place.counted) == (["a.1"], ["StepsAdded"])


def test_of_two_that_add_at_once_one_does(place: Place) -> None:
    seen = place.row
    first = place.runner().run(seen)
    assert first is not None
    assert place.runner().run(seen) is None
    assert place.runner().run(place.row) is None
    assert place.steps() == ["a.1"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_who_dies_while_adding_is_followed_by_one_who_looks_first(place: Place, after: bool) -> None:
    with pytest.raises(Death):
        place.runner(Mortal(place.it.emr, "add_job_flow_steps", after=after)).run(place.row)
    assert place.runner().run(place.row) is None, "he may still be at it"
    place.it.clock.now += CLAIM_LEASE_S + 1
    found = place.runner().run(place.row)
    assert found is not None
    assert place.steps() == ["a.1"]
    assert ("StepsFound" in place.counted) is after


def test_who_dies_while_looking_is_followed_as_well(place: Place) -> None:
    with pytest.raises(Death):
        place.runner(Mortal(place.it.emr, "add_job_flow_steps", after=True)).run(place.row)
    for after in (False, True):
        place.it.clock.now += CLAIM_LEASE_S + 1
        with pytest.raises(Death):
            place.runner(Mortal(place.it.emr, "list_steps", after=after)).run(place.row)
    place.it.clock.now += CLAIM_LEASE_S + 1
    assert place.runner().run(place.row) is not None
    assert place.steps() == ["a.1"]


def test_a_step_is_found_beyond_the_first_page() -> None:
    with world(page_size=2) as it:
        place = Place(it)
        with pytest.raises(Death):
            place.runner(Mortal(it.emr, "add_job_flow_steps", after=True)).run(place.row)
        other = {"ActionOnFailure": "CONTINUE", "HadoopJarStep": STEP}
        for number in range(5):
            it.emr.add_job_flow_steps(JobFlowId=place.cluster_id, Steps=[{"Name": f"by-hand-{number}", **other}])
        it.clock.now += CLAIM_LEASE_S + 1
        assert place.runner().run(place.row) is not None
        assert place.counted == ["StepsFound"]


def test_without_budget_nothing_is_added_and_the_next_may(place: Place) -> None:
    none_left = {**PLENTY, "AddJobFlowSteps": Quota(1, 0.5)}
    spent = Budget(place.table, 1.0, none_left)
    while spent.spend("AddJobFlowSteps", place.it.clock.now):
        pass
    assert place.runner(quotas=none_left).run(place.row) is None
    assert (place.row.adding_at, place.steps()) == (None, [])
    assert place.runner(quotas={**PLENTY, "AddJobFlowSteps": Quota(9, 9)}).run(place.row) is not None


def test_without_budget_to_look_nobody_adds(place: Place) -> None:
    with pytest.raises(Death):
        place.runner(Mortal(place.it.emr, "add_job_flow_steps", after=True)).run(place.row)
    before = place.row.adding_at
    place.it.clock.now += CLAIM_LEASE_S + 1
    none_left = {**PLENTY, "ListSteps": Quota(1, 0.5)}
    while Budget(place.table, 1.0, none_left).spend("ListSteps", place.it.clock.now):
        pass
    assert place.runner(quotas=none_left).run(place.row) is None
    assert place.row.adding_at == before, "the next one looks, and need not wait"
    place.it.clock.now += 60
    assert place.runner().run(place.row) is not None
    assert place.steps() == ["a.1"]


def test_a_cluster_that_has_ended_takes_no_step(place: Place) -> None:
    place.it.emr.terminate_job_flows(JobFlowIds=[place.cluster_id])
    place.it.pass_time(120)
    with pytest.raises(PermanentFault):
        place.runner().run(place.row)


def test_a_lost_answer_is_a_fault_and_the_step_is_found_later(place: Place) -> None:
    from botocore.exceptions import ReadTimeoutError

    class Deaf(Mortal):
        def __getattr__(self, name: str) -> Any:
            call = getattr(self._client, name)

            def made(**request: Any) -> Any:
                call(**request)
                raise ReadTimeoutError(endpoint_url="http://emr")

            return made

    with pytest.raises(TransientFault) as caught:
        place.runner(Deaf(place.it.emr, "", after=True)).run(place.row)
    assert not isinstance(caught.value, NotTakenFault)
    place.it.clock.now += CLAIM_LEASE_S + 1
    assert place.runner().run(place.row) is not None
    assert place.steps() == ["a.1"]


def test_the_next_attempt_is_another_step(place: Place) -> None:
    assert place.runner().run(place.row) is not None
    assert place.store.requeue(place.row, "lost", place.it.clock.now) is not None
    assert place.store.release(place.cluster_id, "a", place.it.clock.now) is not None
    place.claim()
    assert place.row.adding_at is None
    assert place.runner().run(place.row) is not None
    assert sorted(place.steps()) == ["a.1", "a.2"]


def test_a_step_is_looked_at_and_cancelled(place: Place) -> None:
    runner = place.runner()
    assert runner.look(place.row) is None
    step_id = runner.run(place.row)
    assert step_id is not None
    place.store.step_added(place.row, step_id)
    place.it.wait(lambda: place.it.steps(place.cluster_id)["a.1"] == "RUNNING")
    seen = runner.look(place.row)
    assert seen is not None
    assert (seen.state, seen.name, seen.step_id, seen.at) == ("RUNNING", "a.1", step_id, place.it.clock.now)
    runner.cancel(place.row)
    place.it.wait(lambda: place.it.steps(place.cluster_id)["a.1"] == "CANCELLED")
    runner.cancel(place.row)
    ended = runner.look(place.row)
    assert ended is not None
    assert ended.state == "CANCELLED"


def test_a_step_that_was_not_written_down_is_cancelled_too(place: Place) -> None:
    place.runner().cancel(place.row)
    with pytest.raises(Death):
        place.runner(Mortal(place.it.emr, "add_job_flow_steps", after=True)).run(place.row)
    place.runner().cancel(place.row)
    place.it.wait(lambda: place.it.steps(place.cluster_id)["a.1"] == "CANCELLED")
    assert place.row.state is JobState.CLAIMED
