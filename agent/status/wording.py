"""Numbers and decisions in words, for people."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.status.state import Entry, Money, Said

UNKNOWN = "unknown"
NO_FLEET = "no task fleet yet"
GIBIBYTE = 1024**3


CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")
"""Not allowed in HTML in any form, orders to a terminal, and of no use in a name."""


def clean(text: str) -> str:
    """The same without what is no text: control characters, and halves of surrogate pairs as JSON may hold them."""
    if text.isprintable():
        return text
    return text.translate(CONTROLS).encode("utf-8", "replace").decode("utf-8")


def duration(seconds: float) -> str:
    """Two units at most: `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    for size, unit, smaller, below in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            many, rest = divmod(whole, size)
            return f"{many} {unit}" + (f" {rest // smaller} {below}" if rest // smaller else "")
    return f"{whole} s"


def clock(at: float) -> str:
    """Hours, minutes and seconds, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"


def moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def size(value: float | None) -> str:
    """Bytes in GiB, or MiB below one."""
    if value is None:
        return UNKNOWN
    if value >= GIBIBYTE:
        return f"{value / GIBIBYTE:,.1f} GiB"
    return f"{value / 1024**2:,.0f} MiB" if value else "0"


def number(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"


def percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0f} %"


def usd(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.2f} USD"


def spent(money: Money) -> float | None:
    """The sum that can be told. Nothing in the little time that was known says nothing of the rest."""
    return None if money.unknown_s and not money.usd else money.usd


def measured(value: float, unit: str) -> str:
    """A figure in its unit, by CloudWatch's name of it."""
    match unit:
        case "Bytes":
            return size(value)
        case "Percent":
            return f"{value:.1f} %"
        case "Milliseconds":
            return f"{value:,.0f} ms"
        case "Seconds":
            return duration(value)
        case "Count/Second":
            return f"{value:,.1f}/s"
        case _:
            return number(value)


def units(many: int) -> str:
    return f"{many} unit" if many == 1 else f"{many} units"


def did(said: Said) -> str:
    """A decision, as a short phrase."""
    if said.says == "resize" and said.current is not None and said.target is not None:
        way = "Scale out" if said.target > said.current else "Scale in"
        return f"{way}: {said.current} → {said.target}"
    return "End the cluster" if said.says == "terminate" else "Hold"


def headline(entry: Entry) -> str:
    """The present decision as one looks at it from afar."""
    said = entry.decision
    if said.says == "hold":
        return "Holding"
    if said.says == "terminate":
        return "Ending the cluster"
    assert said.current is not None and said.target is not None
    way = "Scaling out" if said.target > said.current else "Scaling in"
    return f"{way} from {said.current} to {units(said.target)}"


OUTCOMES = {
    "applied": "EMR took it",
    "refused": "EMR refused it",
    "failed": "EMR could not be reached",
    "postponed": "EMR had no time for it: it is asked again",
    "dry run": "dry run: nothing is changed",
}
"""Of an action."""
