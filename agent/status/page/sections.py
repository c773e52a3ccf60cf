"""The sections of the page: one function each, of the state."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from agent.status.page import charts
from agent.status.page.elements import Content, el
from agent.status.page.parts import ago, big, card, lasting, note, old, reason_list, rows, until
from agent.status.state import State
from agent.status.wording import (
    NO_FLEET,
    OUTCOMES,
    UNKNOWN,
    duration,
    headline,
    number,
    percent,
    size,
    spent,
    units,
    usd,
)


def decision(state: State) -> Element:
    """What it does now and why: the first thing that one looks for."""
    now = state.now
    turns = f", {now.turns} turn{'s' if now.turns != 1 else ''}"
    lasted: list[Content] = ["for ", lasting(now.began, state.at), turns]
    beside: list[Content] = lasted if now.decision.says == "hold" else [ago(now.until, state.at)]
    outcome = OUTCOMES.get(now.outcome)
    return el(
        "section",
        el("h2", headline(now), id="decision-title"),
        el("p", beside, class_="muted"),
        None
        if outcome is None
        else el("p", el("b", outcome), f": {now.detail}" if now.detail else "", class_="outcome"),
        el("p", now.detail, class_="outcome") if outcome is None and now.detail else None,
        reason_list(now.decision.because),
        id="decision",
        class_=f"card wide says-{now.decision.says}",
        aria_labelledby="decision-title",
    )


def notes(state: State) -> Element:
    """What wants somebody's attention; an empty list is not shown."""
    return el("ul", list(_notes(state)), id="notes", class_="notes")


def _notes(state: State) -> Iterator[Element]:
    told = state.interruption
    if told is not None:
        when = None if told.at is None else until(told.at, state.at)
        yield note("bad", f"EC2 has announced for the primary itself: {told.action} ", when)
    yield from _sight_notes(state)
    if state.paused is not None:
        yield note("warn", f"paused ({state.paused.why}), over ", until(state.paused.until, state.at))
    for asked in state.requests:
        said = "; ".join(reason.text for reason in asked.because)
        fate = f" {asked.fate or 'not judged yet'}{': ' if said else ''}{said}"
        yield note(
            "info", f"request {asked.source} of {asked.name or 'somebody'}, ", ago(asked.asked_at, state.at), fate
        )
    for right in state.missing:
        yield note(
            "warn", f"without the capability {right.capability}: {right.text}; since ", ago(right.since, state.at)
        )
    if state.shortage.short_since is not None and state.fleet is not None and state.fleet.shortfall:
        yield note("warn", f"{units(state.fleet.shortfall)} short, since ", ago(state.shortage.short_since, state.at))
    for advice in state.advice:
        yield note("info", advice.text)


def _sight_notes(state: State) -> Iterator[Element]:
    """What the agent cannot see, or is not the one to act on."""
    cluster, manager = state.cluster, state.manager
    if cluster is not None and cluster.foreign_scaler is not None:
        yield note("warn", f"only observing: the cluster has a {cluster.foreign_scaler}")
    if manager is None:
        yield note("bad", "the cluster manager has not answered yet: the agent is blind")
        return
    if manager.seen.stale:
        yield note("bad", "the cluster manager's last answer is too old: the agent is blind")
    elif not manager.leader:
        yield note("warn", "another agent acts: this one is beside a ResourceManager that does not lead")
    if manager.unheard:
        shown = ", ".join(manager.unheard[:3]) + (" …" if len(manager.unheard) > 3 else "")
        yield note("warn", f"nothing reports of {len(manager.unheard)} running application(s): {shown}")


