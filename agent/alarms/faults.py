"""What CloudWatch would refuse, or what could never go off, said before anything is sent. Pure.

The limits are those of PutMetricAlarm and PutCompositeAlarm (CloudWatch API reference).
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator

from agent.aggregate.catalogue import BY_NAME
from agent.alarms.alarm import Alarm, AnyAlarm, Composite
from agent.alarms.definitions import NEEDS_A_PERSON, alarms
from agent.alarms.requests import request
from agent.alarms.watches import WATCHES, what
from agent.settings import Settings, SettingsFault
from agent.settings_alarms import On

MAX_NAME = 255
MAX_DESCRIPTION = 1024
MAX_ACTIONS = 5
MAX_METRICS = 10
"""Of one alarm with an expression."""
MAX_RULE = 10_240
HIGH_RESOLUTION = frozenset({10, 20, 30})
SHORT_S, SHORT_SPAN_S, LONG_SPAN_S = 3_600, 86_400, 604_800
"""Alarms of periods below an hour look back for a day at most, others for a week."""

SOME_CLUSTER = "j-2AXXXXXXGAPLF"
"""As long as an id of EMR's is: the faults are those of any cluster."""

TAKEN = frozenset({*map(what, WATCHES), NEEDS_A_PERSON})
"""Names that an alarm of the settings' own cannot have."""


def faults(settings: Settings) -> tuple[SettingsFault, ...]:
    """All of them, with the dotted paths of the settings."""
    found = alarms(_named(settings), settings.cluster.id or SOME_CLUSTER)
    return (
        *_of_topics(settings),
        *_without_a_name(settings),
        *_of_own(settings),
        *(fault for alarm in found for fault in _of_alarm(alarm, settings)),
    )


def _named(settings: Settings) -> Settings:
    """With a name in any case: an alarm that wants one and has none may have other faults as well."""
    if settings.cluster.name:
        return settings
    return settings.model_copy(update={"cluster": settings.cluster.model_copy(update={"name": "x"})})


def _of_topics(settings: Settings) -> Iterator[SettingsFault]:
    given = settings.alarms
    lists = {"alarms.topic_arns": given.topic_arns, "alarms.person_topic_arns": given.person_topic_arns}
    lists |= {f"alarms.own.{number}.topic_arns": own.topic_arns or () for number, own in enumerate(given.own)}
    for path, topics in lists.items():
        if len(topics) > MAX_ACTIONS:
            yield SettingsFault(path, f"{len(topics)} topics; an alarm has at most {MAX_ACTIONS} actions")


def _without_a_name(settings: Settings) -> Iterator[SettingsFault]:
    if settings.cluster.name:
        return
    for name in WATCHES:
        watch = getattr(settings.alarms, name)
        if watch.enabled and watch.on is On.NAME:
            yield SettingsFault(f"alarms.{name}.on", "is `name`, and cluster.name is empty")
    for number, own in enumerate(settings.alarms.own):
        if own.on is On.NAME:
            yield SettingsFault(f"alarms.own.{number}.on", "is `name`, and cluster.name is empty")


def _of_own(settings: Settings) -> Iterator[SettingsFault]:
    names = Counter(own.name for own in settings.alarms.own)
    for number, own in enumerate(settings.alarms.own):
        path = f"alarms.own.{number}"
        if own.metric not in BY_NAME:
            yield SettingsFault(f"{path}.metric", f"{own.metric!r} is no metric{nearest(own.metric)}")
        if names[own.name] > 1:
            yield SettingsFault(f"{path}.name", f"{own.name!r} is the name of {names[own.name]} alarms")
        if own.name in TAKEN:
            yield SettingsFault(f"{path}.name", f"{own.name!r} is the name of an alarm that is there already")


def nearest(metric: str, names: Iterable[str] = BY_NAME) -> str:
    """A hint at the metric that was meant."""
    near = difflib.get_close_matches(metric, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else "; docs/metrics.md lists them"


def _of_alarm(alarm: AnyAlarm, settings: Settings) -> Iterator[SettingsFault]:
    texts = _of_composite(alarm) if isinstance(alarm, Composite) else _of_periods(alarm, settings)
    for text in (*_of_texts(alarm), *texts):
        yield SettingsFault(alarm.path, text)


def _of_texts(alarm: AnyAlarm) -> Iterator[str]:
    if len(alarm.name) > MAX_NAME:
        yield f"the alarm's name would have {len(alarm.name)} characters; at most {MAX_NAME}: {alarm.name[:40]}…"
    if not alarm.name.isprintable():
        yield f"the alarm's name would hold control characters: {alarm.name!r}"
    if len(alarm.description) > MAX_DESCRIPTION:
        yield f"the alarm's description would have {len(alarm.description)} characters; at most {MAX_DESCRIPTION}"


def _of_composite(alarm: Composite) -> Iterator[str]:
    if odd := [name for name in alarm.of if '"' in name or "\\" in name]:
        yield f"a composite alarm cannot name an alarm with a quote or a backslash: {odd[0]!r}"
    rule = request(alarm)["AlarmRule"]
    if len(rule) > MAX_RULE:
        yield f"the rule over {len(alarm.of)} alarms would have {len(rule)} characters; at most {MAX_RULE}"


def _of_periods(alarm: Alarm, settings: Settings) -> Iterator[str]:
    sink, period_s = settings.sinks.cloudwatch, alarm.period_s
    if period_s % 60 and period_s not in HIGH_RESOLUTION:
        yield f"a period of {period_s} s: it is 10, 20, 30 or a multiple of 60"
    if alarm.high_resolution and sink.storage_resolution_s != 1:
        yield f"a period of {period_s} s needs sinks.cloudwatch.storage_resolution_s = 1"
    if period_s < sink.period_s:
        yield f"a period of {period_s} s is shorter than sinks.cloudwatch.period_s = {sink.period_s:g}"
    longest = SHORT_SPAN_S if period_s < SHORT_S else LONG_SPAN_S
    if (span := period_s * alarm.evaluated) > longest:
        yield f"{alarm.evaluated} periods of {period_s} s are {span} s; CloudWatch looks back {longest} s at most"
    if alarm.breaching > alarm.evaluated:
        yield f"{alarm.breaching} breaching periods of {alarm.evaluated}: for_s is longer than within_s"
    if len(alarm.queries) > MAX_METRICS:
        yield f"{len(alarm.queries)} metrics; an alarm has at most {MAX_METRICS}"
