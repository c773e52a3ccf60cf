from __future__ import annotations

from dataclasses import replace

from agent.policy.load import memory_per_unit_mb
from tests.policy.build import fleet, node, reading


def test_a_unit_is_worth_what_the_task_nodes_have() -> None:
    assert memory_per_unit_mb(reading(hosts=2), fleet(2)) == 4096
    core = replace(node("core-1"), memory_total_mb=9000.0)
    assert memory_per_unit_mb(reading(nodes=(core, node("task-0"))), fleet(2)) == 4096
    assert memory_per_unit_mb(reading(nodes=(core,)), fleet(2)) == 9000, "no task node tells"
    assert memory_per_unit_mb(reading(nodes=()), fleet(2)) is None


def test_a_node_that_leaves_makes_no_unit_worth_less() -> None:
    """YARN cuts what a draining node has down to what is used of it."""
    draining = replace(node("task-1", 1024.0), alive=False, draining=True, memory_total_mb=1024.0)
    lost = replace(node("task-2"), alive=False, memory_total_mb=0.0)
    assert memory_per_unit_mb(reading(nodes=(node("task-0"), draining, lost)), fleet(3)) == 4096
