"""The bundle as a node gets it: what is in it, and that it runs from where install.sh leaves it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import botocore.session
import pytest

import agent
from agent.release import bundle, elf, lock, selection
from agent.release.archive import Entry
from agent.release.bundle import Built
from agent.release.places import CHECKOUT
from tests.release.conftest import WHEELS
from tests.release.test_elf import header

pytestmark = pytest.mark.story

LEAST = "[fleet]\nmax_capacity_units = 3\n"


@pytest.fixture(scope="session")
def files(bundles: dict[str, Built]) -> dict[str, dict[str, bytes]]:
    return {architecture: unpacked(built.written.path) for architecture, built in bundles.items()}


def unpacked(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        streams = {member.name: tar.extractfile(member) for member in tar if member.isreg()}
        return {name: stream.read() for name, stream in streams.items() if stream is not None}


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_every_binary_is_for_the_nodes_processor_and_glibc(
    files: dict[str, dict[str, bytes]], architecture: str
) -> None:
    machines = {name: found for name, data in files[architecture].items() if (found := elf.architecture(data))}
    assert {"psutil", "pydantic_core", "charset_normalizer"} <= {name.split("/")[1] for name in machines}
    assert set(machines.values()) == {architecture}
    assert max(elf.glibc_minor(files[architecture][name]) for name in machines) <= 26


def test_a_binary_that_would_not_run_on_a_node_is_named() -> None:
    entries = {
        "lib/good.so": Entry(header(62) + b"\0GLIBC_2.17\0"),
        "lib/other.so": Entry(header(183)),
        "lib/new.so": Entry(header(62) + b"\0GLIBC_2.34\0"),
        "lib/text.py": Entry(b"\0GLIBC_2.34\0"),
    }
    assert bundle.misfits(entries, "x86_64") == [
        "lib/new.so needs glibc 2.34, Amazon Linux 2 has 2.26",
        "lib/other.so is for aarch64",
    ]


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_it_is_small_and_has_the_parts_that_install_expects(
    bundles: dict[str, Built], files: dict[str, dict[str, bytes]], architecture: str
) -> None:
    built, found = bundles[architecture], files[architecture]
    assert built.written.path.name == f"tidemark-{agent.__version__}-{architecture}.tar.gz"
    assert built.written.bytes < bundle.AIM_BYTES
    assert {name.split("/")[0] for name in found} == {"lib", "bin", "units", "share", "VERSION", "ARCH", "LICENSE"}
    assert found["VERSION"].decode() == f"{agent.__version__}\n"
    assert found["ARCH"].decode() == f"{architecture}\n"
    for beside, inside in (("bootstrap/units", "units"), ("bootstrap/share", "share"), ("spark_conf", "share")):
        for path in (CHECKOUT / beside).rglob("*"):
            if path.is_file() and path.name != "README.md":
                assert f"{inside}/{path.relative_to(CHECKOUT / beside)}" in found


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_nothing_is_in_it_that_a_node_does_not_need(files: dict[str, dict[str, bytes]], architecture: str) -> None:
    for name in files[architecture]:
        parts = name.split("/")
        assert not name.endswith((".pyc", ".pyi", "/RECORD")), name
        assert not {"__pycache__", "tests", "test", "examples"}.intersection(parts[:-1]), name
        assert parts[:2] != ["lib", "agent"] or parts[2] not in ("sandbox", "simulate", "release"), name
    described = {
        n.split("/")[3] for n in files[architecture] if n.startswith("lib/botocore/data/") and n.count("/") > 3
    }
    assert described == selection.SERVICES


def test_licences_and_metadata_of_every_dependency_are_in_it(files: dict[str, dict[str, bytes]]) -> None:
    pins = lock.parse((CHECKOUT / "requirements" / "agent.txt").read_text())
    for pin in pins:
        folder = f"lib/{pin.name.replace('-', '_')}-{pin.version}.dist-info/"
        inside = {name.removeprefix(folder) for name in files["x86_64"] if name.startswith(folder)}
        assert "METADATA" in inside, pin
        assert any("LICENSE" in name.upper() for name in inside), pin


def test_code_for_a_node_does_not_differ_by_processor(files: dict[str, dict[str, bytes]]) -> None:
    one, other = files["x86_64"], files["aarch64"]
    ours = {name for name in one if name.startswith("lib/agent/")}
    assert len(ours) > 50
    assert ours == {name for name in other if name.startswith("lib/agent/")}
    names = {name for name in one.keys() & other.keys() if name.endswith(".py")}
    assert {name for name in names if one[name] != other[name]} <= {"lib/psutil/_psutil_linux.py"}


# the same input gives the same bytes

BUILD = """
import sys
from pathlib import Path
from agent.release import bundle
for built in bundle.build_all(Path(sys.argv[1]), cache=Path(sys.argv[2])):
    print(built.written.path.name, built.written.sha256)
