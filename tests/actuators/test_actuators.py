"""The table of actuators: every kind that the settings can name, and what its hands do."""

from __future__ import annotations

import pytest

from agent.actuators import ACTUATORS
from agent.domain.decisions import Outcome
from agent.domain.faults import TransientFault
from agent.domain.fleets import Collection
from agent.settings_fleet import ActuatorKind
from tests.actuators.hands import agent_clients, fleet_settings, placed
from tests.sandbox.emr_world import fleets, groups, task_group, world


def test_every_kind_of_the_settings_is_in_the_table() -> None:
    assert set(ACTUATORS) == set(ActuatorKind)


@pytest.mark.parametrize("kind", [ActuatorKind.INSTANCE_FLEET, ActuatorKind.INSTANCE_GROUPS])
def test_the_hands_of_a_kind_resize_it(kind: ActuatorKind) -> None:
    with world() as it:
        of_fleets = kind is ActuatorKind.INSTANCE_FLEET
        cluster = it.ready(Instances=fleets(spot=1) if of_fleets else groups(task_group(1)))
        hands = ACTUATORS[kind](agent_clients(it), cluster, fleet_settings(), it.clock)
        fleet = hands.fleet_reader.read()
        assert hands.fleet.resize(fleet, placed(fleet, 2)).outcome is Outcome.APPLIED
        assert hands.fleet_reader.read().target == 2
        assert hands.cluster_reader.read().resizable


@pytest.mark.parametrize("collection", list(Collection))
def test_auto_finds_out_once_whether_the_cluster_has_fleets_or_groups_and_resizes_them(collection: Collection) -> None:
    with world() as it:
        of_fleets = collection is Collection.FLEET
        cluster = it.ready(Instances=fleets(spot=1) if of_fleets else groups(task_group(1)))
        hands = ACTUATORS[ActuatorKind.AUTO](agent_clients(it), cluster, fleet_settings(), it.clock)
        fleet = hands.fleet_reader.read()
        assert (fleet.collection, fleet.target) == (collection, 1)
        assert hands.fleet.resize(fleet, placed(fleet, 2)).outcome is Outcome.APPLIED
        assert hands.fleet_reader.read().target == 2
        assert [call.operation for call in it.server.api.calls()].count("DescribeCluster") == 1


@pytest.mark.parametrize("collection", list(Collection))
def test_dry_run_reads_what_the_cluster_has_and_changes_nothing(collection: Collection) -> None:
    with world() as it:
        of_fleets = collection is Collection.FLEET
        cluster = it.ready(Instances=fleets(spot=1) if of_fleets else groups(task_group(1)))
        hands = ACTUATORS[ActuatorKind.DRY_RUN](agent_clients(it), cluster, fleet_settings(), it.clock)
        fleet = hands.fleet_reader.read()
        assert (fleet.collection, fleet.target) == (collection, 1)
        assert hands.fleet.resize(fleet, placed(fleet, 2)).outcome is Outcome.DRY_RUN
        it.pass_time(60)
        assert hands.fleet_reader.read().target == 1 and it.state(cluster) == "WAITING"
        writes = {c.operation for c in it.server.api.calls()} - {"RunJobFlow"}
        assert all(name.startswith(("Describe", "List", "Get")) for name in writes)


def test_dry_run_asks_again_for_the_kind_after_a_fault() -> None:
    with world() as it:
        cluster = it.ready(Instances=fleets(spot=1))
        hands = ACTUATORS[ActuatorKind.DRY_RUN](agent_clients(it), cluster, fleet_settings(), it.clock)
        it.server.api.fail_next("DescribeCluster")
        with pytest.raises(TransientFault):
            hands.fleet_reader.read()
        assert hands.fleet_reader.read().target == 1
