"""The one way to end a cluster: nothing else calls TerminateJobFlows.

That a cluster is to end is written down first, by a condition that a claim breaks: whoever gives a cluster to a job and
whoever ends it for want of work cannot both win. Then EMR is asked. Who dies in between leaves a mark, which the next
delivery, the agent or the sweep goes on from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.aws.emr_calls import ask, outcome, refused
from agent.domain.decisions import Outcome, Result
from agent.domain.faults import Fault, NotTakenFault
from agent.domain.ports import Clock
from agent.lifecycle.budget import Spender
from agent.lifecycle.eyes import described
from agent.lifecycle.ladder import PROFILE_TAG, is_ours, keeps_protection
from agent.lifecycle.ports import Deadlines, Described, Eyes, Teller
from agent.lifecycle.rows import ClusterRow
from agent.lifecycle.store import Store
from agent.lifecycle.watch import write_back
from agent.lifecycle.words import END_SHOWS_S, ENDING, READY, EndReason, Phase, State

BY_NAME = frozenset({EndReason.ORPHAN, EndReason.TWIN})
"""Ends of clusters that are known by their name only: they must bear our tags too."""
OF_STRANGERS = BY_NAME | {EndReason.BY_HAND}
"""Those that need no row."""


def terminate(client: Any, cluster_id: str) -> None:
    """Asynchronous; EMR takes one to five minutes. One that is ending already is no error. Raises Fault."""
    ask("TerminateJobFlows", client.terminate_job_flows, JobFlowIds=[cluster_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterEnder:
    """The lifecycle's Ender. `client` makes one attempt a call: each is paid for; `table` is our table's name."""

    store: Store
    eyes: Eyes
    client: Any
    budget: Spender
    deadlines: Deadlines
    teller: Teller
    clock: Clock
    count: Callable[[str], None]
    table: str = ""

    def end(self, cluster_id: str, reason: EndReason, why: str) -> bool:
        row = self.store.cluster(cluster_id)
        if row is not None and row.ended:
            self.deadlines.drop(cluster_id)
            return True
        if row is None and reason not in OF_STRANGERS:
            return self._withheld("unknown")
        if row is not None and row.end_sent_at is not None and self.clock() - row.end_sent_at < END_SHOWS_S:
            # several have wanted it, and EMR takes a minute to show it
            return True
        seen = self.eyes.describe(cluster_id)
        if seen is None:
            raise self._not_now("DescribeCluster")
        if seen.state in ENDING:
            return self._ends_already(row, seen)
        if (because := self._against(row, seen, reason)) is not None:
            return self._withheld(because)
        marked = self._mark(cluster_id, reason, why) if row is not None else None
        if row is not None and marked is None:
            return self._withheld("claimed")
        self._send(cluster_id, seen.protected)
        self.count(f"ClustersEnded.{reason}")
        if marked is not None:
            self.store.end_sent(cluster_id, self.clock())
            self.teller.ended(marked)
        self.deadlines.drop(cluster_id)
        return True

    def _against(self, row: ClusterRow | None, seen: Described, reason: EndReason) -> str | None:
        """What forbids the end."""
        if reason in BY_NAME and not is_ours(seen.name, seen.tags, self.table):
            return "stranger"
        if row is not None and row.end_reason is None and _is_over(row, seen, reason, self.clock()):
            return "over"
        return "protected" if seen.protected and not self._may_lift(row, seen) else None

    def _ends_already(self, row: ClusterRow | None, seen: Described) -> bool:
        """The event of it may be lost: were it not written down, every sweep would spend a call on it, and find the
        same."""
        if row is not None:
            write_back(self.store, row, seen, self.clock())
        self.deadlines.drop(seen.cluster_id)
        return True

    def _mark(self, cluster_id: str, reason: EndReason, why: str) -> ClusterRow | None:
        """The row with its mark, also one that somebody has set before. None: it may not be ended for that."""
        marked = self.store.mark_end(cluster_id, reason, why, self.clock())
        return marked or _if_marked(self.store.cluster(cluster_id))

    def _send(self, cluster_id: str, lifts: bool) -> None:
        if lifts:
            if not self.budget.spend("SetTerminationProtection", self.clock()):
                raise self._not_now("SetTerminationProtection")
            lift = {"JobFlowIds": [cluster_id], "TerminationProtected": False}
            ask("SetTerminationProtection", self.client.set_termination_protection, **lift)
        if not self.budget.spend("TerminateJobFlows", self.clock()):
            raise self._not_now("TerminateJobFlows")
        terminate(self.client, cluster_id)

    def _may_lift(self, row: ClusterRow | None, seen: Described) -> bool:
        known = (
            row.profile
            if row is not None
            else seen.tags.get(PROFILE_TAG)
            if is_ours(seen.name, seen.tags, self.table)
            else None
        )
        profile = self.store.profile(known) if known else None
        return profile is not None and (profile.lift_protection or not keeps_protection(profile.request))

    def _not_now(self, operation: str) -> NotTakenFault:
        self.count("EndsPostponed.quota")
        return NotTakenFault(f"{operation}: our share of the quota is used up")

    def _withheld(self, because: str) -> bool:
        self.count(f"EndsWithheld.{because}")
        return False


def _is_over(row: ClusterRow, seen: Described, reason: EndReason, now: float) -> bool:
    """Whether the reason for which it was to end has passed meanwhile: an end that our share of the quotas put off
    comes minutes later."""
    if reason is EndReason.TERMINATE_AFTER:
        return row.terminate_at is not None and row.terminate_at > now
    if reason is EndReason.LAUNCH_TIMEOUT:
        return seen.state in READY
    return reason in _LACKING and row.state is not _LACKING[reason]


_LACKING = {EndReason.ZERO_CORE: State.ZERO_CORE, EndReason.ZERO_MASTER: State.ZERO_MASTER}


def _if_marked(row: ClusterRow | None) -> ClusterRow | None:
    return row if row is not None and row.end_reason is not None else None


REASONS: Mapping[str, EndReason] = {
    "idle": EndReason.IDLE,
    "deadline": EndReason.TERMINATE_AFTER,
    "zero-core": EndReason.ZERO_CORE,
    "ordered": EndReason.BY_HAND,
}
"""Of the code of the reason for which the agent's policy ends its cluster."""