"""


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a bundle is made of, so that nobody's editing comes between two builds."""
    copy = tmp_path_factory.mktemp("copy") / "checkout"
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("agent", "bootstrap", "spark_conf"):
        shutil.copytree(CHECKOUT / folder, copy / folder, ignore=ignored)
    (copy / "requirements").mkdir()
    for file in ("requirements/agent.txt", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(CHECKOUT / file, copy / file)
    return copy


def sums(python: str, checkout: Path, output: Path) -> str:
    env = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-P", "-c", BUILD, str(output), str(WHEELS)]
    return subprocess.run(command, env=env, cwd=output, capture_output=True, text=True, check=True).stdout


def python_of(version: str) -> str | None:
    """An interpreter of this version that starts: on the path, or one of pyenv's whose name on the path does not."""
    of_pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for candidate in (shutil.which(f"python{version}"), *map(str, of_pyenv)):
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


@pytest.fixture(scope="session")
def first_sums(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return sums(sys.executable, checkout, tmp_path_factory.mktemp("first"))


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_builds_the_same_bytes(version: str, checkout: Path, first_sums: str, tmp_path: Path) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine to build with")
    for path in checkout.rglob("*"):
        os.utime(path)
    assert len(first_sums.splitlines()) == 4
    assert sums(python, checkout, tmp_path) == first_sums


def test_an_installed_wheel_builds_the_same_bytes_as_a_checkout(
    checkout: Path, first_sums: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=checkout, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    assert sums(sys.executable, tmp_path / "site", tmp_path) == first_sums


# as installed


def on_node(release: Path, *words: object, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [release / "bin" / "tidemark", *map(str, words)],
        env={"PATH": os.defpath, "LC_ALL": "C", **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_runs_through_the_links_of_an_installation(release: Path, tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text(LEAST)
    (tmp_path / "tidemark").symlink_to(release / "bin" / "tidemark")
    assert on_node(release, "version") == f"tidemark {agent.__version__}\n"
    assert "good" in on_node(release, "check", tmp_path / "good.toml")
    done = subprocess.run([tmp_path / "tidemark", "version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"tidemark {agent.__version__}\n"


def test_what_the_surroundings_offer_is_not_imported(release: Path, tmp_path: Path) -> None:
    for module in ("agent", "click", "rich", "json"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported from outside')\n")
    env = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "agent.py")}
    assert on_node(release, "version", env=env, cwd=tmp_path) == f"tidemark {agent.__version__}\n"


def test_an_installed_release_stays_as_it_was_unpacked(release: Path) -> None:
    on_node(release, "version")
    assert not list((release / "lib" / "agent").rglob("*.pyc"))


def test_the_agent_process_is_started_from_the_same_release(release: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[fleet]\nmax_capacity = 3\n")
    command: list[str | Path] = [release / "bin" / "tidemark", "run", "--config", tmp_path / "bad.toml"]
    done = subprocess.run(
        command, env={"PATH": os.defpath}, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2, done.stderr
    assert "did you mean 'max_capacity_units'?" in done.stderr


def test_releasing_is_not_for_a_node_and_says_so(release: Path) -> None:
    done = subprocess.run([release / "bin" / "tidemark", "bundle"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "release from an installed tidemark" in done.stderr


CLIENTS = """
import sys
from agent.aws.clients import Clients
from agent.settings import AwsSettings
clients = Clients(AwsSettings(region="eu-west-1"))
print(clients.emr.meta.service_model.service_name, sys.modules["boto3"].__file__)
session = clients._session
for service in sys.argv[1:]:
    client = session.client(service, region_name="us-east-1")
    operations = client.meta.service_model.operation_names
    print(service, len(operations), client.meta.endpoint_url)
"""


def test_a_client_of_each_service_starts_from_the_bundle(release: Path) -> None:
    """Each with as many operations as the untrimmed library has, and with the endpoint that it finds."""
    env = {"PYTHONPATH": str(release / "lib"), "PATH": os.defpath}
    env |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    services = sorted(selection.SERVICES)
    done = subprocess.run(
        [release / "python", "-P", "-S", "-c", CLIENTS, *services], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert str(release / "lib") in first
    whole = botocore.session.Session()
    expected = {service: len(whole.get_service_model(service).operation_names) for service in services}
    assert {line.split()[0]: int(line.split()[1]) for line in lines} == expected
    assert all("amazonaws.com" in line.split()[2] for line in lines)


def test_this_process_has_the_whole_of_botocore() -> None:
    """Else the test above would compare the bundle with itself."""
    found = importlib.util.find_spec("botocore")
    assert found is not None
    assert found.origin is not None
    assert len(list((Path(found.origin).parent / "data").iterdir())) > 100
