"""What is there is compared with what is wanted, whatever CloudWatch adds, leaves out and puts in another order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.alarms.alarm import AnyAlarm
from agent.alarms.definitions import alarms, subjects
from agent.alarms.found import Found
from agent.alarms.plan import COMPARED, Step, plan
from agent.alarms.requests import request
from tests.alarms.told import CLUSTER, PERSON, own, told

SETTINGS = told("nightly", person_topic_arns=[PERSON], own=[own(person=True), own(name="p", statistic="p99")])
WANTED = alarms(SETTINGS, CLUSTER)
SUBJECTS = subjects(SETTINGS, CLUSTER)


def described(alarm: AnyAlarm, order: st.DataObject | None = None, bare: bool = False) -> dict[str, Any]:
    """As DescribeAlarms tells it: with a state, without tags, defaults and empty lists perhaps left out."""
    made = {key: value for key, value in request(alarm).items() if key != "Tags" and not (bare and value == [])}
    if "Metrics" in made:
        queries = [{**query, "MetricStat": dict(query.get("MetricStat", {}))} for query in made["Metrics"]]
        queries = [{key: value for key, value in query.items() if value != {}} for query in queries]
        if bare:
            queries[-1].pop("ReturnData")
        made["Metrics"] = order.draw(st.permutations(queries)) if order else queries
    return {**made, "StateValue": "OK", "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:x"}


@given(order=st.data(), bare=st.booleans(), there=st.permutations(WANTED))
def test_what_is_as_wanted_is_left_alone(order: st.DataObject, bare: bool, there: list[AnyAlarm]) -> None:
    found = [Found(described(alarm, order, bare)) for alarm in there]
    assert [one.step for one in plan(WANTED, found, SUBJECTS)] == [Step.NONE] * len(WANTED)


@given(data=st.data())
def test_whatever_differs_is_changed_and_named(data: st.DataObject) -> None:
    alarm = data.draw(st.sampled_from(WANTED))
    there = described(alarm)
    comparable = sorted({*request(alarm), *COMPARED} - {"Tags", "AlarmName", "AlarmDescription"})
    key = data.draw(st.sampled_from(comparable))
    there[key] = "something else"
    (one,) = plan([alarm], [Found(there)], SUBJECTS)
    assert (one.step, one.differs) == (Step.CHANGE, (key,))


@given(there=st.sets(st.sampled_from(range(len(WANTED)))), wanted=st.sets(st.sampled_from(range(len(WANTED)))))
def test_every_alarm_has_one_step(there: set[int], wanted: set[int]) -> None:
    found = [Found(described(WANTED[number])) for number in there]
    steps = {one.name: one.step for one in plan([WANTED[number] for number in wanted], found, SUBJECTS)}
    expected = {WANTED[number].name: Step.CREATE for number in wanted - there}
    expected |= {WANTED[number].name: Step.NONE for number in wanted & there}
    expected |= {WANTED[number].name: Step.LEFT_OVER for number in there - wanted}
    assert steps == expected


def test_what_another_subject_or_hand_has_made_is_not_ours() -> None:
    first = WANTED[0]
    for description in ("", "mine", first.description + ".", first.description.replace("nightly", "weekly")):
        there = {**described(first), "AlarmDescription": description}
        (one,) = plan([first], [Found(there)], SUBJECTS)
        assert one.step is Step.TAKEN
        assert plan([], [Found(there)], SUBJECTS) == ()
