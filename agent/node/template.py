"""The shipped `metrics.properties` with its places to fill in."""

from __future__ import annotations

from pathlib import Path

import agent

_PACKAGE = Path(agent.__file__).parent
_CANDIDATES = (
    _PACKAGE.parent / "spark_conf",  # a checkout
    _PACKAGE / "spark_conf",  # a wheel
    _PACKAGE.parent.parent / "share",  # a release on a node
)


def metrics_properties() -> str:
    """Raises OSError when this installation lacks it."""
    for folder in _CANDIDATES:
        if (file := folder / "metrics.properties").is_file():
            return file.read_text(encoding="utf-8")
    raise FileNotFoundError(f"no metrics.properties in any of {', '.join(map(str, _CANDIDATES))}")
