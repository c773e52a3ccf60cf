"""The whole document, and the policy by which a browser runs and loads nothing but what is in it."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from xml.etree.ElementTree import Element

from agent.status.page import sections, tables
from agent.status.page.elements import Content, el, html
from agent.status.page.parts import ago
from agent.status.state import State

STYLE, SCRIPT = (
    resources.files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "live.js")
)
STYLE_ELEMENT, SCRIPT_ELEMENT = el("style", STYLE), el("script", SCRIPT)
SLOWEST_POLL_S, FASTEST_POLL_S = 5.0, 1.0
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M1 9q3.5-5 7 0t7 0'"
    " fill='none' stroke='%230e7490' stroke-width='2.4' stroke-linecap='round'/%3E%3C/svg%3E"
)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_hash(STYLE)}'",
        f"script-src 'sha256-{_hash(SCRIPT)}'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy: the style and the script are known by their hashes; no other is run, whatever a name from
outside may hold."""


def document(state: State) -> str:
    me = state.agent
    poll_s = min(SLOWEST_POLL_S, max(FASTEST_POLL_S, me.turn_period_s))
    name = me.cluster_name or (state.cluster.name if state.cluster is not None else "") or me.cluster_id
    main = el(
        "main",
        sections.notes(state),
        sections.decision(state),
        el("div", _cards(state), id="cards", class_="cards"),
        data_at=f"{state.at:.1f}",
        data_period=f"{me.turn_period_s:g}",
        data_poll=f"{poll_s:g}",
    )
    live = el("span", "last turn ", ago(state.at, state.at), id="live", class_="live")
    return _page(name, [el("h1", name), el("span", me.cluster_id, class_="muted"), live], main)


def waiting(name: str, why: str) -> str:
    """The page while there is no state to show."""
    main = el("main", el("section", el("h2", why), class_="card wide"), data_poll="1")
    return _page(name, [el("h1", name), el("span", "no turn yet", id="live", class_="live")], main)


def _cards(state: State) -> list[Content]:
    """Narrow ones first, what is looked at most before the rest."""
    return [
        sections.capacity(state),
        sections.memory(state),
        sections.executors(state),
        sections.idle(state),
        sections.work(state),
        sections.money(state),
        tables.decisions(state),
        tables.policies(state),
        tables.applications(state),
        tables.losses(state),
        tables.agent(state),
        tables.figures(state),
    ]


def _page(title: str, head: list[Content], main: Element) -> str:
    mark = el("svg", el("path", d="M1 9q3.5-5 7 0t7 0"), class_="mark", viewBox="0 0 16 16", aria_hidden="true")
    # said when the headline changes, and only then: what is renewed every turn must not be read out every turn
    spoken = el("p", id="spoken", class_="spoken", role="status")
    away = el("p", id="away", class_="away", role="status", hidden="")
    links = [el("a", name, href=name) for name in ("state.json", "metrics", "healthz")]
    root = el(
        "html",
        el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", name="color-scheme", content="light dark"),
            el("title", f"{title} · Tidemark"),
            el("link", rel="icon", href=ICON),
            STYLE_ELEMENT,
            el("noscript", el("meta", http_equiv="refresh", content="10")),
        ),
        el(
            "body",
            el("header", mark, head),
            away,
            spoken,
            main,
            el("footer", "Tidemark, read-only. ", [each for link in links for each in (link, " ")]),
            SCRIPT_ELEMENT,
        ),
        lang="en",
    )
    return f"<!DOCTYPE html>{html(root)}"
