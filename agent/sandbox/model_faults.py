"""A request or an answer held against botocore's own service model, as the sandbox words it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.model import Shape

from agent.aws import model_faults


def faults(shape: Shape | None, value: Any) -> Iterator[str]:
    """Such as `.Instances.InstanceFleets[0].Name: is not in the model`."""
    for fault in model_faults.faults(shape, value):
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.path)
        yield f"{where or 'answer'}: {fault.text}"
