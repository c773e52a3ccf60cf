"""What the budget allows is never throttled, whoever spends it and whenever."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.lifecycle.budget import ALL_CALLS, BUDGET, KEPT_S, QUOTAS, Budget
from agent.lifecycle.memory_table import MemoryTable
from agent.sandbox.emr.throttle import QUOTAS as SANDBOX_QUOTAS
from agent.sandbox.throttle import Quota, Throttle
from tests.lifecycle.dynamo import dynamo, dynamo_table

BUCKETS = {name: Quota(quota.burst, quota.per_s) for name, quota in QUOTAS.items()}
OPERATIONS = sorted(set(QUOTAS) - {ALL_CALLS})
TICK = 1 / 64
"""Times are whole numbers of it, so that the bucket's sums are exact."""

edges = st.sampled_from([0, 1, 8, 16, 60, 64, 128, 319, 320, 321, 640, 1280])
waits = st.lists(edges | st.integers(0, 4000), min_size=20, max_size=120)


@dataclass(frozen=True)
class Spent:
    """Times of the calls that were allowed, in a table of their own; each must find a token."""

    allowed: int
    throttled: int


def spend(operations: Sequence[str], waits: Sequence[int], share: float, begin: float = 1_700_000_000.0) -> Spent:
    budget, throttle = Budget(MemoryTable(), share), Throttle(BUCKETS)
    now, allowed, throttled = begin, 0, 0
    for number, wait in enumerate(waits):
        now += wait * TICK
        operation = operations[number % len(operations)]
        for _ in range(12):
            if not budget.spend(operation, now):
                break
            allowed += 1
            throttled += not throttle.admit(operation, now)
    return Spent(allowed, throttled)


@settings(max_examples=150)
@given(st.sampled_from(OPERATIONS), waits, st.sampled_from([0.1, 0.5, 0.75, 1.0]))
@example("DescribeCluster", [0, 319, 1, 319, 1] * 10, 1.0)
@example("ListInstanceFleets", [0, 319, 1] * 20, 1.0)
def test_one_operation_is_never_throttled(operation: str, waits: list[int], share: float) -> None:
    assert spend([operation], waits, share).throttled == 0


@settings(max_examples=100)
@given(st.permutations(OPERATIONS), waits, st.sampled_from([0.5, 1.0]))
def test_all_operations_together_are_never_throttled(operations: list[str], waits: list[int], share: float) -> None:
    assert spend(operations, waits, share).throttled == 0


def test_the_bucket_would_have_told() -> None:
    """The control: with a limit of one call more a window the same calls are throttled."""
    throttle = Throttle(BUCKETS)
    begin, window_s = 1_700_000_000.0, QUOTAS["DescribeCluster"].window_s
    times = [begin + window_s - TICK] * 6 + [begin + window_s] * 6
    assert not all(throttle.admit("DescribeCluster", at) for at in times)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_whole_share_can_be_spent_in_the_long_run(operation: str) -> None:
    quota, ticks = QUOTAS[operation], 64 * 600
    spent = spend([operation], [64] * (ticks // 64), 1.0)
    assert spent.allowed >= 0.8 * quota.per_s * 600


def test_a_share_of_next_to_nothing_still_allows_a_call_now_and_then() -> None:
    assert spend(["ListInstanceFleets"], [64 * 5] * 10, 0.01).allowed == 10


def test_what_late_calls_and_other_clocks_shift_is_covered_by_what_the_share_leaves() -> None:
    """At a half: each call comes up to 10 s after it was paid for."""
    budget, throttle = Budget(MemoryTable(), 0.5), Throttle(BUCKETS)
    paid = [float(at) for at in range(3600) for _ in range(3) if budget.spend("DescribeCluster", float(at))]
    assert len(paid) > 1000
    shifted = sorted(at + (10.0 if at % 20 < 10 else 0.0) for at in paid)
    assert all(throttle.admit("DescribeCluster", at) for at in shifted)


def test_old_windows_say_when_they_may_go() -> None:
    table = MemoryTable()
    assert Budget(table, 0.5).spend("RunJobFlow", 1000.0)
    rows = {row["key"]: row["expires_at"] for row in table.keyed(BUDGET)}
    assert rows == {"BUDGET#RunJobFlow#100": 1010.0 + KEPT_S, "BUDGET#*#400": 1002.5 + KEPT_S}


def test_of_many_at_once_no_more_are_allowed_than_the_window_has() -> None:
    """Threads, over HTTP, in one window."""
    with dynamo() as client, dynamo_table(client) as table:

        def one(_: int) -> bool:
            return Budget(table, 1.0).spend("ListClusters", 1000.0)

        with ThreadPoolExecutor(8) as pool:
            allowed = sum(pool.map(one, range(40)))
        assert allowed == QUOTAS["ListClusters"].limit(1.0) == 10


def test_an_operation_without_a_quota_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Budget(MemoryTable(), 0.5).spend("RunJobFlows", 0.0)


def test_the_quotas_are_those_of_the_sandbox() -> None:
    shared = QUOTAS.keys() & SANDBOX_QUOTAS.keys()
    assert {n: (QUOTAS[n].burst, QUOTAS[n].per_s) for n in shared} == {
        n: (SANDBOX_QUOTAS[n].burst, SANDBOX_QUOTAS[n].per_s) for n in shared
    }
