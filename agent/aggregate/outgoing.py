"""A roll-up as datums, under the few dimension sets that are billed."""

from __future__ import annotations

from collections.abc import Mapping

from agent.aggregate.catalogue import BY_NAME, Over
from agent.aggregate.rollup import RollUp
from agent.aggregate.snapshot import Snapshot
from agent.domain.datums import Datum, Dimensions, Distribution, Unit

SHADOW_TARGET = "ShadowTarget"
"""The one metric that is not in the catalogue: it has no value of the cluster, only one for each shadow policy."""


def datums(rollup: RollUp, *, at: float, cluster_id: str, cluster_name: str = "") -> tuple[Datum, ...]:
    """Each metric under `{ClusterId}`, and under `{ClusterName}` too where the cluster has a name.

    The second set outlives a cluster: alarms on it need not be made anew. `at` is the start of the period.
    """
    made = _under((("ClusterId", cluster_id),), rollup, at)
    if cluster_name:
        made += _under((("ClusterName", cluster_name),), rollup, at)
    return made


def application_datums(rollups: Mapping[str, RollUp], *, at: float, cluster_id: str) -> tuple[Datum, ...]:
    """Each metric of each application under `{ClusterId, AppName}`."""
    return tuple(
        datum
        for name, rollup in rollups.items()
        for datum in _under((("ClusterId", cluster_id), ("AppName", name)), rollup, at)
    )


def of_this_agent(rollup: RollUp) -> RollUp:
    """What an agent publishes that does not act, of several: of itself and its node. The cluster's figures are those
    of the one that acts, or every Sum would be a multiple."""
    return {name: found for name, found in rollup.items() if BY_NAME[name].over in {Over.AGENT, Over.NODE}}


def reason_datums(now: Snapshot, before: Snapshot | None, *, at: float, cluster_id: str) -> tuple[Datum, ...]:
    """What was refused, lost or failed since the snapshot before, by reason: `{ClusterId, Reason}`.

    A reason that did not grow has no datum: a metric is billed only for the hours in which it received a point.
    """
    if before is None:
        return ()
    grown = {name: count - before.counts.get(name, 0) for name, count in now.counts.items() if "." in name}
    return tuple(
        Datum(
            name=metric,
            unit=BY_NAME[metric].unit,
            dimensions=(("ClusterId", cluster_id), ("Reason", reason)),
            at=at,
            distribution=Distribution.of([float(count)]),
        )
        for name, count in sorted(grown.items())
        for metric, _, reason in [name.partition(".")]
        if count > 0 and metric in BY_NAME
    )


def shadow_datums(targets: Mapping[str, int], *, at: float, cluster_id: str) -> tuple[Datum, ...]:
    """What each shadow policy would set the target to, under `{ClusterId, Policy}`."""
    return tuple(
        Datum(
            name=SHADOW_TARGET,
            unit=Unit.COUNT,
            dimensions=(("ClusterId", cluster_id), ("Policy", policy)),
            at=at,
            distribution=Distribution.of([float(target)]),
        )
        for policy, target in sorted(targets.items())
    )


def _under(dimensions: Dimensions, rollup: RollUp, at: float) -> tuple[Datum, ...]:
    return tuple(
        Datum(name=name, unit=BY_NAME[name].unit, dimensions=dimensions, at=at, distribution=distribution)
        for name, distribution in rollup.items()
    )
