"""Checks that need no network and no file but the settings: the installer's smoke test."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import agent
from agent.doctor.findings import Check, Finding, fail, ok, skip, warn
from agent.doctor.ground import Ground
from agent.settings import Settings

OLDEST = (3, 11)
MODULES = ("psutil", "requests", "rich", "agent.supervisor", "agent.process")
"""The last one imports all of the running agent."""
SPACE_LOW_BYTES, SPACE_LEAST_BYTES = 512 * 1024**2, 64 * 1024**2


def checks(ground: Ground) -> tuple[Check, ...]:
    found = [
        Check("interpreter", interpreter),
        Check("packages", packages),
        Check("aws models", models),
        Check("settings", lambda: settings(ground)),
    ]
    if ground.settings is not None:
        for name, folder in folders(ground.settings).items():
            found.append(Check(name, lambda folder=folder: writable(ground.at(folder))))  # type: ignore[misc]
    return tuple(found)


def interpreter(version: Sequence[int] = tuple(sys.version_info[:3])) -> Finding:
    seen = f"Python {'.'.join(map(str, version[:3]))} on {platform.machine()}, Tidemark {agent.__version__}"
    if tuple(version[:2]) < OLDEST:
        return fail(seen, "Tidemark needs Python 3.11 or newer: install with the bundled interpreter")
    return ok(seen)


def packages(modules: Sequence[str] = MODULES) -> Finding:
    """Whether they import: compiled parts for another machine, or a part that is missing, show here."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever an import may do
            return fail(f"{module}: {error}", "the bundle is incomplete or for another architecture: install it again")
    return ok(f"{len(modules)} import")


def models() -> Finding:
    """Whether botocore's data has what the agent calls: bundles carry only a part of it."""
    from agent.aws.clients import SERVICES, has_model

    missing = [service for service in SERVICES if not has_model(service)]
    if missing:
        return fail(f"botocore has no data of {', '.join(missing)}", "the bundle is incomplete: install it again")
    return ok(", ".join(SERVICES))


def settings(ground: Ground) -> Finding:
    if ground.error is None:
        return ok(f"{ground.path}: good")
    return fail(f"{ground.path}: " + "; ".join(map(str, ground.error.faults)), "correct the file; see `tidemark check`")


def folders(told: Settings) -> dict[str, Path]:
    """Folders that the agent writes to, by the name of their check."""
    found = {"state folder": told.journal.path.parent}
    if told.log.path is not None:
        found["log folder"] = told.log.path.parent
    if told.sinks.jsonl.path is not None:
        found["metrics folder"] = told.sinks.jsonl.path.parent
    return found


def writable(folder: Path) -> Finding:
    """Space and rights; nothing is written."""
    if not folder.exists():
        return warn(f"{folder} is not there", "the installer makes it; the agent's user must be able to write to it")
    free = shutil.disk_usage(folder).free
    seen = f"{folder}: {free / 1024**2:,.0f} MB free"
    if not os.access(folder, os.W_OK | os.X_OK):
        return warn(f"{seen}, not writable for this user", "run the doctor as the agent's user to be sure, or chown it")
    if free < SPACE_LEAST_BYTES:
        return fail(seen, "the disk is full: the agent goes on, its journal and log do not")
    if free < SPACE_LOW_BYTES:
        return warn(seen, "the disk is nearly full")
    return ok(seen)


def without(names: Sequence[str], why: str) -> tuple[Check, ...]:
    """Checks that cannot be done, and say so."""
    return tuple(Check(name, lambda: skip(why)) for name in names)
