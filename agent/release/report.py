"""What was built, as a table for people and as data for programs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.table import Table

from agent.release.bundle import AIM_BYTES, Built
from agent.release.publish import Release
from agent.release.snippets import Deploy, Launch

NODE_GLIBC = (("Amazon Linux 2", 26), ("Amazon Linux 2023", 34))


def table(built: Iterable[Built]) -> Table:
    found = Table("archive", "MB", "unpacked", "files", "needs")
    found.columns[0].no_wrap = True
    for each in built:
        size = _megabytes(each.written.bytes) + (" (over the aim)" if _over_aim(each) else "")
        found.add_row(
            *(each.written.path.name, size, _megabytes(each.written.unpacked_bytes)),
            *(str(each.written.entries), f"glibc 2.{each.glibc_minor}"),
        )
    return found


def warnings(built: Iterable[Built]) -> list[str]:
    """What will not stop a node from starting and still leave it without the agent."""
    found = []
    for each in built:
        too_old = [name for name, minor in NODE_GLIBC if minor < each.glibc_minor]
        if each.kind == "python" and too_old:
            found.append(
                f"{each.written.path.name} needs glibc 2.{each.glibc_minor} and will not start on "
                f"{' or '.join(too_old)}: take one that was built for older systems, "
                "such as python-build-standalone's"
            )
        if _over_aim(each):
            found.append(f"{each.written.path.name} is larger than {AIM_BYTES // 1_000_000} MB")
    return found


def as_data(built: Iterable[Built]) -> list[dict[str, Any]]:
    return [
        {
            "kind": each.kind,
            "architecture": each.architecture,
            "version": each.version,
            "path": str(Path(each.written.path).resolve()),
            "sha256": each.written.sha256,
            "bytes": each.written.bytes,
            "unpacked_bytes": each.written.unpacked_bytes,
            "needs_glibc": f"2.{each.glibc_minor}",
        }
        for each in built
    ]


def paste(launch: Launch, deploy: Deploy, release: Release) -> str:
    """What somebody who launches clusters copies, for each way of launching one."""
    return f"""
Put your settings at {launch.config}; without them the agent only observes. To begin with the example:
  aws s3 cp {release.base.uri}/share/config.example.toml {launch.config}

The EC2 role of the cluster needs the statements of {release.base.uri}/iam-policy.json. Then add one of these.

aws emr create-cluster ...
{launch.cli()}

boto3, run_job_flow(...
{launch.boto3()}

CloudFormation, AWS::EMR::Cluster, Properties
{launch.cloudformation()}

Terraform, aws_emr_cluster
{launch.terraform()}

The value of the tag says how much the agent may do: observe, resize or terminate.
Whole samples: {release.base.uri}/cloudformation/ and {release.base.uri}/terraform/.

For a table, a queue and a function that launch clusters, know their state, and end them:
{deploy.cli()}
"""


def published_as_data(launch: Launch, deploy: Deploy, release: Release) -> dict[str, Any]:
    return {
        "version": release.version,
        "base": release.base.uri,
        "region": release.region,
        "install": launch.install,
        "config": launch.config,
        "objects": [
            {"name": each.name, "sha256": each.sha256, "bytes": each.bytes, "uploaded": each.uploaded}
            for each in release.objects
        ],
        "bootstrap_actions": [launch.bootstrap_action],
        "configurations": list(launch.classifications),
        "tags": [launch.tag],
        "cli": launch.cli(),
        "cloudformation": launch.cloudformation(),
        "terraform": launch.terraform(),
        "deploy": {"template": deploy.template, "parameters": deploy.parameters, "cli": deploy.cli()},
    }


def published_line(release: Release) -> str:
    new = sum(each.uploaded for each in release.objects)
    size = sum(each.bytes for each in release.objects if each.uploaded)
    already = f", {len(release.objects) - new} already there" if new < len(release.objects) else ""
    return f"{release.base.uri} ({release.region}): {new} uploaded ({_megabytes(size)} MB){already}"


def _over_aim(each: Built) -> bool:
    return each.kind == "bundle" and each.written.bytes > AIM_BYTES


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f}"
