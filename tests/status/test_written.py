"""The state for programs: JSON that holds every field, and Prometheus' text as its own parser reads it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from agent.aggregate.catalogue import METRICS
from agent.status.state import State
from agent.status.written import as_json, as_metrics
from tests.policy import build
from tests.status.states import NOW, held, state
from tests.status.test_page import HOSTILE, hostile


def scraped(made: State, counts: dict[str, int] | None = None) -> dict[tuple[str, str], float]:
    """By sample name and its one label's value, as Prometheus would have it."""
    text = as_metrics(made, counts or {}).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, ",".join(sample.labels.values())): sample.value for sample in samples}


def test_the_json_has_every_field_of_the_state() -> None:
    made = state(table=held())
    found = json.loads(as_json(made))
    assert found["version"] == 1
    assert keys(found) == keys(json.loads(json.dumps(asdict(made))))
    assert found["fleet"]["target"] == 10
    assert found["executors"]["heap"][4] == 2


def keys(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: keys(value) for key, value in found.items()}
    return None


def test_what_is_not_finite_is_null_and_any_text_can_be_written() -> None:
    made = hostile()
    assert made.fleet is not None
    odd = replace(made, at=math.nan, fleet=replace(made.fleet, seen=replace(made.fleet.seen, age_s=math.inf)))
    found = json.loads(as_json(odd))
    assert found["at"] is None and found["fleet"]["seen"]["age_s"] is None
    assert found["manager"]["applications"][0]["name"] == HOSTILE


def test_a_distribution_is_a_gauge_a_statistic() -> None:
    found = scraped(state(table=held((10, 20, 90))))
    assert found["tidemark_executor_heap_used_percent", "p90"] == 90
    assert found["tidemark_executor_heap_used_percent", "minimum"] == 10
    assert found["tidemark_jvm_heap_used_bytes", "maximum"] == 90e7


def test_stale_figures_are_absent() -> None:
    fresh = {"MemoryAvailablePercent": build.signal(30)}
    stale = {"MemoryAvailablePercent": build.signal(30, NOW - 1000)}
    assert scraped(state(signals=fresh))["tidemark_memory_available_percent", ""] == 30
    assert ("tidemark_memory_available_percent", "") not in scraped(state(signals=stale))


def test_counters_are_by_reason_and_grow_from_the_start() -> None:
    found = scraped(state(), {"LinesRejected.too_long": 5, "PollErrors": 4, "PollErrors.yarn.timed_out": 3})
    assert found["tidemark_lines_rejected_total", "too_long"] == 5
    assert found["tidemark_poll_errors_total", "yarn.timed_out"] == 3
    assert found["tidemark_poll_errors_total", "other"] == 1
    assert found["tidemark_loop_errors_total", ""] == 0


def test_every_metric_has_a_name_of_its_own() -> None:
    signals = {metric.name: build.signal(1.0) for metric in METRICS}
    text = as_metrics(state(signals=signals), {}).decode()
    families = [family.name for family in text_string_to_metric_families(text)]
    assert len(families) == len(set(families))
    assert len(families) >= len(METRICS)


def test_any_reason_can_be_scraped() -> None:
    found = scraped(hostile(), {f"LinesRejected.{HOSTILE.encode('utf-8', 'replace').decode()}": 1})
    assert any(name == "tidemark_lines_rejected_total" for name, _ in found)
