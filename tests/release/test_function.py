"""The function's archive as Lambda unpacks it: what is in it, and that it runs from there and nowhere else."""

from __future__ import annotations

import ast
import os
import platform
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.aws.clients import Clients
from agent.release import archive, bundle, elf, selection, wheels
from agent.release.archive import Entry
from agent.release.places import CHECKOUT
from tests.release.conftest import WHEELS
from tests.release.test_lifecycle_rights import closure, source

pytestmark = pytest.mark.story


@pytest.fixture(scope="session", params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("functions")
    for each in ("x86_64", "aarch64"):
        archive.write(bundle.function_tree(each, WHEELS), folder / bundle.function_name(each))
    return {each: folder / bundle.function_name(each) for each in ("x86_64", "aarch64")}


@pytest.fixture(scope="session")
def task(archives: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the archive for this machine's processor unpacks to."""
    if platform.machine() not in archives:
        pytest.skip(f"the function cannot run on this machine, which is a {platform.machine()}")
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(archives[platform.machine()]) as packed:
        packed.extractall(folder)
    return folder


def files(path: Path) -> Iterator[tuple[zipfile.ZipInfo, bytes]]:
    with zipfile.ZipFile(path) as packed:
        for info in packed.infolist():
            yield info, packed.read(info)


def test_the_same_tree_gives_the_same_bytes() -> None:
    tree = {"b/one": Entry(b"1"), "a": Entry(b"#!", executable=True), "b/other": Entry(b"2" * 10_000)}
    assert archive.zip_of(tree) == archive.zip_of(dict(reversed(tree.items())))
    assert archive.zip_of(tree) != archive.zip_of({**tree, "a": Entry(b"#!")})
    with pytest.raises(ValueError, match="x is a link"):
        archive.zip_of({"x": Entry(link="a")})


def test_every_binary_is_for_the_processor_and_an_amazon_linux_2(archives: dict[str, Path], machine: str) -> None:
    binaries = [data for _, data in files(archives[machine]) if elf.architecture(data)]
    assert {elf.architecture(data) for data in binaries} == {machine}
    assert max(map(elf.glibc_minor, binaries)) <= 26


def test_everybody_may_read_it_and_no_time_is_in_it(archives: dict[str, Path], machine: str) -> None:
    for info, _ in files(archives[machine]):
        mode = info.external_attr >> 16
        assert stat.S_ISREG(mode)
        assert mode & 0o444 == 0o444
        assert info.date_time == (1980, 1, 1, 0, 0, 0)


def test_it_is_within_lambdas_limits(archives: dict[str, Path], machine: str) -> None:
    """AWS Lambda quotas: 250 MB unpacked; 50 MB where it is not uploaded by way of S3."""
    assert archives[machine].stat().st_size < 50_000_000
    assert sum(info.file_size for info, _ in files(archives[machine])) < 250_000_000


def test_nothing_is_in_it_that_the_function_does_not_need(archives: dict[str, Path], machine: str) -> None:
    for info, _ in files(archives[machine]):
        parts = info.filename.split("/")
        assert not info.filename.endswith((".pyc", ".pyi", "/RECORD"))
        assert parts[0] != "agent" or parts[1] not in {"sandbox", "simulate", "release"}


def test_of_ours_it_has_code_and_nothing_that_lies_about(archives: dict[str, Path], machine: str) -> None:
    """Beside the locked wheels: no file of settings, no keys, nothing of the checkout's other folders."""
    names = [info.filename for info, _ in files(archives[machine])]
    locked = selection.of_wheels(
        wheels.fetch(CHECKOUT / "requirements" / "agent.txt", machine, WHEELS), selection.SERVICES_OF_FUNCTION
    )
    ours = [name for name in names if name not in locked]
    assert {name.split("/")[0] for name in ours} == {"agent", "LICENSE"}
    assert {name.rpartition(".")[2] for name in ours} <= {"py", "typed", "js", "css", "LICENSE"}


def test_it_knows_the_services_whose_clients_it_asks_for(archives: dict[str, Path], machine: str) -> None:
    names = [info.filename.split("/") for info, _ in files(archives[machine])]
    described = {parts[2] for parts in names if parts[:2] == ["botocore", "data"] and len(parts) > 3}
    assert described == selection.SERVICES_OF_FUNCTION
    clients = {name for name in vars(Clients) if not name.startswith("_")} - {"region"}
    asked = {
        node.attr.removesuffix("_once")
        for module in closure()
        if module.startswith("agent.lifecycle")
        for node in ast.walk(ast.parse(source(module)))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "clients"
    }
    assert asked & clients == described


RUN = """
import sys
sys.path.insert(0, sys.argv[1])
import boto3, json, pydantic
from agent.aws.clients import Clients
from agent.lifecycle import handler
from agent.settings import AwsSettings
print(all(module.__file__.startswith(sys.argv[1]) for module in (handler, boto3, pydantic)))
print(handler.handle({"Records": []}, None))
nothing = {"source": "aws.emr", "detail-type": "EMR Configuration Error", "detail": {}}
print(handler.handle({"Records": [{"messageId": "m-1", "body": json.dumps(nothing), "attributes": {}}]}, None))
print(handler.handle({"Records": [{"messageId": "m-2", "body": "{", "attributes": {}}]}, None))
clients = Clients(AwsSettings())
print([getattr(clients, name).meta.region_name for name in sys.argv[2:]])
"""


def test_it_runs_in_a_plain_python_with_nothing_else(task: Path, python311: Path) -> None:
    """With an empty batch, a message that is none of its business, and one that nobody can read."""
    env = {"PATH": os.defpath, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    env |= {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_LAMBDA_FUNCTION_NAME": "tidemark"}
    env |= {"TIDEMARK_TABLE": "clusters", "TIDEMARK_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/queue"}
    services = sorted(selection.SERVICES_OF_FUNCTION)
    command: list[str | Path] = [python311, "-I", "-S", "-c", RUN, str(task), *services]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if not line.startswith('{"_aws"')]
    assert said == [
        "True",
        "{'batchItemFailures': []}",
        "{'batchItemFailures': []}",
        "{'batchItemFailures': [{'itemIdentifier': 'm-2'}]}",
        str(["eu-west-1"] * len(services)),
    ]
    assert "no-json" in done.stderr
