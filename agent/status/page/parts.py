"""What every section is made of: cards, rows of a name and a value, ages, reasons."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from agent.status.page.elements import Content, el
from agent.status.state import Age, Reason
from agent.status.wording import UNKNOWN, clock, duration, iso, moment

Row = tuple[str, Content | Iterable[Content]]


def card(name: str, title: str, *content: Content | Iterable[Content], wide: bool = False) -> Element:
    """A section with a heading; `name` is its id, by which the script finds it again."""
    heading = el("h2", title, id=f"{name}-title")
    kind = "card wide" if wide else "card"
    return el("section", heading, *content, id=name, class_=kind, aria_labelledby=f"{name}-title")


def rows(*pairs: Row | None) -> Element:
    return el("dl", [el("div", el("dt", name), _told(value)) for name, value in filter(None, pairs)])


def _told(value: Content | Iterable[Content]) -> Element:
    if value == UNKNOWN:
        return el("dd", UNKNOWN, class_="unknown")
    return el("dd", value)


def old(seen: Age | None, at: float) -> Element | None:
    """How old something is: the script keeps it true between two turns."""
    if seen is None:
        return None
    if seen.stale:
        return el("span", "stale, ", ago(seen.at, at), class_="stale")
    return el("span", ago(seen.at, at), class_="age")


def ago(then: float, at: float) -> Element:
    """`then` in words, as seen at `at`."""
    return el(
        "time",
        f"{duration(at - then)} ago",
        datetime=iso(then),
        data_at=f"{then:.1f}",
        title=moment(then),
    )


def lasting(since: float, at: float) -> Element:
    """How long something has gone on."""
    return el("time", duration(at - since), datetime=iso(since), data_since=f"{since:.1f}", title=moment(since))


def until(then: float, at: float) -> Element:
    text = f"in {duration(then - at)}" if then > at else "now"
    return el("time", text, datetime=iso(then), data_until=f"{then:.1f}", title=moment(then))


def stamp(then: float) -> Element:
    return el("time", clock(then), datetime=iso(then), title=moment(then))


def big(value: Content | Iterable[Content], beside: Content = None) -> Element:
    known = None if value != UNKNOWN else "unknown"
    return el("p", el("strong", value, class_=known), " ", None if beside is None else el("span", beside), class_="big")


def reason_list(because: Iterable[Reason]) -> Element:
    return el("ul", [el("li", code(one.code), " ", one.text) for one in because], class_="reasons")


def code(text: str) -> Element:
    return el("code", text)


def note(kind: str, *content: Content) -> Element:
    """Something that wants attention: `bad`, `warn` or `info`."""
    words = {"bad": "Fault", "warn": "Note", "info": "Note"}
    return el("li", el("b", f"{words[kind]}: "), *content, class_=kind)


def table(heads: tuple[str, ...], lines: Iterable[tuple[Content | Iterable[Content], ...]], label: str) -> Element:
    """Scrolls by itself where it is too wide, so that the page never does."""
    head = el("thead", el("tr", [el("th", each, scope="col") for each in heads]))
    body = el("tbody", [el("tr", [el("td", each) for each in line]) for line in lines])
    return el(
        "div",
        el("table", el("caption", label), head, body),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=label,
    )