def capacity(state: State) -> Element:
    fleet, series, limits = state.fleet, state.series, state.limits
    if fleet is None:
        return card("capacity", "Task capacity", big(UNKNOWN), el("p", "EMR has not told of it yet.", class_="muted"))
    top = float(max([limits.max_units, *filter(None, series.target), *filter(None, series.provisioned)]))
    words = f"{fleet.provisioned} of {units(fleet.target)} there"
    spark = charts.sparkline(
        series.at,
        [("provisioned", series.provisioned), ("target", series.target)],
        top,
        f"Target and provisioned units, {_span(state)}; now {words}",
    )
    return card(
        "capacity",
        "Task capacity",
        big(f"{fleet.provisioned} / {fleet.target}", "units there / asked for"),
        spark,
        _legend(state, f"0 to {top:.0f} units", ("provisioned", "there"), ("target", "asked for")),
        rows(
            ("Spot", f"{fleet.provisioned_spot} of {fleet.target_spot}"),
            ("On demand", f"{fleet.provisioned_on_demand} of {fleet.target_on_demand}"),
            ("Limits", f"{limits.min_units} to {limits.max_units}"),
            ("In flight", fleet.in_flight) if fleet.in_flight is not None else None,
            ("Short of", units(fleet.shortfall)) if fleet.shortfall else None,
            ("Bought on demand instead", units(state.shortage.moved_units)) if state.shortage.moved_units else None,
            *((f"Group {each.id}", f"{each.provisioned} of {each.target}, {each.state}") for each in fleet.groups),
            ("State", NO_FLEET if fleet.id is None else f"{fleet.state}{', settled' if fleet.settled else ''}"),
        ),
        el("p", old(fleet.seen, state.at), class_="foot"),
    )


def memory(state: State) -> Element:
    manager, series = state.manager, state.series
    if manager is None:
        text = "The cluster manager has not answered yet."
        return card("memory", "Memory of the cluster", big(UNKNOWN), el("p", text, class_="muted"))
    total, free = manager.memory_total_bytes, manager.memory_available_bytes
    share = 100 * free / total if total > 0 else None
    values = series.available_percent
    spark = charts.sparkline(
        series.at, [("memory", values)], 100.0, f"Available memory in percent, {_span(state)}; now {percent(share)}"
    )
    nodes = number(manager.nodes_active)
    draining = f", {manager.nodes_draining} draining" if manager.nodes_draining else ""
    lost = f", {manager.nodes_lost} lost" if manager.nodes_lost else ""
    return card(
        "memory",
        "Memory of the cluster",
        big(percent(share), "available"),
        spark,
        _legend(state, "0 to 100 %", ("memory", "available")),
        rows(
            ("Available", f"{size(free)} of {size(total)}"),
            ("Pending", _pending(manager.memory_pending_bytes, manager.containers_pending)),
            ("Nodes", f"{nodes}{draining}{lost}"),
        ),
        el("p", manager.manager, " ", old(manager.seen, state.at), class_="foot"),
    )


def _pending(asked: float | None, containers: int | None) -> str:
    if not containers:
        return size(asked)
    return f"{size(asked)}, {containers} containers"


def executors(state: State) -> Element:
    found = state.executors
    if found is None:
        return card("executors", "Executors", big("0", "report"), el("p", "No executor reports.", class_="muted"))
    chart = charts.histogram(
        found.heap,
        "Executors by heap in use, from empty to full, ten percent a bar: " + ", ".join(map(str, found.heap)),
    )
    return card(
        "executors",
        "Executors",
        big(number(found.reporting), "report"),
        chart,
        el("p", el("span", "heap 0 %"), el("span", "100 %"), class_="axis"),
        rows(
            ("Heap p50 / p90 / max", " / ".join(percent(v) for v in (found.heap_p50, found.heap_p90, found.heap_max))),
            ("Lost since the start", number(state.losses.executors_lost)),
            ("Dead of memory, counted as full", str(found.memory_deaths_held)) if found.memory_deaths_held else None,
        ),
        el("p", "the oldest report ", old(found.seen, state.at), class_="foot"),
    )