TABLE_SILENT = "the table could not be asked: "
"""So begins the detail of an end that was given up for it."""


class AgentEnder:
    """The agent's ClusterActuator. Protection is looked at right before and never lifted; a cluster that is ending
    already is APPLIED. With a store the end is marked there first."""

    def __init__(self, client: Any, cluster_id: str, clock: Clock, store: Store | None = None) -> None:
        self._client = client
        self._cluster_id = cluster_id
        self._clock = clock
        self._store = store

    def terminate(self, reason: str, code: str, *, without_table: bool = False) -> Result:
        """`code` is that of the decision's first reason; one that is not in REASONS is an end for want of work, which
        a claim prevents. A table that cannot be asked is POSTPONED, EMR has not been asked then (`TABLE_SILENT`);
        `without_table` ends all the same."""
        try:
            at = self._clock()
            answer = ask("DescribeCluster", self._client.describe_cluster, ClusterId=self._cluster_id)
            seen = described(answer["Cluster"], at)
            if seen.state in ENDING:
                return Result(Outcome.APPLIED, f"the cluster is {seen.state} already")
            if seen.protected:
                return refused("termination protection is on; it is not lifted")
            withheld = self._mark(seen, REASONS.get(code, EndReason.IDLE), reason, without_table)
            if withheld is not None:
                return withheld
            terminate(self._client, self._cluster_id)
        except Fault as error:
            return outcome(error)
        return Result(Outcome.APPLIED, reason)

    def _mark(self, seen: Described, reason: EndReason, why: str, without_table: bool) -> Result | None:
        """None: go on."""
        if self._store is None:
            return None
        try:
            return self._marked(self._store, seen, reason, why)
        except Fault as error:
            return None if without_table else Result(Outcome.POSTPONED, f"{TABLE_SILENT}{error}")

    def _marked(self, store: Store, seen: Described, reason: EndReason, why: str) -> Result | None:
        now = self._clock()
        if store.mark_end(seen.cluster_id, reason, why, now) is not None:
            return None
        row = store.cluster(seen.cluster_id)
        if row is not None and row.phase is Phase.LAUNCHING and seen.state in READY and row.end_reason is None:
            # nobody has told the table yet that the cluster is ready
            store.saw_state(seen.cluster_id, seen.state, seen.at, now, seen.code, subnet=seen.subnet)
            if store.mark_end(seen.cluster_id, reason, why, now) is not None:
                return None
            row = store.cluster(seen.cluster_id)
        if row is None or row.end_reason is not None or row.ended:
            return None
        if row.claim is not None:
            # nothing is wrong: nobody is told of an end that does not come
            return Result(Outcome.POSTPONED, f"the cluster has been given to job {row.claim}")
        return refused(f"the table has the cluster as {row.phase}, and not free to be ended as {reason}")
