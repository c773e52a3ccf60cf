"""The state in a terminal: tables and colours, the same words as the page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, TypeVar

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agent.domain import fleets
from agent.status.remote import Remote, Summed
from agent.status.state import Age, Entry, Fleet, State
from agent.status.wording import (
    NO_FLEET,
    OUTCOMES,
    UNKNOWN,
    clean,
    clock,
    did,
    duration,
    headline,
    measured,
    number,
    percent,
    size,
    spent,
    units,
    usd,
)

T = TypeVar("T")

WIDTH = 110
"""Where the output goes to no terminal."""
ENTRIES = 8
BARS = "▁▂▃▄▅▆▇█"
SPARK = 40


def local(state: State) -> RenderableType:
    """The state of the agent that was asked."""
    return Group(*_local(printable(state)))


def printable(found: T) -> T:
    """The same with every text in it clean: a name from outside gives the terminal no orders."""
    made: Any = found
    if isinstance(made, str):
        made = clean(made)
    elif isinstance(made, tuple):
        made = tuple(map(printable, made))
    elif is_dataclass(made) and not isinstance(made, type):
        made = replace(made, **{each.name: printable(getattr(made, each.name)) for each in fields(made)})
    return made  # type: ignore[no-any-return]


def _local(state: State) -> Iterator[RenderableType]:
    me = state.agent
    name = me.cluster_name or (state.cluster.name if state.cluster is not None else "")
    yield Text.assemble((name or me.cluster_id, "bold"), (f"  {me.cluster_id if name else ''}  ", "dim"), _turn(state))
    yield _decision(state.now)
    for text in _alerts(state):
        yield Text.assemble(("! ", "bold yellow"), text)
    yield _facts(_seen(state))
    yield _probes(state)
    yield _entries(state)


def _turn(state: State) -> Text:
    me = state.agent
    said = f"last turn {clock(state.at)} UTC; {me.policy}, {me.actuator}; {me.version}, up "
    return Text(said + duration(state.at - me.started_at), "dim")


def _decision(entry: Entry) -> Panel:
    colour = {"hold": "cyan", "resize": "green", "terminate": "red"}.get(entry.decision.says, "white")
    lines = [Text.assemble((reason.code, colour), f"  {reason.text}") for reason in entry.decision.because]
    outcome = OUTCOMES.get(entry.outcome)
    if outcome is not None:
        lines.insert(0, Text(f"{outcome}{': ' if entry.detail else ''}{entry.detail}"))
    title = (
        f"{headline(entry)}, for {duration(entry.until - entry.began)}"
        if entry.decision.says == "hold"
        else headline(entry)
    )
    return Panel(Group(*lines), title=Text(title, f"bold {colour}"), title_align="left", border_style=colour)


def _alerts(state: State) -> Iterator[str]:
    if state.interruption is not None:
        yield f"EC2 has announced for the primary itself: {state.interruption.action}"
    if state.manager is None or state.manager.seen.stale:
        yield "blind: the cluster manager does not answer"
    if state.cluster is not None and state.cluster.foreign_scaler is not None:
        yield f"only observing: the cluster has a {state.cluster.foreign_scaler}"
    if state.paused is not None:
        yield f"paused ({state.paused.why}) until {clock(state.paused.until)} UTC"
    for asked in state.requests:
        yield f"request {asked.source} of {asked.name or 'somebody'}: {asked.fate or 'not judged yet'}"
    for right in state.missing:
        yield f"without the capability {right.capability}: {right.text}"
    for each in state.losses.counts:
        yield f"{each.name} {each.count:,}" + "".join(f", {reason} {count:,}" for reason, count in each.reasons[:3])
    for advice in state.advice:
        yield advice.text


Fact = tuple[str, str, str, Age | None]
"""What, how much, in detail, and when it was true."""


def _facts(facts: Iterable[Fact]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for what, value, detail, seen in facts:
        shown = Text(value, "dim italic" if value == UNKNOWN else "bold")
        table.add_row(Text(what, "dim"), shown, Text(detail), _age(seen))
    return table


def _age(seen: Age | None) -> Text:
    if seen is None:
        return Text("")
    if seen.stale:
        return Text(f"stale, {duration(seen.age_s)} old", "yellow")
    return Text(f"{duration(seen.age_s)} old", "dim")


def _seen(state: State) -> Iterator[Fact]:
    fleet, manager, executors, money = state.fleet, state.manager, state.executors, state.money
    if fleet is None:
        yield "task capacity", UNKNOWN, "EMR has not told of it yet", None
    else:
        markets = f"spot {fleet.provisioned_spot} of {fleet.target_spot}, on demand "
        markets += f"{fleet.provisioned_on_demand} of {fleet.target_on_demand}; limits "
        markets += f"{state.limits.min_units} to {state.limits.max_units}; {fleet.in_flight or _state(fleet)}"
        yield "task capacity", f"{fleet.provisioned} / {fleet.target}", markets, fleet.seen
        yield "", spark(state.series.provisioned, state.limits.max_units), "units there, the last turns", None
    if manager is None:
        yield "memory", UNKNOWN, "the cluster manager has not answered yet", None
    else:
        share = _share(manager.memory_available_bytes, manager.memory_total_bytes)
        free = f"{size(manager.memory_available_bytes)} of {size(manager.memory_total_bytes)} available, "
        yield "memory", percent(share), f"{free}{size(manager.memory_pending_bytes)} pending", manager.seen
        yield "", spark(state.series.available_percent, 100), "available, the last turns", None
        names = ", ".join(app.name or app.id for app in manager.applications[:3])
        yield "applications", number(manager.applications_total), names, manager.seen
    if executors is not None:
        heap = " / ".join(map(percent, (executors.heap_p50, executors.heap_p90, executors.heap_max)))
        yield "executors", str(executors.reporting), f"heap p50 / p90 / max: {heap}", executors.seen
    if state.remaining is not None:
        left = state.remaining.total_s
        yield "work left", UNKNOWN if left is None else duration(left), "of one container", state.remaining.seen
    if state.hdfs is not None:
        yield (
            "HDFS",
            str(state.hdfs.total_load),
            f"transfers at {state.hdfs.live_data_nodes} DataNodes",
            state.hdfs.seen,
        )
    rate = "" if money.usd_per_hour is None else f"{usd(money.usd_per_hour)} an hour now"
    unknown = f"; not known for {duration(money.unknown_s)}" if money.unknown_s else ""
    yield "money", usd(spent(money)), f"{rate}{unknown}".lstrip("; "), None
    yield "end", _end(state), "", None


def _state(fleet: Fleet | fleets.Fleet) -> str:
    return NO_FLEET if fleet.id is None else fleet.state


def _share(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole > 0 else None


def _end(state: State) -> str:
    idle = state.idle
    if idle.ends_at is not None:
        return f"in {duration(idle.ends_at - state.at)}, at {clock(idle.ends_at)} UTC"
    return "none in sight" if idle.enabled else "none in sight: the watchdog is off"


def spark(values: Iterable[float | None], top: float) -> str:
    """The last values as one line of blocks; a gap where nothing is known."""
    last = list(values)[-SPARK:]
    marks = (" " if value is None else BARS[round(max(0.0, min(1.0, value / top if top else 0)) * 7)] for value in last)
    return "".join(marks).strip() or UNKNOWN


def _probes(state: State) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for probe in state.idle.probes:
        verdict = Text("busy", "cyan") if probe.busy else Text("idle", "dim")
        table.add_row(verdict, Text(f"{probe.probe}: {probe.detail}"), _age(probe.seen))
    return table


def _entries(state: State) -> Table:
    table = Table(title="Decisions", title_justify="left", box=None, padding=(0, 2, 0, 0), show_header=False)
    for entry in state.decisions[:ENTRIES]:
        hold = entry.decision.says == "hold"
        outcome = "" if entry.outcome == "none" else entry.outcome
        lasted = duration(entry.until - entry.began) if hold else outcome
        codes = ", ".join(dict.fromkeys(reason.code for reason in entry.decision.because))
        style = "dim" if hold else "bold"
        table.add_row(
            Text(clock(entry.began), "dim"), Text(did(entry.decision), style), Text(lasted, "dim"), Text(codes)
        )
    return table


def remote(found: Remote) -> RenderableType:
    """What was seen of a cluster from elsewhere."""
    return Group(*_remote(printable(found)))


def _remote(found: Remote) -> Iterator[RenderableType]:
    name = found.name or (found.cluster.name if found.cluster is not None else "")
    where = f"{found.cluster_id} in {found.region}: from CloudWatch and EMR"
    yield Text.assemble((name or found.cluster_id, "bold"), (f"  {where}", "dim"))
    for text in found.faults:
        yield Text.assemble(("! ", "bold yellow"), text)
    yield _facts([*_of_emr(found.cluster, found.fleet, found.at), *_of_figures(found)])
    if found.summed:
        yield _counts(found.summed)
    yield Text("Not to be seen from here: " + "; ".join(found.unseen) + ".", "dim")
    yield Text("For those: tidemark status on the primary, or through a tunnel to its page.", "dim")


def _of_emr(cluster: fleets.Cluster | None, fleet: fleets.Fleet | None, at: float) -> Iterator[Fact]:
    if cluster is not None:
        seen = Age(at=cluster.at, age_s=max(0.0, at - cluster.at), stale=False)
        told = f"up {duration(at - cluster.created_at)}"
        told += ", protected from termination" if cluster.termination_protected else ""
        told += f", has a {cluster.foreign_scaler}: the agent only observes" if cluster.foreign_scaler else ""
        yield "cluster", cluster.state, told, seen
    if fleet is not None:
        markets = f"spot {fleet.provisioned_spot} of {fleet.target_spot}, on demand "
        markets += f"{fleet.provisioned_on_demand} of {fleet.target_on_demand}; {_state(fleet)}"
        markets += f", {units(fleet.shortfall)} short" if fleet.shortfall else ""
        seen = Age(at=fleet.at, age_s=max(0.0, at - fleet.at), stale=False)
        yield "task capacity", f"{fleet.provisioned} / {fleet.target}", markets, seen


def _of_figures(found: Remote) -> Iterator[Fact]:
    if not found.figures:
        yield "figures", UNKNOWN, "CloudWatch has none of the last 15 minutes: does the agent run and publish?", None
    for each in found.figures:
        statistic = "" if each.statistic in ("Average", "SampleCount") else each.statistic
        yield each.name, measured(each.value, each.unit), statistic, each.seen


def _counts(summed: Iterable[Summed]) -> Table:
    table = Table(title="In the last hour", title_justify="left", box=None, padding=(0, 2, 0, 0), show_header=False)
    for each in sorted(summed, key=lambda each: (each.name, bool(each.reason), -each.count)):
        table.add_row(Text(each.name, "dim" if each.reason else "bold"), Text(each.reason, "cyan"), number(each.count))
    return table


def remote_json(found: Remote) -> str:
    return json.dumps({"version": 1, **asdict(found)}, default=str)
