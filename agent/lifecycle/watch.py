"""What has become of a cluster, for everybody who waits for it: mostly from the table, which EMR's events keep true.

A hundred watchers that each asked EMR once a minute would be throttled. So EMR is asked by chance only, now and then,
and when nobody has heard of the cluster for long, because events get lost; what EMR says is written back for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.domain.faults import Fault, NotTakenFault
from agent.lifecycle.outcome import Outcome, outcome
from agent.lifecycle.ports import Described, Eyes
from agent.lifecycle.rows import ClusterRow, cluster_key
from agent.lifecycle.store import Store
from agent.lifecycle.words import ENDED, READY, Phase, State
from agent.settings_lifecycle import LifecycleSettings

FRESH_S = 30.0
"""What EMR has told so lately is not asked by chance."""
ASKING_S = 30.0
"""So long somebody who asks EMR may take; until then nobody else does."""
TABLE, EMR = "table", "emr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    cluster_id: str
    state: State
    """Of EMR, or ZERO_MASTER or ZERO_CORE for one that EMR calls alive."""
    outcome: Outcome
    age_s: float
    """How long ago EMR said so."""
    source: str
    """`table` or `emr`: who has answered now."""
    row: ClusterRow | None
    """None: it is not in the table."""


def watch(
    cluster_id: str, store: Store, eyes: Eyes, now: float, chance: Callable[[], float], settings: LifecycleSettings
) -> Sight:
    """`chance` gives numbers from 0 to 1. Raises Fault when the table cannot be read, or EMR about a cluster that is
    not in it (NotTakenFault: our share of the quota is used up); for every other one the table's word stands."""
    row = store.cluster(cluster_id)
    if row is None:
        answer = eyes.describe(cluster_id)
        if answer is None:
            raise NotTakenFault(f"{cluster_id} is not in the table, and our share of EMR's quota is used up")
        return _of_answer(answer, now)
    if row.ended or not _wants_emr(row, now, chance, settings):
        return _of_row(row, now)
    if store.asking(cluster_id, row.asked_at, now) is None:
        # somebody is faster: what they hear is there next time
        return _of_row(row, now)
    try:
        answer = eyes.describe(cluster_id)
    except Fault:
        answer = None
    if answer is None:
        return _of_row(row, now)
    write_back(store, row, answer, now)
    return _of_row(store.cluster(cluster_id) or row, now, EMR)


def _wants_emr(row: ClusterRow, now: float, chance: Callable[[], float], settings: LifecycleSettings) -> bool:
    quiet_s = now - row.seen_at
    if quiet_s < FRESH_S or now - row.asked_at < ASKING_S:
        return False
    return quiet_s > settings.stale_s or chance() < settings.ask_share


def write_back(store: Store, row: ClusterRow, answer: Described, now: float) -> None:
    """What EMR has answered, for all who look. A cluster that we have found without nodes is alive to EMR: its word is
    no news."""
    if row.state is answer.state or (row.state in _ZERO and answer.state in READY):
        store.confirmed(row.id, now)
        return
    store.saw_state(row.id, answer.state, answer.at, now, answer.code, **_more(row, answer))


_ZERO = frozenset({State.ZERO_MASTER, State.ZERO_CORE})


def _more(row: ClusterRow, answer: Described) -> dict[str, str | float | None]:
    ready_at = answer.ready_at if row.ready_at is None and answer.state in ENDED else None
    return {"subnet": answer.subnet, "ready_at": ready_at}


def _of_row(row: ClusterRow, now: float, source: str = TABLE) -> Sight:
    return Sight(
        cluster_id=row.id,
        state=row.state,
        outcome=outcome(row),
        age_s=max(0.0, now - row.seen_at),
        source=source,
        row=row,
    )


def _of_answer(answer: Described, now: float) -> Sight:
    """Nobody has written the cluster down: the outcome is by EMR's words alone."""
    ended = answer.state in ENDED
    made = ClusterRow(
        key=cluster_key(answer.cluster_id),
        state=answer.state,
        phase=Phase.ENDED if ended else Phase.WORKING,
        reason_code=answer.code,
        seen_at=answer.at,
    )
    return replace(_of_row(made, now, EMR), row=None)
