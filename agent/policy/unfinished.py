"""Unfinished applications in words: which holds what, which waits for what. The answer to why a cluster still runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from agent.domain.readings import Application, ContainerAsk
from agent.domain.waiting import PENDING

SHOWN = 3
NAME_LENGTH = 40
"""Names are anybody's text: a whole query, for some engines."""

Unused = Callable[[Application], float | None]
"""For how many seconds an application has been unused; None while it is in use, or nobody knows."""


def described(applications: Sequence[Application], unused: Unused, after_s: float | None) -> str:
    """The first few of them. `after_s` is when one that is unused no longer counts; None for never."""
    shown = ", ".join(_one(each, unused(each), after_s) for each in applications[:SHOWN])
    left = len(applications) - SHOWN
    return f"{len(applications)} unfinished: {shown}" + (f", and {left} more" if left > 0 else "")


def _one(application: Application, unused_s: float | None, after_s: float | None) -> str:
    facts = [*_held(application), *_awaited(application)]
    if after_s is not None and application.state not in PENDING:
        facts.append("not known to be unused" if unused_s is None else _unused(unused_s, after_s))
    name = f" ({_shortened(application.name)})" if application.name else ""
    return f"{application.id}{name} is {application.state}" + (f" [{', '.join(facts)}]" if facts else "")


def _held(application: Application) -> Iterator[str]:
    if application.containers:
        yield f"holds {_containers(application.containers)} with {application.memory_used_mb:.0f} MB"
    elif application.memory_used_mb > 0:
        yield f"holds {application.memory_used_mb:.0f} MB"


def _awaited(application: Application) -> Iterator[str]:
    asks = [ask for ask in application.asks or () if ask.count > 0]
    if asks:
        yield f"waits for {' and '.join(_ask(ask) for ask in asks[:SHOWN])}"
    if application.limited_by is not None:
        yield f"kept waiting by {application.limited_by}"


def _ask(ask: ContainerAsk) -> str:
    label = f" labelled {ask.label}" if ask.label else ""
    return f"{_containers(ask.count)} of {ask.memory_mb:.0f} MB{label}"


def _unused(unused_s: float, after_s: float) -> str:
    return f"without a task or a job for {unused_s:.0f} s of {after_s:g} s"


def _containers(count: int) -> str:
    return f"{count} container{'' if count == 1 else 's'}"


def _shortened(name: str) -> str:
    plain = " ".join(name.split())
    return plain if len(plain) <= NAME_LENGTH else f"{plain[: NAME_LENGTH - 1]}…"