def work(state: State) -> Element:
    manager, left, hdfs = state.manager, state.remaining, state.hdfs
    many = None if manager is None else manager.applications_total
    ages: list[Content] = []
    if left is not None:
        ages += ["stages ", old(left.seen, state.at)]
    if hdfs is not None:
        ages += [", HDFS " if ages else "HDFS ", old(hdfs.seen, state.at)]
    return card(
        "work",
        "Work",
        big(number(many), "unfinished application" + ("" if many == 1 else "s")),
        rows(
            (
                "Left in active stages",
                UNKNOWN if left is None or left.total_s is None else f"{duration(left.total_s)} of one container",
            ),
            ("A task takes", UNKNOWN if left is None or left.mean_task_s is None else duration(left.mean_task_s)),
            (
                "HDFS transfers",
                UNKNOWN if hdfs is None else f"{hdfs.total_load} at {hdfs.live_data_nodes} DataNode(s)",
            ),
        ),
        el("p", ages, class_="foot") if ages else None,
    )


def idle(state: State) -> Element:
    found = state.idle
    if not found.enabled:
        probes: Content = el("p", "The watchdog is off: an idle cluster is not ended.", class_="muted")
    else:
        probes = el(
            "ul",
            [
                el(
                    "li",
                    el("b", "busy" if probe.busy else "idle", class_="busy" if probe.busy else "calm"),
                    " ",
                    el("span", f"{probe.probe}: {probe.detail}"),
                )
                for probe in found.probes
            ],
            class_="probes",
        )
    return card(
        "idle",
        "Idle, and the end",
        _verdict(state),
        None if found.idle_since is None else _countdown(state, found.idle_since),
        probes,
        rows(
            ("Ends after", f"{duration(found.after_s)} of idleness") if found.enabled else None,
            ("Hard deadline", "none" if found.deadline_at is None else until(found.deadline_at, state.at)),
            ("Notice given", ago(found.notified_at, state.at)) if found.notified_at is not None else None,
            ("End asked for", ago(found.terminate_sent_at, state.at)) if found.terminate_sent_at is not None else None,
            ("Termination protection", _protection(state)),
        ),
    )


def _verdict(state: State) -> Element:
    found = state.idle
    if found.ends_at is not None and found.idle:
        return big("Idle", el("span", "ends ", until(found.ends_at, state.at)))
    if found.ends_at is not None:
        return big(
            "Busy" if found.enabled else "Off", el("span", "the deadline ends it ", until(found.ends_at, state.at))
        )
    return big("Off" if not found.enabled else "Idle" if found.idle else "Busy", "no end in sight")


def _countdown(state: State, since: float) -> Element:
    passed = state.at - since
    return charts.meter(passed / state.idle.after_s, f"Idle for {duration(passed)} of {duration(state.idle.after_s)}")


def _protection(state: State) -> str:
    if state.cluster is None:
        return UNKNOWN
    return "on: the agent does not end the cluster" if state.cluster.termination_protected else "off"


def money(state: State) -> Element:
    found = state.money
    cap = state.limits.max_usd_per_hour
    missing = found.usd_per_hour is None and found.prices_at is None
    return card(
        "money",
        "Money, task capacity",
        big(usd(spent(found)), None if spent(found) is None else f"in {duration(found.known_s)}"),
        rows(
            ("Now", UNKNOWN if found.usd_per_hour is None else f"{usd(found.usd_per_hour)} an hour"),
            ("Cap", "none" if cap is None else f"{usd(cap)} an hour"),
            ("A unit, spot", _price(found.spot_unit_usd_per_hour)),
            ("A unit, on demand", _price(found.on_demand_unit_usd_per_hour)),
            ("Not known for", duration(found.unknown_s)) if found.unknown_s else None,
        ),
        el("p", "Prices are asked for with prices.watch, or under fleet.max_usd_per_hour.", class_="foot")
        if missing
        else None,
        el("p", "units there × the dearest type, EMR's fee included", class_="foot") if not missing else None,
    )


def _price(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f} USD an hour"


def _span(state: State) -> str:
    at = state.series.at
    return f"the last {duration(at[-1] - at[0])}" if len(at) > 1 else "from now on"


def _legend(state: State, scale: str, *lines: tuple[str, str]) -> Element:
    keys = [el("span", el("i", class_=name), text) for name, text in lines]
    return el("p", el("span", keys), el("span", f"{scale}, {_span(state)}"), class_="legend")
