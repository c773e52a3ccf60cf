"""The longer lists: decisions, policies, applications, losses, the agent itself, every figure."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from agent.status.page.elements import Content, el
from agent.status.page.parts import ago, card, code, old, rows, stamp, table
from agent.status.state import Entry, State
from agent.status.wording import UNKNOWN, did, duration, measured, number, size

SHOWN = 25
"""Decisions that the page lists; /state.json has the rest."""
BEATS_S = 10.0
"""A loop that has not come round for longer is shown with how long."""


def decisions(state: State) -> Element:
    shown, more = state.decisions[:SHOWN], len(state.decisions) - SHOWN
    return card(
        "decisions",
        "Decisions",
        el("ol", [_entry(each) for each in shown], class_="entries"),
        el("p", f"{more} older ones are in state.json; the journal has every turn.", class_="foot")
        if more > 0
        else None,
        wide=True,
    )


def _entry(entry: Entry) -> Element:
    hold = entry.decision.says == "hold"
    lasted = entry.until - entry.began
    outcome = None if entry.outcome == "none" else el("span", entry.outcome, class_=f"tag {entry.outcome.split()[0]}")
    return el(
        "li",
        el("span", stamp(entry.began), class_="when"),
        el(
            "div",
            el("b", did(entry.decision)),
            el("span", f" for {duration(lasted)}", class_="muted") if hold and lasted >= 1 else None,
            " " if outcome is not None else None,
            outcome,
            el("p", _because(entry)),
            el("p", entry.detail, class_="muted") if entry.detail else None,
        ),
        class_="hold" if hold else "act",
    )


def _because(entry: Entry) -> Iterator[Content]:
    for number_, reason in enumerate(entry.decision.because):
        yield "; " if number_ else None
        yield code(reason.code)
        yield f" {reason.text}"


def policies(state: State) -> Element:
    lines = [
        (
            el("span", voice.policy, el("small", " shadow") if voice.shadow else None),
            el(
                "span",
                did(voice.decision),
                el("b", " differs", class_="differs") if voice.shadow and voice.differs else None,
            ),
            "; ".join(reason.text for reason in voice.decision.because),
        )
        for voice in state.voices
    ]
    label = f"What each policy said in the last turn; {state.agent.policy} scales, a shadow never acts"
    return card("policies", "Policies", table(("policy", "says", "because"), lines, label), wide=True)


def applications(state: State) -> Element | None:
    manager = state.manager
    if manager is None or not manager.applications:
        return None
    lines = [
        (
            el("span", app.name, el("small", f" {app.id}")),
            app.state.capitalize(),
            size(app.memory_used_bytes),
            number(app.containers) if app.containers is not None else "–",
            "–" if app.remaining_s is None else duration(app.remaining_s),
        )
        for app in manager.applications
    ]
    heads = ("application", "state", "holds", "containers", "left, container time")
    many = manager.applications_total or 0
    label = f"{len(lines)} of {many} unfinished applications, those that hold most first"
    return card("applications", "Applications", table(heads, lines, label), wide=True)


def losses(state: State) -> Element:
    found = state.losses
    lines: list[tuple[Content, ...]] = [
        (
            el("span", each.name, title=each.meaning),
            number(each.count),
            ", ".join(f"{reason} {count:,}" for reason, count in each.reasons) or "–",
        )
        for each in found.counts
    ]
    lost = "none seen" if found.capacity_lost_at is None else ago(found.capacity_lost_at, state.at)
    none = el("p", "No data was lost, and nothing failed, since the agent's start.", class_="muted")
    return card(
        "losses",
        "Losses and faults",
        table(("since the start", "how often", "why"), lines, "What was lost on its way, or failed") if lines else none,
        rows(("Capacity lost", lost)),
    )


def agent(state: State) -> Element:
    me = state.agent
    late = [each for each in me.loops if each.failed or each.silent_s > BEATS_S]
    standing = ", ".join(f"{each.name}: {'failed' if each.failed else duration(each.silent_s)}" for each in late)
    return card(
        "agent",
        "Agent",
        rows(
            ("Version", me.version),
            ("Up", duration(state.at - me.started_at)),
            ("Turns", f"{me.turns:,}, one every {duration(me.turn_period_s)}"),
            ("Policy, actuator", f"{me.policy}, {me.actuator}"),
            ("CPU, memory", UNKNOWN if me.cpu_percent is None else f"{me.cpu_percent:.1f} %, {size(me.memory_bytes)}"),
            ("Loops", f"{len(me.loops)}, {standing or 'all turn'}"),
            ("Cluster", _cluster(state)),
        ),
    )


def _cluster(state: State) -> str | list[Content]:
    found = state.cluster
    return UNKNOWN if found is None else [f"{found.state.lower()} ", old(found.seen, state.at)]


def figures(state: State) -> Element:
    lines = [
        (
            each.name,
            each.over,
            measured(each.value, each.unit),
            _spread(each.minimum, each.maximum, each.unit),
            old(each.seen, state.at),
        )
        for each in state.figures
    ]
    heads = ("metric", "over", "now", "smallest to largest", "age")
    inside = table(heads, lines, "Every metric that has a value; docs/metrics.md says what each means")
    folded = el("details", el("summary", f"All {len(lines)} figures"), inside, id="figures-all")
    return el("section", folded, id="figures", class_="card wide", aria_label="All figures")


def _spread(low: float, high: float, unit: str) -> str:
    return "" if low == high else f"{measured(low, unit)} to {measured(high, unit)}"
