"""What of the agent and its dependencies goes to a node, as entries of an archive."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path, PurePosixPath

from agent.release.archive import Entry
from agent.release.places import NOT_ON_NODES, ReleaseError

SERVICES = frozenset({"cloudwatch", "dynamodb", "ec2", "emr", "pricing", "s3", "sns", "sqs", "sts"})
"""Whose API descriptions the bundle keeps, newest version each. botocore describes some 400 services in 17 MB."""

SERVICES_OF_FUNCTION = frozenset({"dynamodb", "emr", "scheduler", "sns", "sqs", "stepfunctions"})
"""The same of the function that launches and ends clusters."""

_TEST_FOLDERS = frozenset({"test", "tests"})
_DOC_FOLDERS = frozenset({"doc", "docs", "examples"})
_LEFT_OUT_SUFFIXES = (".pyc", ".pyi", ".c", ".h")
_METADATA = re.compile(r"[^/]+\.dist-info/(METADATA|(.*/)?(LICEN[CS]E|NOTICE|COPYING|AUTHORS)[^/]*|licenses/.+)")
_SERVICE_DATA = re.compile(r"(?P<root>(?:botocore|boto3)/data)/(?P<service>[^/]+)/(?P<version>[^/]+)/(?P<file>.+)")


def of_agent(package: Path) -> dict[str, Entry]:
    """The package as it runs on a node, by path from the folder that holds it."""
    tree = {}
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if path.is_file() and inside.parts[0] not in NOT_ON_NODES and "__pycache__" not in inside.parts:
            tree[f"{package.name}/{inside.as_posix()}"] = Entry(path.read_bytes())
    return tree


def of_wheels(wheels: Iterable[Path], services: Set[str] = SERVICES) -> dict[str, Entry]:
    """What the wheels install, as one flat folder, with the descriptions of these services' APIs. Raises ReleaseError
    when two of them bring the same path."""
    tree: dict[str, Entry] = {}
    for wheel in wheels:
        for name, data in sorted(kept(_installed(wheel), services).items()):
            if name in tree and tree[name].data != data:
                raise ReleaseError(f"{wheel.name} brings {name}, which another wheel has with other bytes")
            tree[name] = Entry(data)
    return tree


def of_folder(folder: Path) -> dict[str, Entry]:
    """The files of a folder by their path in it, what begins with `#!` executable. Empty when there is no such folder.

    Pages for people stay behind. The mode is not taken from the file: it does not survive in a wheel.
    """
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "README.md")
    return {
        path.relative_to(folder).as_posix(): Entry(data, executable=data.startswith(b"#!"))
        for path in files
        if "__pycache__" not in path.parts
        for data in [path.read_bytes()]
    }


def kept(files: Mapping[str, bytes], services: Set[str] = SERVICES) -> dict[str, bytes]:
    """Those that are needed where the agent or the function runs, licences and METADATA included."""
    newest = _newest_descriptions(files, services)
    code = {PurePosixPath(name).parent for name in files if name.endswith(".py")}
    return {name: data for name, data in files.items() if _is_kept(name, code, newest)}


def _is_kept(name: str, code: set[PurePosixPath], newest: Mapping[tuple[str, str], str]) -> bool:
    path = PurePosixPath(name)
    if path.parts[0].endswith(".dist-info"):
        return _METADATA.fullmatch(name) is not None
    if _TEST_FOLDERS.intersection(path.parts[:-1]) or name.endswith(_LEFT_OUT_SUFFIXES):
        return False
    # botocore.docs and boto3.docs are code, and are imported with every client
    for number, folder in enumerate(path.parts[:-1]):
        if folder in _DOC_FOLDERS and PurePosixPath(*path.parts[: number + 1]) not in code:
            return False
    if described := _SERVICE_DATA.fullmatch(name):
        version = newest.get((described["root"], described["service"]))
        return version == described["version"] and not described["file"].startswith("examples-")
    return True


def _newest_descriptions(files: Iterable[str], services: Set[str]) -> dict[tuple[str, str], str]:
    """The newest API version by (data folder, service). Versions are dates, so they sort as text."""
    newest: dict[tuple[str, str], str] = {}
    for found in filter(None, map(_SERVICE_DATA.fullmatch, files)):
        key = (found["root"], found["service"])
        if found["service"] in services:
            newest[key] = max(newest.get(key, ""), found["version"])
    return newest


def _installed(wheel: Path) -> dict[str, bytes]:
    """The wheel's files where an installer puts them, without its scripts and headers (PEP 427)."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            target: archive.read(name)
            for name in archive.namelist()
            if not name.endswith("/")
            for target in _targets(name)
        }


def _targets(name: str) -> Iterator[str]:
    first, _, rest = name.partition("/")
    if not first.endswith(".data"):
        yield name
    elif rest.startswith(("purelib/", "platlib/")):
        yield rest.partition("/")[2]
