"""Where the parts of a release are: beside the package in a checkout, within it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import agent

PACKAGE = Path(agent.__file__).parent
CHECKOUT = PACKAGE.parent
WITHIN = PACKAGE / "release" / "files"

NOT_ON_NODES = ("release", "sandbox", "simulate", "spark_conf")
"""Parts of the package that a cluster's node has no use for; `spark_conf` goes elsewhere in the bundle."""


class ReleaseError(Exception):
    """A bundle cannot be built or published. The text says what was wrong and what to do."""


def part(name: str) -> Path:
    """Such as `bootstrap` or `requirements/agent.txt`. Raises ReleaseError when this installation lacks it."""
    candidates = [CHECKOUT / name] if in_checkout() else [WITHIN / name, PACKAGE / name]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise ReleaseError(f"{name} is not part of this installation: a release is built from a checkout or a wheel")


def in_checkout() -> bool:
    return (CHECKOUT / "pyproject.toml").exists()


def wheel_cache() -> Path:
    """Where downloaded wheels are kept: `.cache/wheels` of a checkout, else of the user's home."""
    return CHECKOUT / ".cache" / "wheels" if in_checkout() else Path.home() / ".cache" / "tidemark" / "wheels"
