"""The journal: one JSON line a turn, enough to decide it again; and its reader.

Times are kept exactly and signals with six significant digits, which is how they were decided on. A signal is
written as `[at, average, minimum, maximum, sum, p50, p90, p99]`, or as `[at, value]` where all are the same; a node
of the cluster manager as an array in the order of its fields: a line is written every few seconds for as long as the
cluster lives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.domain.decisions import Decision, GroupTarget, Hold, Outcome, Reason, Resize, Result, Terminate
from agent.domain.fleets import Cluster, Fleet
from agent.domain.observation import Evidence, History, Interruption, Observation, Pause
from agent.domain.orders import Orders
from agent.domain.prices import UnitPrices
from agent.domain.readings import ClusterNode, ClusterReading, HdfsReading
from agent.domain.requests import Answer, Request
from agent.domain.rights import MissingRight
from agent.domain.signals import Signal, Statistic
from agent.domain.stages import RemainingWork
from agent.domain.turns import Started, Turn

SCHEMA = 1
"""Version of the lines. The reader skips others; unknown keys of the same version are ignored."""

_STATISTICS = tuple(Statistic)
_NODE_FIELDS = tuple(field.name for field in fields(ClusterNode))
_FLEET = TypeAdapter(Fleet | None)
_CLUSTER = TypeAdapter(Cluster | None)
_READING = TypeAdapter(ClusterReading | None)
_EVIDENCE = TypeAdapter(tuple[Evidence, ...])
_HISTORY = TypeAdapter(History)
_REMAINING = TypeAdapter(RemainingWork | None)
_PRICES = TypeAdapter(UnitPrices | None)
_PAUSE = TypeAdapter(Pause | None)
_INTERRUPTION = TypeAdapter(Interruption | None)
_MISSING = TypeAdapter(tuple[MissingRight, ...])
_REQUESTS = TypeAdapter(tuple[Request, ...])
_ORDERS = TypeAdapter(Orders | None)
_HDFS = TypeAdapter(HdfsReading | None)
_ANSWERS = TypeAdapter(tuple[Answer, ...])
_STARTED = TypeAdapter(Started)


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be read: torn by a full disk or a crash, of another schema, or none of ours."""

    number: int
    """From 1."""
    why: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Other settings were taken up: what was counted with the old ones may have been forgotten."""

    number: int


Line = Started | Changed | Turn | Bad


class Journal:
    """Appends to a file and rotates it once, to `<path>.1`. Every error of the disk is the caller's to count."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes

    def started(self, started: Started) -> None:
        self._append({"v": SCHEMA, "kind": "started", **asdict(started)})

    def changed(self, started: Started) -> None:
        self._append({"v": SCHEMA, "kind": "settings", **asdict(started)})

    def turn(self, turn: Turn) -> None:
        self._append(turn_to_json(turn))

    def _append(self, line: Mapping[str, Any]) -> None:
        """Write one whole line. Raises OSError."""
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab+") as file:
            size = file.tell()
            if size > 0 and _torn(file, size):
                data = b"\n" + data
            if size == 0 or size + len(data) <= self._max_bytes:
                file.write(data)
                return
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._path.write_bytes(data)


