"""How often something may be told: at most so many in an hour, and of one kind only every so often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.domain.notices import NoticeKind, Told
from agent.settings_notices import NoticeSettings

HOUR_S = 3600.0
ALWAYS = frozenset(
    {
        NoticeKind.ENDING,
        NoticeKind.ENDED,
        NoticeKind.END_FAILED,
        NoticeKind.PRIMARY_INTERRUPTED,
    }
)
"""What takes the cluster with it is told whatever was told before. Of each coming end, each end and each interruption
there is one."""
REMINDED = frozenset({NoticeKind.END_FAILED})
"""Those of them that come again while their cause lasts, as an end is asked for again and again: told at once, and
then once an hour."""
MOST_KEPT = 1000


def admit(told: Told, kind: NoticeKind, at: float) -> tuple[Told, Mapping[NoticeKind, int]]:
    """What is remembered once this kind has been sent, and how many of which kind it speaks for besides.

    It may be sent only where `may_send` says so.
    """
    now = _at(told, at)
    after = replace(now, sent=(*now.sent, at)[-MOST_KEPT:], last={**now.last, kind: at}, suppressed={})
    return after, now.suppressed


def may_send(told: Told, kind: NoticeKind, at: float, settings: NoticeSettings) -> bool:
    now = _at(told, at)
    last = now.last.get(kind)
    if kind in ALWAYS:
        return kind not in REMINDED or last is None or at - last >= HOUR_S
    if last is not None and at - last < settings.min_interval_s:
        return False
    return len(now.sent) < settings.max_per_hour


def suppress(told: Told, kind: NoticeKind) -> Told:
    """What is remembered of one that may not be sent."""
    return replace(told, suppressed={**told.suppressed, kind: told.suppressed.get(kind, 0) + 1})


def set_back(told: Told, at: float) -> Told:
    """What is remembered by a clock that was set back: what lies ahead happened now. Else the same object.

    Whoever remembers asks this each time: what is taken for now again and again would silence until the old time.
    """
    ahead = any(then > at for then in (*told.sent, *told.last.values()))
    return _at(told, at) if ahead else told


def _at(told: Told, at: float) -> Told:
    """Without what is more than an hour ago. What lies ahead is of a clock that was set back: it counts as now."""
    sent = (min(then, at) for then in told.sent)
    return replace(
        told,
        sent=tuple(then for then in sent if at - then < HOUR_S),
        last={kind: min(then, at) for kind, then in told.last.items()},
    )
