"""Which cluster and Region this node belongs to, and what it is there, as EMR's own files on it say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.aws.imds import Imds

CANDIDATES = (
    Path("/mnt/var/lib/info/job-flow.json"),
    Path("/emr/instance-controller/lib/info/job-flow.json"),
    Path("/mnt/var/lib/info/extraInstanceData.json"),
    Path("/emr/instance-controller/lib/info/extraInstanceData.json"),
    Path("/mnt/var/lib/instance-controller/extraInstanceData.json"),
    Path("/var/aws/emr/userData.json"),
    Path("/mnt/var/lib/info/instance.json"),
    Path("/emr/instance-controller/lib/info/instance.json"),
)
"""Where EMR leaves the cluster id, in the order in which AWS's own helper on the node looks for it, and then what this
node is. They are there from the bootstrap actions on. `job-flow.json` has no Region; `extraInstanceData.json` has
both. The host of the primary in them reads `localhost` on the primary: it is no address to give to anybody."""

ID_KEYS = ("jobFlowId", "clusterId")
REGION_KEY = "region"
PRIMARY_ROLES = frozenset({"master", "primary"})

_LABEL = re.compile(r"emr-(?:(?P<line>[a-z][a-z0-9-]*)-)?(?P<numbers>\d+(?:[.]\d+)*)(?P<rest>.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Identity:
    """None for what no file tells, as on a machine that is no node of EMR."""

    cluster_id: str | None
    region: str | None
    release_label: str | None = None
    """As EMR writes it: `emr-7.14.0`, `emr-spark-8.1.0`."""
    is_primary: bool | None = None
    """With three primaries each of them is one."""
    high_availability: bool | None = None
    """Whether the cluster was launched with three primaries."""
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    line: str
    """Empty for `emr-7.14.0`, `spark` for `emr-spark-8.1.0`."""
    version: tuple[int, ...]


def under(root: Path) -> tuple[Path, ...]:
    """The candidates in a file system that begins at `root`."""
    return tuple(root / path.relative_to("/") for path in CANDIDATES)


def identify(candidates: Sequence[Path] = CANDIDATES) -> Identity:
    """The first word on each that a candidate says. Files that are missing, unreadable or broken are passed over."""
    documents = [document for path in candidates if (document := _document(path)) is not None]
    return Identity(
        cluster_id=_first(document.get(key) for document in documents for key in ID_KEYS),
        region=_first(document.get(REGION_KEY) for document in documents),
        release_label=_first(document.get("releaseLabel") for document in documents),
        is_primary=_is_primary(documents),
        high_availability=_flag(document.get("haEnabled") for document in documents),
        account_id=_first(document.get("accountId") for document in documents),
    )


def identify_node(imds: Imds, candidates: Sequence[Path] = CANDIDATES) -> Identity:
    """The same; on a node of EMR whose files do not tell the Region, EC2's metadata is asked for it."""
    found = identify(candidates)
    return found if found.cluster_id is None or found.region else replace(found, region=imds.region())


def release(label: str | None) -> Release | None:
    """The release that a label names; None for a label of another form, which nobody may take for an old release."""
    found = _LABEL.fullmatch((label or "").strip())
    if found is None:
        return None
    return Release((found["line"] or "").lower(), tuple(int(number) for number in found["numbers"].split(".")))


def _is_primary(documents: Sequence[Mapping[str, Any]]) -> bool | None:
    """`isMaster` of `instance.json`; else the role, which clusters of groups write small and of fleets large."""
    told = _flag(document.get("isMaster") for document in documents)
    role = _first(document.get("instanceRole") for document in documents)
    return role.lower() in PRIMARY_ROLES if told is None and role is not None else told


def _document(path: Path) -> Mapping[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _first(values: Iterable[object]) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


def _flag(values: Iterable[object]) -> bool | None:
    words = {True: True, False: False, "true": True, "false": False}
    asked = (value.lower() if isinstance(value, str) else value for value in values)
    return next((words[value] for value in asked if isinstance(value, bool | str) and value in words), None)
