"""Asks EMR for the cluster of a launch, once an attempt, although RunJobFlow has no token that would make it so.

The right to ask is claimed in the table first; who dies with it leaves a claim that is taken over after its lease, and
the next one looks for a cluster of that name before it asks. An answer that was lost is left to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.aws.emr_calls import ask_once
from agent.domain.faults import NotTakenFault, PermanentFault
from agent.domain.ports import Clock
from agent.lifecycle import rows_of
from agent.lifecycle.budget import Spender
from agent.lifecycle.ladder import attempt_in, is_ours, name_of, request_of
from agent.lifecycle.ports import Deadlines, Described, Ender, Eyes
from agent.lifecycle.rows import ClusterProfile, LaunchRow
from agent.lifecycle.store import CLAIM_LEASE_S, Store
from agent.lifecycle.words import ENDING, EndReason, LaunchState

CLOCKS_S = 60.0
"""So far our clock and EMR's may be apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLauncher:
    """The lifecycle's Launcher. `client` makes one attempt a call; `table` is our table's name."""

    store: Store
    eyes: Eyes
    client: Any
    budget: Spender
    ender: Ender
    deadlines: Deadlines
    clock: Clock
    count: Callable[[str], None]
    table: str = ""

    def go_on(self, launch_id: str) -> str | None:
        launch = self.store.launch(launch_id)
        if launch is None or not _claimable(launch, self.clock()):
            return None if launch is None or launch.state is not LaunchState.LAUNCHED else launch.cluster_id
        profile = self.store.profile(launch.profile)
        if not self.budget.spend("RunJobFlow", self.clock()):
            self.count("LaunchesPostponed.quota")
            return None
        claimed = self.store.claim_launch(launch.id, launch.attempt, self.clock())
        if claimed is None:
            return None
        if launch.state is LaunchState.CLAIMED:
            # whoever had it before may have asked; until that is known the claim stays, and the next one looks as well
            left = self._left_behind(claimed, min(launch.created_at, launch.claimed_at or launch.created_at))
            if left is None:
                self.count("LaunchesPostponed.quota")
                return None
            if left:
                self.count("LaunchesFound")
                return self._made(claimed, profile, left[0].cluster_id, left[0].created_at)
        if profile is None:
            self._fail(claimed, f"there is no profile {claimed.profile!r} any more")
            return None
        return self._run(claimed, profile)

    def _left_behind(self, launch: LaunchRow, since: float) -> list[Described] | None:
        """The attempt's clusters, the oldest that goes on first, then those that have ended, from which the launch goes
        on as well. None: our share of the quotas does not allow to look."""
        listed = self.eyes.listed(since - CLOCKS_S, ended=True)
        if listed is None:
            return None
        same = [one for one in listed if attempt_in(one.name) == (launch.id, launch.attempt)]
        found: list[Described] = []
        for one in sorted(same, key=lambda one: (one.state in ENDING, one.created_at)):
            seen = self.eyes.describe(one.cluster_id)
            if seen is None:
                return None
            if is_ours(seen.name, seen.tags, self.table):
                found.append(seen)
        return found

    def _run(self, launch: LaunchRow, profile: ClusterProfile) -> str | None:
        """Raises Fault, with the claim left behind, when it is not known whether EMR has taken it."""
        try:
            request = request_of(profile, launch, self.table)
            cluster_id = ask_once("RunJobFlow", self.client.run_job_flow, **request)["JobFlowId"]
        except NotTakenFault as error:
            self.count("LaunchesPostponed.throttled")
            self.store.give_back(launch.id, launch.attempt, str(error))
            return None
        except (PermanentFault, ValueError) as error:
            self._fail(launch, str(error))
            return None
        self.count(f"LaunchAttempts.{launch.attempt}")
        return self._made(launch, profile, cluster_id, self.clock())

    def _made(self, launch: LaunchRow, profile: ClusterProfile | None, cluster_id: str, at: float) -> str | None:
        """Write it down; a cluster that the launch does not need any more ends at once."""
        name = name_of(launch.profile, launch.id, launch.attempt)
        row = rows_of.cluster(launch, profile, cluster_id, name, launch.attempt, at)
        if self.store.launched(launch, row):
            if row.terminate_at is not None:
                self.deadlines.set(cluster_id, row.terminate_at)
            return cluster_id
        now = self.store.launch(launch.id)
        if now is not None and now.cluster_id == cluster_id:
            return cluster_id
        self.store.know(row)
        if now is not None and now.cluster_id is not None:
            self.ender.end(cluster_id, EndReason.TWIN, f"launch {launch.id} has {now.cluster_id}")
        else:
            state = "gone" if now is None else now.state
            self.ender.end(cluster_id, EndReason.ORPHAN, f"launch {launch.id} is {state}, attempt {launch.attempt}")
        return None

    def _fail(self, launch: LaunchRow, why: str) -> None:
        self.count("LaunchesFailed")
        self.store.close_launch(launch, LaunchState.FAILED, self.clock(), why)


def _claimable(launch: LaunchRow, now: float) -> bool:
    if launch.state is LaunchState.ASKED:
        return True
    return launch.state is LaunchState.CLAIMED and (launch.claimed_at or 0.0) < now - CLAIM_LEASE_S
