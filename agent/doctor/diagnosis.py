"""All checks, chosen, run and judged."""

from __future__ import annotations

import time
from pathlib import Path

from agent.doctor import offline
from agent.doctor.findings import Check, Named, run
from agent.doctor.ground import Ground, stand

LIMIT_S = 25.0
"""For all checks together, the slowest of which waits for time-outs one after the other."""
ONLINE = ("node", "endpoints", "credentials", "rights", "cluster", "agent", "spark", "yarn")


def diagnose(
    path: Path | None, root: Path, *, only_offline: bool = False, limit_s: float = LIMIT_S
) -> tuple[Named, ...]:
    """The findings, in an order from what everything rests on to what rests on everything."""
    return run(chosen(stand(path, root), only_offline=only_offline), limit_s)


def chosen(ground: Ground, *, only_offline: bool) -> tuple[Check, ...]:
    found = offline.checks(ground)
    if only_offline:
        return found
    if ground.settings is None:
        return (*found, *offline.without(ONLINE, "there are no settings"))
    # what only the full run needs, and an installer's smoke test would pay for
    from agent.doctor import account, primary

    here = primary.checks(ground, ground.settings, time.time)
    return (*found, *here, *account.checks(ground, ground.settings, time.time))
