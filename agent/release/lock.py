"""The locked run-time dependencies, as `make lock` writes them: `name==version` and the hashes of its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.release.places import ReleaseError

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    name: str
    version: str
    hashes: frozenset[str]


def parse(text: str) -> tuple[Locked, ...]:
    """The pins of a lock. Raises ReleaseError for anything that is not one pin for every target.

    An environment marker is refused: whoever builds would evaluate it for the building machine.
    """
    pins = []
    for block in text.replace("\\\n", " ").splitlines():
        line = block.split("#", 1)[0].strip()
        if not line:
            continue
        pin, hashes = _PIN.match(line), frozenset(_HASH.findall(line))
        if pin is None or not hashes or ";" in line:
            raise ReleaseError(f"the lock has a line that is no pin with hashes and without a marker: {line[:80]}")
        pins.append(Locked(_normal(pin[1]), pin[2], hashes))
    if not pins:
        raise ReleaseError("the lock names no dependency")
    return tuple(pins)


def faults(pins: Iterable[Locked], wheels: Iterable[Path]) -> list[str]:
    """Why these wheels are not exactly what the lock names, each reason a sentence; empty when they are."""
    left = {pin.name: pin for pin in pins}
    found = []
    for wheel in wheels:
        pin = left.pop(_normal(wheel.name.split("-")[0]), None)
        if pin is None:
            found.append(f"{wheel.name} is not locked")
        elif hashlib.sha256(wheel.read_bytes()).hexdigest() not in pin.hashes:
            found.append(f"{wheel.name} has other bytes than the lock says")
    return found + [f"{name} is missing" for name in left]


def _normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()
