"""The catalogue of metrics."""

from __future__ import annotations

import re

from agent.aggregate.catalogue import METRICS, NAMESPACE, Aggregation, Over
from agent.domain.datums import Unit
from agent.settings_rules import DEFAULT_RULES
from agent.settings_sinks import CloudWatchSettings


def test_every_name_is_once_in_cloudwatchs_style() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"([A-Z][a-z]+|[A-Z](?=[A-Z]))+", name) for name in names)


def test_every_meaning_is_one_sentence_that_fits_a_table() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"[A-Z0-9][^|\n]*\.", metric.meaning), metric.name


def test_a_percent_is_never_a_sum_or_a_delta() -> None:
    adding = {Aggregation.SUM, Aggregation.DELTA}
    assert not [metric.name for metric in METRICS if metric.unit is Unit.PERCENT and metric.aggregation in adding]


def test_only_what_executors_and_drivers_say_can_be_told_by_application() -> None:
    assert {metric.over for metric in METRICS if metric.per_application} == {Over.EXECUTORS, Over.DRIVERS}


def test_the_number_of_billed_metrics_is_bounded() -> None:
    """`docs/metrics.md` states what they cost: a new one is a decision, not an accident."""
    assert len(METRICS) <= 97
    assert sum(metric.per_application for metric in METRICS) <= 36


def test_the_namespace_is_the_default_of_the_settings() -> None:
    assert CloudWatchSettings().namespace == NAMESPACE == "Tidemark"


def test_the_default_rules_ask_for_metrics_that_exist() -> None:
    assert {rule.signal for rule in DEFAULT_RULES} <= {metric.name for metric in METRICS}
