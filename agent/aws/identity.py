"""Which cluster and Region this node belongs to, as EMR's own files on it say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CANDIDATES = (
    Path("/mnt/var/lib/info/job-flow.json"),
    Path("/emr/instance-controller/lib/info/job-flow.json"),
    Path("/mnt/var/lib/info/extraInstanceData.json"),
    Path("/emr/instance-controller/lib/info/extraInstanceData.json"),
    Path("/mnt/var/lib/instance-controller/extraInstanceData.json"),
    Path("/var/aws/emr/userData.json"),
)
"""Where EMR leaves the cluster id, in the order in which AWS's own helper on the node looks for it. They are there
from the bootstrap actions on. `job-flow.json` has no Region; `extraInstanceData.json` has both."""

ID_KEYS = ("jobFlowId", "clusterId")
REGION_KEY = "region"


@dataclass(frozen=True, slots=True)
class Identity:
    """None for what no file tells, as on a machine that is no node of EMR."""

    cluster_id: str | None
    region: str | None


def identify(candidates: Sequence[Path] = CANDIDATES) -> Identity:
    """The first cluster id and the first Region that a candidate tells. Files that are missing, unreadable or
    broken are passed over."""
    documents = [document for path in candidates if (document := _document(path)) is not None]
    return Identity(
        cluster_id=_first(document.get(key) for document in documents for key in ID_KEYS),
        region=_first(document.get(REGION_KEY) for document in documents),
    )


def _document(path: Path) -> Mapping[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _first(values: Iterable[object]) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)
