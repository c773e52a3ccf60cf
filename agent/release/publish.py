"""Publishing: everything that a launch needs, under a prefix of its version that is never changed afterwards."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import agent
from agent.aws.clients import Clients
from agent.release import bundle, selection, templates
from agent.release.bundle import Archive, Built
from agent.release.location import Location
from agent.release.places import ReleaseError, part
from agent.release.store import Store
from agent.settings import AwsSettings

INSTALL = "install.sh"
SUMS = "SHA256SUMS"

_TYPES = {
    ".json": "application/json",
    ".gz": "application/gzip",
    ".sh": "text/x-shellscript",
    ".yaml": "text/yaml",
    ".zip": "application/zip",
}

_FOLDERS = ("units", "cloudformation", "terraform", "profiles")
_EXAMPLE = "config.example.toml"
_MACHINES = "*.asl.json"
"""State machines, in Amazon States Language."""


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a release. `name` is its key below the versioned prefix."""

    name: str
    sha256: str
    bytes: int
    uploaded: bool
    """False: it was already there with the same bytes."""


@dataclass(frozen=True, slots=True)
class Release:
    version: str
    base: Location
    region: str
    objects: tuple[Object, ...]
    built: tuple[Built, ...] = ()
    """Archives that were built for it."""


def publish(
    place: Location,
    architectures: Sequence[str],
    *,
    pythons: Sequence[Path] = (),
    folder: Path | None = None,
    region: str | None = None,
    topic: str | None = None,
    queue: str | None = None,
    table: str | None = None,
    endpoint_url: str | None = None,
) -> Release:
    """Build the archives, or take those in `folder`, and upload the release. Raises ReleaseError.

    The bucket is looked at first: building takes a while. `region` is where it has to be (None: anywhere); topic,
    queue and table are ARNs.
    """
    # more patience than an agent on a node has
    settings = AwsSettings(region=region or "", endpoint_url=endpoint_url, read_timeout_s=60.0)
    store = Store(Clients(settings).s3, place)
    found = store.region(region)
    with tempfile.TemporaryDirectory(prefix="tidemark-publish-") as temporary:
        built = () if folder else tuple(bundle.build_all(Path(temporary), architectures, pythons))
        archives = bundle.find(folder, architectures) if folder else [each.archive for each in built]
        base = place.under(agent.__version__)
        arns = {"@TOPIC_ARN@": topic, "@QUEUE_ARN@": queue, "@TABLE_ARN@": table}
        objects = upload(store, base, contents(place, archives, arns, partition(found)))
    return Release(agent.__version__, base, found, objects, built)


def upload(store: Store, base: Location, files: Mapping[str, bytes]) -> tuple[Object, ...]:
    """Write the files below `base`, in their order. Nothing is written when one is there with other bytes."""
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    there = {name: store.sha256(base.key(name)) for name in files}
    _refuse_other_bytes(base, {name: found for name, found in there.items() if found not in (None, sums[name])}, sums)
    for name in (name for name in files if there[name] is None):
        content_type = _TYPES.get(Path(name).suffix, "text/plain")
        if not store.create(base.key(name), files[name], content_type):
            found = store.sha256(base.key(name))
            _refuse_other_bytes(base, {name: found} if found != sums[name] else {}, sums)
    return tuple(Object(name, sums[name], len(files[name]), there[name] is None) for name in files)


def contents(
    place: Location, archives: Sequence[Archive], arns: Mapping[str, str | None], partition: str = "aws"
) -> dict[str, bytes]:
    """The bytes of a release by name, in the order in which they are uploaded: install.sh comes last, so that who
    finds it finds all that it fetches."""
    base = place.under(agent.__version__)
    bootstrap = part("bootstrap")
    files = {each.path.name: each.path.read_bytes() for each in archives}
    for folder in _FOLDERS:
        files |= {f"{folder}/{name}": entry.data for name, entry in selection.of_folder(bootstrap / folder).items()}
    files[f"share/{_EXAMPLE}"] = _text(bootstrap / "share" / _EXAMPLE).encode()
    files |= {path.name: path.read_bytes() for path in sorted(bootstrap.glob(_MACHINES))}
    policy = templates.fill_policy(_text(bootstrap / "iam-policy.json"), place, arns, partition)
    files["iam-policy.json"] = policy.encode()
    values = templates.install_values(agent.__version__, base, archives)
    script = templates.fill_install(_text(bootstrap / INSTALL), values).encode()
    sums = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted({**files, INSTALL: script}.items())
    )
    return {**files, SUMS: sums.encode(), INSTALL: script}


def partition(region: str) -> str:
    """The first part of an ARN there (AWS's partitions of China and of the US government have their own)."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _refuse_other_bytes(base: Location, differing: Mapping[str, str | None], sums: Mapping[str, str]) -> None:
    if not differing:
        return
    named = "; ".join(
        f"{name} has {(found or 'gone')[:12]}, not {sums[name][:12]}" for name, found in differing.items()
    )
    raise ReleaseError(
        f"{base.uri} is published with other bytes, and a published version is never changed: {named}. "
        "Give the release another version, publish under another prefix, or delete that one if no cluster uses it"
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ReleaseError(f"{path} cannot be read: {error.strerror}") from error