def read(lines: Iterable[str]) -> Iterator[Line]:
    """Every line of a journal, in order. Empty lines are left out; no line raises."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _line(number, line)


def turn_to_json(turn: Turn) -> dict[str, Any]:
    return {
        "v": SCHEMA,
        "kind": "turn",
        "observation": observation_to_json(turn.observation),
        "proposals": [[name, decision_to_json(said)] for name, said in turn.proposals],
        "wanted": decision_to_json(turn.wanted),
        "decision": decision_to_json(turn.decision),
        "notice": None if turn.notice is None else [turn.notice.code, turn.notice.text],
        "unconfirmed": None if turn.unconfirmed is None else decision_to_json(turn.unconfirmed),
        "outcome": turn.result.outcome,
        "detail": turn.result.detail,
        "advice": [[reason.code, reason.text] for reason in turn.advice],
        "shadows": [[name, decision_to_json(said)] for name, said in turn.shadows],
        "withheld": None if turn.withheld is None else [turn.withheld.code, turn.withheld.text],
        "requests": _ANSWERS.dump_python(turn.requests, mode="json"),
    }


def turn_from_json(line: Mapping[str, Any]) -> Turn:
    """Raises LookupError, TypeError or ValueError for what is no turn."""
    notice, unconfirmed, withheld = line["notice"], line["unconfirmed"], line.get("withheld")
    return Turn(
        observation=observation_from_json(line["observation"]),
        proposals=tuple((str(name), decision_from_json(said)) for name, said in line["proposals"]),
        wanted=decision_from_json(line["wanted"]),
        decision=decision_from_json(line["decision"]),
        notice=None if notice is None else Reason(str(notice[0]), str(notice[1])),
        unconfirmed=None if unconfirmed is None else decision_from_json(unconfirmed),
        result=Result(Outcome(line["outcome"]), str(line["detail"])),
        advice=tuple(Reason(str(code), str(text)) for code, text in line.get("advice", ())),
        shadows=tuple((str(name), decision_from_json(said)) for name, said in line.get("shadows", ())),
        withheld=None if withheld is None else Reason(str(withheld[0]), str(withheld[1])),
        requests=_ANSWERS.validate_python(line.get("requests", ())),
    )


def observation_to_json(seen: Observation) -> dict[str, Any]:
    return {
        "at": seen.at,
        "signals": {name: _signal_to_json(signal) for name, signal in seen.signals.items()},
        "evidence": _EVIDENCE.dump_python(seen.evidence, mode="json"),
        "fleet": _FLEET.dump_python(seen.fleet, mode="json"),
        "cluster": _CLUSTER.dump_python(seen.cluster, mode="json"),
        "reading": _reading_to_json(seen.reading),
        "history": _HISTORY.dump_python(seen.history, mode="json"),
        "prices": _PRICES.dump_python(seen.prices, mode="json"),
        "shuffle": dict(seen.shuffle),
        "paused": _PAUSE.dump_python(seen.paused, mode="json"),
        "missing": _MISSING.dump_python(seen.missing, mode="json"),
        "interruption": _INTERRUPTION.dump_python(seen.interruption, mode="json"),
        "remaining": _REMAINING.dump_python(seen.remaining, mode="json"),
        "requests": _REQUESTS.dump_python(seen.requests, mode="json"),
        "orders": _ORDERS.dump_python(seen.orders, mode="json"),
        "hdfs": _HDFS.dump_python(seen.hdfs, mode="json"),
    }


def observation_from_json(found: Mapping[str, Any]) -> Observation:
    """The same observation, signals to six significant digits. Raises LookupError, TypeError or ValueError."""
    return Observation(
        at=float(found["at"]),
        signals={name: _signal_from_json(signal) for name, signal in found["signals"].items()},
        evidence=_EVIDENCE.validate_python(found["evidence"]),
        fleet=_FLEET.validate_python(found["fleet"]),
        cluster=_CLUSTER.validate_python(found["cluster"]),
        reading=_reading_from_json(found["reading"]),
        history=_HISTORY.validate_python(found["history"]),
        prices=_PRICES.validate_python(found.get("prices")),
        shuffle={str(host): float(held) for host, held in found.get("shuffle", {}).items()},
        paused=_PAUSE.validate_python(found.get("paused")),
        missing=_MISSING.validate_python(found.get("missing", ())),
        interruption=_INTERRUPTION.validate_python(found.get("interruption")),
        remaining=_REMAINING.validate_python(found.get("remaining")),
        requests=_REQUESTS.validate_python(found.get("requests", ())),
        orders=_ORDERS.validate_python(found.get("orders")),
        hdfs=_HDFS.validate_python(found.get("hdfs")),
    )


def decision_to_json(decision: Decision) -> dict[str, Any]:
    because = [[reason.code, reason.text] for reason in decision.because]
    match decision:
        case Hold():
            return {"says": "hold", "because": because}
        case Terminate():
            return {"says": "terminate", "because": because}
        case Resize(current, target, _, rule, on_demand, groups, request):
            told = {"says": "resize", "current": current, "target": target, "rule": rule, "because": because}
            if on_demand is not None:
                told["on_demand"] = on_demand
            if groups:
                told["groups"] = [[group.id, group.target, list(group.leaving)] for group in groups]
            if request is not None:
                told["request"] = request
            return told


def decision_from_json(found: Mapping[str, Any]) -> Decision:
    """Raises LookupError, TypeError or ValueError for what is no decision."""
    because = tuple(Reason(str(code), str(text)) for code, text in found["because"])
    match found["says"]:
        case "hold":
            return Hold(because)
        case "terminate":
            return Terminate(because)
        case "resize":
            rule, on_demand = found["rule"], found.get("on_demand")
            return Resize(
                int(found["current"]),
                int(found["target"]),
                because,
                rule=None if rule is None else str(rule),
                on_demand=None if on_demand is None else int(on_demand),
                groups=tuple(
                    GroupTarget(str(id), int(target), tuple(map(str, leaving)))
                    for id, target, leaving in found.get("groups", ())
                ),
                request=None if (request := found.get("request")) is None else str(request),
            )
        case other:
            raise ValueError(f"{other!r} is no decision")


def _line(number: int, text: str) -> Line:
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            return Bad(number, "is no JSON object")
        if found.get("v") != SCHEMA:
            return Bad(number, f"has schema {found.get('v')!r}, not {SCHEMA}")
        match found.get("kind"):
            case "started":
                return _STARTED.validate_python(found)
            case "settings":
                return Changed(number)
            case "turn":
                return turn_from_json(found)
            case other:
                return Bad(number, f"is of kind {other!r}")
    except ValidationError as error:
        return Bad(number, f"is not as it should be: {error.errors()[0]['msg']}")
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        return Bad(number, f"cannot be read: {type(error).__name__}: {error}")


def _signal_to_json(signal: Signal) -> list[float]:
    rounded = signal.rounded()
    values = [rounded.values[statistic] for statistic in _STATISTICS]
    return [rounded.at, values[0]] if len(set(values)) == 1 else [rounded.at, *values]


def _signal_from_json(found: list[float]) -> Signal:
    at, *values = map(float, found)
    if len(values) == 1:
        values *= len(_STATISTICS)
    return Signal(at, dict(zip(_STATISTICS, values, strict=True)))


def _reading_to_json(reading: ClusterReading | None) -> Any:
    found = _READING.dump_python(reading, mode="json")
    if reading is not None and reading.nodes is not None:
        found["nodes"] = [astuple(node) for node in reading.nodes]
    return found


def _reading_from_json(found: Any) -> ClusterReading | None:
    if found is None or found["nodes"] is None:
        return _READING.validate_python(found)
    # a line of an older agent has fewer fields; what a later one may have added is none of ours
    nodes = [dict(zip(_NODE_FIELDS, node, strict=False)) for node in found["nodes"]]
    return _READING.validate_python({**found, "nodes": nodes})


def _torn(file: Any, size: int) -> bool:
    """Whether the file ends in the middle of a line."""
    file.seek(size - 1)
    return bool(file.read(1) != b"\n")
