"""Our share of EMR's request quotas, spent together by the function, the verbs and whoever watches clusters.

EMR counts a bucket for each operation and one for all of them, per account and Region: `burst` calls at once,
`per_s` calls a second afterwards. A row of the table counts the calls of one operation in one window of time; a call
is allowed while the count is below a limit, which one conditional write decides. With

    window = burst / (2 per_s)    and    limit = floor(share burst / 2), at least 1

our calls alone are never throttled, whenever they come. Take any span of T seconds: it touches m windows at most,
where T > (m - 2) window, for all but the two at its ends lie inside it. So it has at most

    m limit = 2 limit + (m - 2) limit <= burst + (m - 2) window per_s < burst + T per_s

calls, as `limit <= burst / 2 = window per_s`: and a full bucket lets everything through whose every span of T seconds
has at most `burst + T per_s` calls. With a share below 1 all of this holds of `share burst` and `share per_s` (unless
the limit is the least one, 1). What the share leaves also covers calls that come late, and clocks that differ: by d
seconds together as long as `share per_s d <= (1 - share) burst`, which is 10 s and more at a half.

Every attempt is a call: what is paid for here is sent by a client that makes one attempt. Where the table's answer is
lost, a call is paid for that nobody makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import Protocol

from agent.lifecycle.table import Below, Change, Table

BUDGET = "BUDGET#"
ALL_CALLS = "*"
KEPT_S = 3600.0
"""A window that is over counts no more; DynamoDB removes its row by `expires_at` within days."""


@dataclass(frozen=True, slots=True)
class Quota:
    burst: float
    """Calls at once."""
    per_s: float

    @property
    def window_s(self) -> float:
        """The same for every share: whoever allows himself another one counts in the same rows."""
        return self.burst / (2 * self.per_s)

    def limit(self, share: float) -> int:
        """Calls in a window."""
        return max(1, floor(share * self.burst / 2))


QUOTAS: Mapping[str, Quota] = {
    ALL_CALLS: Quota(25, 5),
    "AddJobFlowSteps": Quota(10, 0.5),
    "CancelSteps": Quota(10, 0.5),
    "DescribeCluster": Quota(10, 1),
    "DescribeStep": Quota(10, 0.5),
    "ListClusters": Quota(20, 0.5),
    "ListInstanceFleets": Quota(5, 0.5),
    "ListInstanceGroups": Quota(10, 1),
    "ListSteps": Quota(10, 0.5),
    "RunJobFlow": Quota(10, 0.5),
    "SetTerminationProtection": Quota(5, 0.2),
    "TerminateJobFlows": Quota(10, 0.5),
}
"""The defaults of Service Quotas for Amazon EMR, of the operations that the lifecycle calls."""


class Spender(Protocol):
    def spend(self, operation: str, now: float) -> bool:
        """Whether this call may be made now. Once true, the call has been paid for. Raises Fault."""


class Budget:
    """A Spender over the table. Raises KeyError for an operation without a quota: that is a bug."""

    def __init__(
        self, table: Table, share: float, quotas: Mapping[str, Quota] = QUOTAS, *, only_looks: bool = False
    ) -> None:
        """`only_looks`: of a window that the others have used half of nothing is spent here any more. So those who
        watch clusters, however many, leave room for those who end them."""
        self._table = table
        self._share = share / 2 if only_looks else share
        self._quotas = quotas

    def spend(self, operation: str, now: float) -> bool:
        """The operation's window, then that of all calls: when only the first has room, one call of it is forfeit."""
        return self._take(operation, now) and self._take(ALL_CALLS, now)

    def _take(self, name: str, now: float) -> bool:
        quota = self._quotas[name]
        window = floor(now / quota.window_s)
        spent = Change(
            key=f"{BUDGET}{name}#{window}",
            add={"spent": 1},
            # by default and not set: what every spender would write alike tells none of them that it was his doing
            default={"expires_at": (window + 1) * quota.window_s + KEPT_S},
            when=[Below("spent", quota.limit(self._share))],
        )
        return self._table.change(spent) is not None


class Unbounded:
    """A Spender where nobody counts: one person's verb without a table."""

    def spend(self, operation: str, now: float) -> bool:  # noqa: ARG002
        return True
