"""The lock: what a node gets, the same for whoever builds."""

from __future__ import annotations

import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.release import lock, wheels
from agent.release.places import CHECKOUT, ReleaseError
from tests.release.conftest import WHEELS

LOCKED = CHECKOUT / "requirements" / "agent.txt"
HASH = "--hash=sha256:" + "0" * 64


def test_the_lock_names_the_versions_that_the_tests_run_with() -> None:
    tested = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (CHECKOUT / "requirements" / "dev.txt").read_text(), re.M))
    pins = lock.parse(LOCKED.read_text())
    assert {pin.name for pin in pins} >= {"boto3", "click", "psutil", "pydantic", "requests", "rich"}
    assert {pin.name: pin.version for pin in pins} == {pin.name: tested[pin.name] for pin in pins}


@pytest.mark.parametrize(
    "text",
    ["", "boto3\n", "boto3==1.0\n", f"boto3==1.0 ; sys_platform == 'win32' {HASH}\n", f"-r other.txt {HASH}\n"],
)
def test_what_is_no_pin_for_every_target_is_refused(text: str) -> None:
    with pytest.raises(ReleaseError, match="the lock"):
        lock.parse(text)


@pytest.mark.parametrize("architecture", wheels.ARCHITECTURES)
def test_on_a_node_nothing_is_missing_that_a_locked_package_asks_for(architecture: str) -> None:
    node = {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "python_version": "3.11",
        "python_full_version": "3.11.14",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": architecture,
        "os_name": "posix",
        "extra": "",
    }
    pins = {pin.name: pin.version for pin in lock.parse(LOCKED.read_text())}
    for wheel in wheels.fetch(LOCKED, architecture, WHEELS):
        for asked in requirements(wheel):
            if asked.marker is None or asked.marker.evaluate(node):
                assert asked.specifier.contains(pins[canonicalize_name(asked.name)]), f"{wheel.name} asks for {asked}"


def requirements(wheel: Path) -> list[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    return [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]


def test_a_damaged_cache_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_text(one_pin("mdurl"))
    (wheel,) = wheels.fetch(tmp_path / "small.txt", "aarch64", tmp_path / "cache")
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:-1])
    (again,) = wheels.fetch(tmp_path / "small.txt", "aarch64", tmp_path / "cache")
    assert (again, again.read_bytes()) == (wheel, whole)


def test_builds_at_the_same_time_share_a_cold_cache(tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_text(one_pin("mdurl"))
    with ThreadPoolExecutor(3) as pool:
        builds = [pool.submit(wheels.fetch, tmp_path / "small.txt", "x86_64", tmp_path / "cache") for _ in range(3)]
        assert len({tuple(build.result()) for build in builds}) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_wheel_with_other_bytes_than_the_lock_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_text(f"mdurl==0.1.2 {HASH}\n")
    with pytest.raises(ReleaseError, match="pip could not download the wheels for x86_64"):
        wheels.fetch(tmp_path / "small.txt", "x86_64", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def one_pin(name: str) -> str:
    blocks = re.findall(r"^[a-z].*?(?=^[a-z]|\Z)", LOCKED.read_text(), re.M | re.S)
    return str(next(block for block in blocks if block.startswith(f"{name}==")))
