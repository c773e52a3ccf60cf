"""Nodes, releases and a place on S3 for the installer's tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from agent.sandbox.emr.server import SandboxServer
from tests.bootstrap import aws_cli, info, node, releases
from tests.bootstrap.node import Kind, Node
from tests.bootstrap.releases import Published

RAN: set[Kind] = set()

MakeNode = Callable[[info.Files], Node]


@dataclass(frozen=True, slots=True)
class S3:
    """A bucket of the sandbox."""

    endpoint: str
    client: Any
    bucket: str

    def put(self, key: str, content: bytes) -> str:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    @property
    def env(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}
        return {"AWS_ENDPOINT_URL": self.endpoint, **keys}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for kind in sorted(RAN):
        terminalreporter.write_line(f"install.sh ran in {kind.value}")


@pytest.fixture(scope="session")
def aws_environment() -> Path:
    return aws_cli.installed()


@pytest.fixture
def make_node(tmp_path: Path, aws_environment: Path) -> MakeNode:
    """A fresh node each time, in what this machine permits."""

    def make(files: info.Files) -> Node:
        number = len(list(tmp_path.glob("node*")))
        kind = node.permitted()
        RAN.add(kind)
        made = Node(tmp_path / f"node{number}", kind, aws_environment)
        made.know(files)
        return made

    return make


@pytest.fixture
def primary(make_node: MakeNode) -> Node:
    return make_node(info.of_group("master"))


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The release of this checkout, in a folder."""
    return releases.build(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="session")
def newer(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return releases.as_version(published, "9.1.0", tmp_path_factory.mktemp("newer"))


@pytest.fixture
def local(make_node: MakeNode) -> Callable[[Node, Published], Published]:
    """Puts a release on the node's own disk: nothing is fetched then."""

    def place(on: Node, release: Published) -> Published:
        folder = on.root / "tmp" / release.version
        folder.mkdir(parents=True, exist_ok=True)
        for each in release.archives:
            (folder / each.path.name).write_bytes(each.path.read_bytes())
        return release.at(on.inside(folder))

    return place


@pytest.fixture(scope="module")
def s3(published: Published) -> Iterator[S3]:
    """The sandbox's S3, with the release published in it."""
    with SandboxServer(tick_s=None) as sandbox:
        keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
        client = boto3.client("s3", endpoint_url=sandbox.endpoint, region_name=info.REGION, **keys)
        # moto's buckets are the process's, and outlive this server
        name = f"tidemark-releases-{uuid.uuid4().hex[:8]}"
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": info.REGION})
        bucket = S3(sandbox.endpoint, client, name)
        publish(bucket, published)
        yield bucket


def publish(bucket: S3, release: Published) -> Published:
    """The release as it is fetched from there."""
    for each in release.archives:
        bucket.put(f"{release.version}/{each.path.name}", each.path.read_bytes())
    return release.at(f"s3://{bucket.bucket}/{release.version}")
