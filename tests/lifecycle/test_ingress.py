"""Messages of the queue, every kind that a source sends, and whatever else may be in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lifecycle.events import (
    CapacityMissing,
    ClusterChanged,
    DeadlineCame,
    EndAsked,
    Event,
    FleetChanged,
    GoOn,
    Ignored,
    JobCancelled,
    JobSubmitted,
    LaunchAsked,
    Malformed,
    ObjectCreated,
    OwnerEnded,
    StepChanged,
    SweepDue,
)
from agent.lifecycle.ingress import events_of
from agent.lifecycle.jobs import submitted
from agent.lifecycle.ladder import attempt_in, name_of
from agent.lifecycle.later import body_of
from agent.lifecycle.messages import WORDS
from agent.lifecycle.words import EndReason, JobState, Retry, State
from agent.sandbox.emr import chronicle

EVENTS = Path(__file__).parent / "data" / "events"
CLUSTER = "j-2AXXXXXXGAPLF"
AT = 1769850300.0
"""2026-01-31T09:05:00Z."""
SQS = {"message_id": "8c5f7a1e-2f1b-4b7e-9a53-0a8d1c2e3f40", "SentTimestamp": "1769850307250"}
SENT_AT = 1769850307.25


def of_file(name: str) -> Event:
    (event,) = events_of((EVENTS / f"{name}.json").read_text(), SQS)
    return event


def said(message: Any, **attributes: str) -> Event:
    (event,) = events_of(json.dumps(message), {**SQS, **attributes})
    return event


def in_envelope(text: str, message_id: str = "da41e39f-ea4d-435a-b922-c6aae3915ebe") -> str:
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": "arn:aws:sns:eu-west-1:111122223333:tidemark",
            "Message": text,
            "Timestamp": "2026-01-31T09:05:00.500Z",
        }
    )


WHEN_ENDED = {
    "cluster-terminated": (State.TERMINATED, "ALL_STEPS_COMPLETED", "Steps completed"),
    "cluster-terminated-with-errors": (
        State.TERMINATED_WITH_ERRORS,
        "INSTANCE_FAILURE",
        "The primary node was terminated",
    ),
}


@pytest.mark.parametrize("name", WHEN_ENDED)
def test_an_ended_cluster_tells_why_in_json_in_json(name: str) -> None:
    state, code, message = WHEN_ENDED[name]
    assert of_file(name) == ClusterChanged(
        cluster_id=CLUSTER, name="etl wish-7.1", state=state, at=AT, code=code, message=message
    )


@pytest.mark.parametrize("name", ["starting", "running", "waiting"])
def test_a_living_cluster_has_no_code(name: str) -> None:
    event = of_file(f"cluster-{name}")
    assert isinstance(event, ClusterChanged)
    assert (event.state, event.code, event.at) == (State(name.upper()), None, AT)


@pytest.mark.parametrize("reason", ["", "{", "[]", "null", "3", {"code": "USER_REQUEST"}, None])
def test_a_reason_in_another_shape_costs_the_reason_and_not_the_event(reason: object) -> None:
    event = json.loads((EVENTS / "cluster-terminated.json").read_text())
    event["detail"]["stateChangeReason"] = reason
    changed = said(event)
    assert isinstance(changed, ClusterChanged)
    assert changed.state is State.TERMINATED
    assert changed.code == ("USER_REQUEST" if isinstance(reason, dict) else None)


def test_a_step() -> None:
    assert of_file("step-status-change") == StepChanged(
        cluster_id=CLUSTER,
        step_id="s-1QXXXXXXXXB52",
        name="job-4.2",
        state="FAILED",
        at=AT,
        message="Step s-1QXXXXXXXXB52 (job-4.2) in Amazon EMR cluster failed.",
    )


def test_fleets_and_groups_tell_what_is_there_in_texts() -> None:
    fleet, group = of_file("fleet-state-change"), of_file("group-state-change")
    assert fleet == FleetChanged(cluster_id=CLUSTER, role="CORE", state="RUNNING", at=AT, provisioned=16)
    assert group == FleetChanged(cluster_id=CLUSTER, role="CORE", state="RUNNING", at=AT, provisioned=2)


@pytest.mark.parametrize("units", ["", "many", None, "-1", "NaN", True, []])
def test_units_that_are_no_number_are_not_known(units: object) -> None:
    event = json.loads((EVENTS / "fleet-state-change.json").read_text())
    event["detail"]["provisionedSpotCapacity"] = units
    assert said(event) == FleetChanged(cluster_id=CLUSTER, role="CORE", state="RUNNING", at=AT, provisioned=None)


def test_missing_capacity_at_the_first_time_and_at_a_resize() -> None:
    insufficient = "EC2 provisioning - Insufficient Instance Capacity"
    assert of_file("fleet-provisioning") == CapacityMissing(cluster_id=CLUSTER, role="TASK", code=insufficient, at=AT)
    timeout = CapacityMissing(cluster_id=CLUSTER, role="TASK", code="Spot Provisioning timeout", at=AT)
    assert of_file("fleet-resize") == timeout


@pytest.mark.parametrize(
    "name", ["auto-scaling-policy", "configuration-error", "group-status-notification", "spot-interruption"]
)
def test_other_events_of_aws_are_none_of_our_business(name: str) -> None:
    assert of_file(name) == Ignored(why="detail-type")


def test_a_rule_of_the_clock_without_an_input_wants_nothing_that_we_could_know() -> None:
    event = of_file("scheduled")
    assert isinstance(event, Malformed)
    assert event.why == "no-input"


EXECUTION = "arn:aws:states:eu-west-1:111122223333:execution:nightly:2026-01-31"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("succeeded", EndReason.OWNER_DONE),
        ("failed", EndReason.OWNER_FAILED),
        ("timed-out", EndReason.OWNER_FAILED),
        ("aborted", EndReason.OWNER_GONE),
    ],
)
def test_an_execution_is_an_owner_that_ends_to_the_millisecond(name: str, reason: EndReason) -> None:
    event = of_file(f"execution-{name}")
    assert isinstance(event, OwnerEnded)
    assert (event.owner, event.reason, event.at) == (EXECUTION, reason, 1769850299.5)


def test_an_execution_that_runs_has_not_ended() -> None:
    assert of_file("execution-running") == Ignored(why="execution-goes-on")


def test_an_object_and_its_version() -> None:
    assert of_file("object-created") == ObjectCreated(
        bucket="landing", name="clicks/2026-01-31/part 0.parquet", version="IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", at=AT
    )


@pytest.mark.parametrize(
    ("told", "version"), [({"sequencer": "00A"}, "00A"), ({"etag": "b1"}, "b1"), ({"eTag": "c2"}, "c2"), ({}, "")]
)
def test_a_bucket_without_versions_tells_writes_apart_as_it_can(told: dict[str, str], version: str) -> None:
    event = json.loads((EVENTS / "object-created.json").read_text())
    event["detail"]["object"] = {"key": "a", **told}
    assert said(event) == ObjectCreated(bucket="landing", name="a", version=version, at=AT)


def test_a_deleted_pipeline_is_gone() -> None:
    assert of_file("pipeline-deleted") == OwnerEnded(
        owner="df-0123456EXAMPLE", reason=EndReason.OWNER_GONE, at=AT, why="its pipeline was deleted"
    )


@pytest.mark.parametrize("change", [{"eventName": "PutPipelineDefinition"}, {"errorCode": "AccessDenied"}])
def test_other_calls_and_calls_that_failed_delete_no_pipeline(change: dict[str, str]) -> None:
    event = json.loads((EVENTS / "pipeline-deleted.json").read_text())
    event["detail"] |= change
    assert said(event) == Ignored(why="api-call")


def test_an_event_of_somebodys_own_says_what_it_wants_in_our_words() -> None:
    assert of_file("own-bus") == LaunchAsked(
        id="6f1c8a52-3b1d-4a0e-9d57-0a4a2f6f9b11", profile="etl", owner="orders", at=AT
    )


@pytest.mark.parametrize("state", ["RUNING", "ZERO_CORE", "", None, 3])
def test_a_state_that_emr_does_not_have_is_malformed(state: object) -> None:
    event = json.loads((EVENTS / "cluster-running.json").read_text())
    event["detail"]["state"] = state
    found = said(event)
    assert isinstance(found, Malformed)
    assert found.details["where"] == "detail.state"
    assert state != "RUNING" or found.details["nearest"] == "RUNNING"


@pytest.mark.parametrize("cluster_id", ["", "x", "j-", "j-" + "A" * 41, "j-1\n", None, ["j-1"]])
def test_what_is_no_id_of_a_cluster_is_malformed(cluster_id: object) -> None:
    event = json.loads((EVENTS / "cluster-running.json").read_text())
    event["detail"]["clusterId"] = cluster_id
    found = said(event)
    assert isinstance(found, Malformed)
    assert found.details["where"] == "detail.clusterId"


def test_the_sandbox_publishes_what_is_read_here() -> None:
    read = {json.loads(path.read_text())["detail-type"] for path in EVENTS.glob("*.json")}
    told = {chronicle.CLUSTER, chronicle.STEP, chronicle.FLEET, chronicle.PROVISIONING, chronicle.RESIZE}
    assert told <= read


# our own words

SAID: list[tuple[Any, Event]] = [
    (
        {"owner": "df-1", "event": "done", "why": "all green"},
        OwnerEnded(owner="df-1", reason=EndReason.OWNER_DONE, at=SENT_AT, why="all green"),
    ),
    ({"owner": "g", "event": "failed"}, OwnerEnded(owner="g", reason=EndReason.OWNER_FAILED, at=SENT_AT)),
    ({"owner": "g", "event": "gone", "at": 7}, OwnerEnded(owner="g", reason=EndReason.OWNER_GONE, at=7.0)),
    (
        {"launch": {"id": "w", "profile": "etl", "owner": "me", "terminate_at": "1769850300", "retry": "lost"}},
        LaunchAsked(id="w", profile="etl", owner="me", at=SENT_AT, terminate_at=AT, retry=Retry.LOST),
    ),
    (
        {"launch": {"profile": "etl", "alias": "group-1", "terminate_at": "2026-01-31T09:05:00Z"}},
        LaunchAsked(
            id=SQS["message_id"],
            profile="etl",
            owner=SQS["message_id"],
            at=SENT_AT,
            alias="group-1",
            terminate_at=AT,
        ),
    ),
    (
        {"deadline": {"cluster_id": CLUSTER, "terminate_at": "1769850300"}},
        DeadlineCame(cluster_id=CLUSTER, terminate_at=AT),
    ),
    ({"sweep": {"at": "2026-01-31T09:05:00Z"}}, SweepDue(at=AT)),
    ({"sweep": True}, SweepDue(at=SENT_AT)),
    ({"sweep": {"at": "soon"}}, SweepDue(at=SENT_AT)),
    (
        {"job": {"id": "n", "profile": "daily", "owner": "me", "args": ["--day", "1"], "priority": "900"}},
        JobSubmitted(id="n", profile="daily", owner="me", at=SENT_AT, args=("--day", "1"), priority=900),
    ),
    (
        {"job": {"profile": "daily", "owner": EXECUTION}, "task_token": "AAA="},
        JobSubmitted(id=SQS["message_id"], profile="daily", owner=EXECUTION, at=SENT_AT, task_token="AAA="),
    ),
    (
        {"job": {"profile": "daily", "owner": EXECUTION, "id": "n", "task_token": "AAA="}},
        JobSubmitted(id="n", profile="daily", owner=EXECUTION, at=SENT_AT, task_token="AAA="),
    ),
    ({"cancel_job": {"id": "n", "why": "not needed"}}, JobCancelled(id="n", why="not needed")),
    ({"end": {"cluster_id": CLUSTER, "why": "by me"}}, EndAsked(cluster_id=CLUSTER, why="by me")),
    ({"go_on": {"what": "run", "id": "n"}}, GoOn(what="run", id="n")),
    (
        json.loads(body_of(GoOn(what="end", id=CLUSTER, reason=EndReason.TWIN, why="two"))),
        GoOn(what="end", id=CLUSTER, reason=EndReason.TWIN, why="two"),
    ),
    (json.loads(body_of(GoOn(what="ask", id=CLUSTER))), GoOn(what="ask", id=CLUSTER)),
]


@pytest.mark.parametrize(("message", "event"), SAID, ids=lambda one: type(one).__name__)
def test_our_own_words(message: Any, event: Event) -> None:
    assert said(message) == event
    (wrapped,) = events_of(in_envelope(json.dumps(message)), SQS)
    assert type(wrapped) is type(event)


def test_every_word_is_tried_above() -> None:
    assert {next(word for word in WORDS if word in message) for message, _ in SAID} == set(WORDS)


def test_steps_of_a_launch_are_those_of_emr() -> None:
    step = {"Name": "count", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}
    event = said({"launch": {"profile": "etl", "steps": [step]}})
    assert isinstance(event, LaunchAsked)
    assert event.steps[0].model_dump()["HadoopJarStep"] == step["HadoopJarStep"]


FAULTS: list[tuple[Any, str, str | None]] = [
    ({"launch": {"profle": "etl"}}, "launch.profle", "profile"),
    ({"launch": {"profile": "etl", "retry": "losst"}}, "launch.retry", "lost"),
    ({"launch": {"profile": "etl", "id": "a b"}}, "launch.id", None),
    ({"launch": {"profile": "etl", "id": "a" * 101}}, "launch.id", None),
    ({"launch": {"profile": "etl", "owner": "o" * 1101}}, "launch.owner", None),
    ({"launch": {"profile": "etl", "terminate_at": 1769850300000}}, "launch.terminate_at", None),
    ({"launch": {"profile": "etl", "terminate_at": True}}, "launch.terminate_at", None),
    ({"launch": {"profile": "etl", "terminate_at": "2026-01-31T09:05:00"}}, "launch.terminate_at", None),
    ({"launch": {"profile": "etl", "steps": [{"Nme": "x", "HadoopJarStep": {}}]}}, "launch.steps.0.Nme", "Name"),
    ({"launch": "etl"}, "launch", None),
    ({"owner": "me", "event": "dne"}, "event", "done"),
    ({"owner": "", "event": "done"}, "owner", None),
    ({"owner": "me", "evnt": "done"}, "evnt", "event"),
    ({"job": {"profile": "daily", "priority": "high"}}, "job.priority", None),
    ({"job": {"profile": "daily", "args": "--day"}}, "job.args", None),
    ({"deadline": {"cluster_id": "emr-1", "terminate_at": 1}}, "deadline.cluster_id", None),
    ({"end": {"cluster": CLUSTER}}, "end.cluster", "cluster_id"),
    ({"go_on": {"what": "lunch", "id": "x"}}, "go_on.what", "launch"),
]


@pytest.mark.parametrize(("message", "where", "near"), FAULTS, ids=lambda one: str(one)[:30])
def test_a_fault_says_where_it_is_and_the_nearest_right_word(message: Any, where: str, near: str | None) -> None:
    event = said(message)
    assert isinstance(event, Malformed)
    fault = {fault["where"]: fault for fault in event.details["faults"]}[where]
    assert fault["problem"]
    assert fault.get("nearest") == near


def test_a_job_that_will_be_rejected_gets_as_far_as_its_row() -> None:
    """There the reason stands, and the execution that waits is told."""
    event = said({"job": {"profile": "daily", "id": "a b", "priority": 1000, "task_token": "t"}})
    assert isinstance(event, JobSubmitted)
    row = submitted(event, None, None, SENT_AT)
    assert row.state is JobState.REJECTED
    assert any("priority" in why for why in row.why)


def test_an_unknown_word_and_two_at_once() -> None:
    unknown, several = said({"launc": {}}), said({"launch": {"profile": "etl"}, "sweep": True})
    assert isinstance(unknown, Malformed) and isinstance(several, Malformed)
    assert (unknown.why, unknown.details["nearest"]) == ("unknown-word", "launch")
    assert (several.why, several.details["words"]) == ("several-words", ["launch", "sweep"])


# ids of wishes


def test_the_second_delivery_of_a_wish_is_the_same_wish() -> None:
    body = in_envelope(json.dumps({"launch": {"profile": "etl"}}))
    (first,) = events_of(body, {"message_id": "one", "SentTimestamp": "1"})
    (second,) = events_of(body, {"message_id": "two", "SentTimestamp": "2"})
    assert first == second
    assert isinstance(first, LaunchAsked)
    assert first.id == "da41e39f-ea4d-435a-b922-c6aae3915ebe"


def test_a_wish_that_nothing_tells_from_another_is_malformed() -> None:
    (event,) = events_of('{"launch": {"profile": "etl"}}')
    assert isinstance(event, Malformed)
    assert event.why == "no-id"


@given(st.text(max_size=300))
def test_an_id_that_is_made_of_a_delivery_fits_into_a_clusters_name(message_id: str) -> None:
    (event,) = events_of('{"launch": {"profile": "etl"}}', {"message_id": message_id})
    if isinstance(event, LaunchAsked):
        assert attempt_in(name_of("etl", event.id, 3)) == (event.id, 3)
    else:
        assert message_id == ""


# what the sources send besides


@pytest.mark.parametrize("wrap", [str, in_envelope, json.dumps], ids=["raw", "envelope", "JSON string"])
def test_a_pipeline_that_is_done_sends_its_id_and_one_that_failed_its_worker_group(wrap: Any) -> None:
    (done,), (failed,) = events_of(wrap("df-0123456EXAMPLE"), SQS), events_of(wrap("workers-7f3a"), SQS)
    assert isinstance(done, OwnerEnded) and isinstance(failed, OwnerEnded)
    assert (done.owner, done.reason) == ("df-0123456EXAMPLE", EndReason.OWNER_DONE)
    assert (failed.owner, failed.reason) == ("workers-7f3a", EndReason.OWNER_FAILED)


@pytest.mark.parametrize("text", ["", " ", "null", "true", "17", "two words", "{", "[1]", "x" * 300, "NaN"])
def test_other_texts_are_malformed(text: str) -> None:
    (event,) = events_of(text, SQS)
    assert isinstance(event, Malformed)


def test_an_event_that_was_put_on_a_topic() -> None:
    text = (EVENTS / "cluster-running.json").read_text()
    (event,) = events_of(in_envelope(text), SQS)
    assert event == of_file("cluster-running")


def test_envelopes_in_envelopes_have_an_end() -> None:
    text = '{"sweep": true}'
    for _ in range(3):
        text = in_envelope(text)
    assert isinstance(events_of(text, SQS)[0], SweepDue)
    (event,) = events_of(in_envelope(text), SQS)
    assert isinstance(event, Malformed)
    assert event.why == "too-many-envelopes"


@pytest.mark.parametrize(
    ("message", "why"),
    [({"Type": "SubscriptionConfirmation", "TopicArn": "a"}, "subscription"), ({"Records": []}, "records")],
)
def test_what_somebody_has_set_up_wrongly_says_what_to_do(message: Any, why: str) -> None:
    event = said(message)
    assert isinstance(event, Malformed)
    assert event.why == why
    assert event.details["problem"]


# whatever else

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*WORDS, "detail", "source", "detail-type", "Type", "Message", "id", "at", "profile"])
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
KINDS = get_args(Event)


def holds(body: str, attributes: dict[str, str]) -> None:
    events = events_of(body, attributes)
    assert events
    assert all(isinstance(event, KINDS) for event in events)
    assert all(event.why.replace("-", "").isalnum() for event in events if isinstance(event, Malformed | Ignored))


@given(st.text() | st.binary().map(lambda raw: raw.decode(errors="surrogateescape")))
def test_arbitrary_text_raises_nothing(body: str) -> None:
    holds(body, {"message_id": body[:50], "SentTimestamp": body[:20]})


@given(JSON)
def test_arbitrary_json_raises_nothing(found: Any) -> None:
    holds(json.dumps(found), SQS)
    holds(in_envelope(json.dumps(found)), SQS)


@given(st.sampled_from(sorted(EVENTS.glob("*.json"))), st.data())
def test_an_event_with_one_field_of_another_kind_raises_nothing(path: Path, data: st.DataObject) -> None:
    event = json.loads(path.read_text())
    place = event["detail"] if data.draw(st.booleans()) and event["detail"] else event
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    holds(json.dumps(event), SQS)


@given(st.sampled_from([message for message, _ in SAID]), st.data())
def test_a_word_with_one_field_of_another_kind_raises_nothing(message: Any, data: st.DataObject) -> None:
    changed = json.loads(json.dumps(message))
    (word, *_) = changed
    place = changed[word] if isinstance(changed[word], dict) else changed
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    holds(json.dumps(changed), SQS)


@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, '{"owner": "\\ud800", "event": "done"}', '{"a": 1e999}', "\ud800"],
)
def test_bodies_that_break_parsers_are_malformed(body: str) -> None:
    assert isinstance(events_of(body, SQS)[0], Malformed)
