"""EMR's files about a node, in the shapes that real nodes have had them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CLUSTER_ID = "j-2AXXXXXXGAPLF"
REGION = "eu-west-1"
INFO = "mnt/var/lib/info"
OTHER_INFO = "emr/instance-controller/lib/info"

Files = dict[str, str]
"""Path below the node's root, and text."""


def of_group(role: str, folder: str = INFO, *, candidates: int = 1) -> Files:
    """A node of an instance group: `master`, `core` or `task`."""
    return _files(role, role == "master", f"ig-{role.upper()}", folder, candidates)


def of_fleet(role: str, folder: str = INFO) -> Files:
    """A node of an instance fleet, whose role is in capitals."""
    return _files(role.upper(), role == "master", f"if-{role.upper()}", folder, 1)


def role_alone(role: str) -> Files:
    """Without `instance.json`: the role is all that tells."""
    files = of_fleet(role)
    del files[f"{INFO}/instance.json"]
    return files


def _files(role: str, primary: bool, collection: str, folder: str, candidates: int) -> Files:
    extra: dict[str, Any] = {
        "jobFlowId": CLUSTER_ID,
        "jobFlowCreationInstant": 1763700000000,
        "instanceCount": 3,
        "masterHost": "localhost" if primary else "ip-10-0-0-10.eu-west-1.compute.internal",
        "instanceGroups": {"MASTER": [{"instanceType": "m5.xlarge", "instanceCount": candidates}]},
        "instanceGroupId": collection,
        "instanceRole": role,
        "region": REGION,
        "releaseLabel": "emr-7.14.0",
        "numCandidates": candidates,
        "haEnabled": candidates > 1,
    }
    flow = {"jobFlowId": CLUSTER_ID, "masterPrivateDnsName": "localhost", "instanceGroups": []}
    instance = {"instanceGroupId": collection, "isMaster": primary}
    return {
        f"{folder}/instance.json": json.dumps(instance, indent=1),
        f"{folder}/extraInstanceData.json": json.dumps(extra),
        f"{folder}/job-flow.json": json.dumps(flow),
    }


def write(root: Path, files: Files) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
