"""The alarms that the settings ask for, as plain data. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from agent.aggregate.catalogue import BY_NAME
from agent.alarms.alarm import CLUSTER_ID, CLUSTER_NAME, Alarm, AnyAlarm, Composite, Query, Subject
from agent.alarms.watches import WATCHES, Shape, shortest_period_s, what
from agent.domain.datums import Unit
from agent.settings import Settings
from agent.settings_alarms import On, OwnAlarm, Watch

NEEDS_A_PERSON = "needs-a-person"


def alarms(settings: Settings, cluster_id: str) -> tuple[AnyAlarm, ...]:
    """All of them, a composite after those that it is made of. Without a cluster id (`""`) only those that outlive a
    cluster. Nothing is known of faults here: see `agent.alarms.faults`."""
    subjects = _subjects(settings, cluster_id)
    found = tuple(_metric_alarms(settings, subjects))
    return (*found, *_composites(settings, found))


def subjects(settings: Settings, cluster_id: str) -> tuple[Subject, ...]:
    """The cluster and its name, as far as there are such."""
    return tuple({subject.dimension: subject for subject in _subjects(settings, cluster_id).values()}.values())


def _subjects(settings: Settings, cluster_id: str) -> Mapping[On, Subject]:
    found = {}
    if cluster_id:
        found[On.CLUSTER] = found[On.AUTO] = Subject(CLUSTER_ID, cluster_id)
    if settings.cluster.name:
        found[On.NAME] = found[On.AUTO] = Subject(CLUSTER_NAME, settings.cluster.name)
    return found


def _metric_alarms(settings: Settings, subjects: Mapping[On, Subject]) -> Iterator[Alarm]:
    for setting, make in WATCHES.items():
        watch: Watch = getattr(settings.alarms, setting)
        if watch.enabled and watch.on in subjects:
            yield _built(settings, setting, subjects[watch.on], make(settings))
    for number, own in enumerate(settings.alarms.own):
        if own.on in subjects:
            yield _own(settings, own, number, subjects[own.on])


def _composites(settings: Settings, found: tuple[Alarm, ...]) -> Iterator[Composite]:
    """On the name only: to delete a composite alarm one must be allowed to delete every alarm of the account
    (CloudWatch API reference, DeleteAlarms), which no cluster's own node should be."""
    topics = settings.alarms.person_topic_arns
    meant = [alarm for alarm in found if alarm.person and alarm.subject.dimension == CLUSTER_NAME]
    if topics and meant:
        yield Composite(
            path="alarms.person_topic_arns",
            what=NEEDS_A_PERSON,
            subject=meant[0].subject,
            of=tuple(alarm.name for alarm in meant),
            topics=topics,
            text="One or more of the alarms that need a person are on.",
        )


def _built(settings: Settings, setting: str, subject: Subject, shape: Shape) -> Alarm:
    breaching, evaluated = _periods(shape.for_s, shape.within_s, shape.period_s)
    return Alarm(
        path=f"alarms.{setting}",
        what=what(setting),
        subject=subject,
        namespace=settings.sinks.cloudwatch.namespace,
        queries=shape.queries,
        expression=shape.expression,
        comparison=shape.comparison,
        bound=shape.bound,
        unit=BY_NAME[shape.queries[0].metric].unit,
        period_s=shape.period_s,
        breaching=breaching,
        evaluated=evaluated,
        missing_data=shape.missing_data,
        topics=settings.alarms.topic_arns,
        text=shape.text,
        person=shape.person,
    )


def _own(settings: Settings, own: OwnAlarm, number: int, subject: Subject) -> Alarm:
    period_s = own.period_s or shortest_period_s(settings)
    breaching, evaluated = _periods(own.for_s, own.within_s, period_s)
    known = BY_NAME.get(own.metric)
    return Alarm(
        path=f"alarms.own.{number}",
        what=own.name,
        subject=subject,
        namespace=settings.sinks.cloudwatch.namespace,
        queries=(Query("value", own.metric, own.statistic),),
        comparison=own.comparison,
        bound=own.bound,
        unit=Unit.NONE if known is None else known.unit,
        period_s=period_s,
        breaching=breaching,
        evaluated=evaluated,
        missing_data=own.missing_data,
        topics=settings.alarms.topic_arns if own.topic_arns is None else own.topic_arns,
        text=own.text or f"{own.statistic} of {own.metric} {own.comparison} {own.bound:g}.",
        person=own.person,
    )


def _periods(for_s: float, within_s: float | None, period_s: int) -> tuple[int, int]:
    """M of N periods."""
    breaching = math.ceil(for_s / period_s)
    return breaching, breaching if within_s is None else math.ceil(within_s / period_s)
