"""The function's archive as Lambda unpacks it: what is in it."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.release import archive, bundle, elf
from agent.release.archive import Entry
from tests.release.conftest import WHEELS


@pytest.fixture(scope="session", params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("functions")
    for each in ("x86_64", "aarch64"):
        archive.write(bundle.function_tree(each, WHEELS), folder / bundle.function_name(each))
    return {each: folder / bundle.function_name(each) for each in ("x86_64", "aarch64")}


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
        assert not info.filename.endswith((".pem.key", ".env", "credentials")), "no secret"
