"""The bundle: the agent and its locked dependencies for one architecture, and what install.sh puts beside them.

The same agent and dependencies are the function that launches and ends clusters, as an archive for AWS Lambda.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import agent
from agent.release import archive, elf, interpreter, selection, wheels
from agent.release.archive import Entry, Tree, Written
from agent.release.interpreter import Interpreter
from agent.release.places import PACKAGE, ReleaseError, part, wheel_cache

AIM_BYTES = 15_000_000
"""What a bundle without an interpreter should stay under: it is fetched while a cluster starts."""

Kind = Literal["bundle", "function", "python"]


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive of a release, wherever it was built."""

    kind: Kind
    architecture: str
    version: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Built:
    """An archive that was written here. `glibc_minor` is the N of the glibc 2.N that it needs at least."""

    kind: Kind
    architecture: str
    version: str
    glibc_minor: int
    written: Written

    @property
    def archive(self) -> Archive:
        return Archive(self.kind, self.architecture, self.version, self.written.path, self.written.sha256)


def build_all(
    output: Path,
    architectures: Iterable[str] = wheels.ARCHITECTURES,
    pythons: Sequence[Path] = (),
    cache: Path | None = None,
) -> list[Built]:
    """All that a release has: what `build` writes, and the function's archive of each architecture. Raises the same."""
    architectures = list(architectures)
    built = build(output, architectures, pythons, cache)
    return built + [_function(output, architecture, cache or wheel_cache()) for architecture in architectures]


def build(
    output: Path,
    architectures: Iterable[str] = wheels.ARCHITECTURES,
    pythons: Sequence[Path] = (),
    cache: Path | None = None,
) -> list[Built]:
    """Write the bundle of each architecture, and an archive of each interpreter, to the folder `output`.

    Raises ReleaseError: for an interpreter of another architecture, for wheels that cannot be had or do not fit.
    """
    architectures = list(architectures)
    interpreters = [interpreter.read(path) for path in pythons]
    _check_interpreters(interpreters, architectures)
    shared = common()
    built = [_bundle(output, shared, architecture, cache or wheel_cache()) for architecture in architectures]
    return built + [_python(output, each) for each in interpreters]


def find(folder: Path, architectures: Iterable[str] = wheels.ARCHITECTURES) -> list[Archive]:
    """The archives of this version that `build_all` left in a folder. Raises ReleaseError when one is missing."""
    found = []
    for architecture in architectures:
        of_kind: dict[Kind, Path] = {
            "bundle": folder / bundle_name(architecture),
            "function": folder / function_name(architecture),
        }
        for kind, path in of_kind.items():
            if not path.is_file():
                others = ", ".join(sorted(e.name for e in folder.glob("*") if e.suffix in {".gz", ".zip"}))
                raise ReleaseError(
                    f"{folder} has {others or 'no archive'} and not {path.name}: "
                    f"`tidemark bundle --output {folder}` writes it"
                )
            found.append(Archive(kind, architecture, agent.__version__, path, _sha256(path)))
        pythons = sorted(folder.glob(python_name(architecture, "*")))
        if len(pythons) > 1:
            raise ReleaseError(f"{folder} has more than one interpreter for {architecture}: leave one there")
        for python in pythons:
            version = python.name.removeprefix("python-").removesuffix(f"-{architecture}.tar.gz")
            found.append(Archive("python", architecture, version, python, _sha256(python)))
    return found


def bundle_name(architecture: str, version: str = agent.__version__) -> str:
    return f"tidemark-{version}-{architecture}.tar.gz"


def function_name(architecture: str, version: str = agent.__version__) -> str:
    return f"function-{version}-{architecture}.zip"


def python_name(architecture: str, version: str) -> str:
    return f"python-{version}-{architecture}.tar.gz"


def common() -> dict[str, Entry]:
    """The entries that do not depend on the architecture: the agent itself and what install.sh puts in place."""
    entries = {f"lib/{name}": entry for name, entry in selection.of_agent(PACKAGE).items()}
    entries |= {f"units/{name}": entry for name, entry in selection.of_folder(part("bootstrap") / "units").items()}
    entries |= {f"share/{name}": entry for name, entry in _shared().items()}
    entries["bin/tidemark"] = Entry(part("bootstrap/bin/tidemark").read_bytes(), executable=True)
    entries["LICENSE"] = Entry(part("LICENSE").read_bytes())
    entries["VERSION"] = Entry(f"{agent.__version__}\n".encode())
    return entries


def tree(shared: Tree, architecture: str, cache: Path) -> dict[str, Entry]:
    """All entries of the bundle. Raises ReleaseError when a binary among them would not run on a node."""
    dependencies = selection.of_wheels(wheels.fetch(part("requirements/agent.txt"), architecture, cache))
    entries = {**shared, "ARCH": Entry(f"{architecture}\n".encode())}
    entries |= {f"lib/{name}": entry for name, entry in dependencies.items()}
    if faults := misfits(entries, architecture):
        raise ReleaseError(f"the bundle for {architecture} would not run on a node: " + "; ".join(faults))
    return entries


def function_tree(architecture: str, cache: Path) -> dict[str, Entry]:
    """All entries of the function's archive, which Lambda unpacks where Python looks first. Raises ReleaseError when a
    binary among them would not run there: the runtime of Python 3.11 is an Amazon Linux 2."""
    locked = wheels.fetch(part("requirements/agent.txt"), architecture, cache)
    entries = selection.of_wheels(locked, selection.SERVICES_OF_FUNCTION) | selection.of_agent(PACKAGE)
    entries["LICENSE"] = Entry(part("LICENSE").read_bytes())
    if faults := misfits(entries, architecture):
        raise ReleaseError(f"the function for {architecture} would not run: " + "; ".join(faults))
    return entries


def misfits(entries: Tree, architecture: str) -> list[str]:
    """Binaries for another processor or a newer glibc than a node has, each a sentence."""
    found = []
    for name, entry in sorted(entries.items()):
        machine, minor = elf.architecture(entry.data), elf.glibc_minor(entry.data)
        if machine is not None and machine != architecture:
            found.append(f"{name} is for {machine}")
        elif machine is not None and minor > wheels.GLIBC_MINOR:
            found.append(f"{name} needs glibc 2.{minor}, Amazon Linux 2 has 2.{wheels.GLIBC_MINOR}")
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _bundle(output: Path, shared: Tree, architecture: str, cache: Path) -> Built:
    entries = tree(shared, architecture, cache)
    written = archive.write(entries, output / bundle_name(architecture))
    return Built("bundle", architecture, agent.__version__, _glibc_minor(entries), written)


def _function(output: Path, architecture: str, cache: Path) -> Built:
    entries = function_tree(architecture, cache)
    written = archive.write(entries, output / function_name(architecture))
    return Built("function", architecture, agent.__version__, _glibc_minor(entries), written)


def _glibc_minor(entries: Tree) -> int:
    return max(elf.glibc_minor(each.data) for each in entries.values() if elf.architecture(each.data))


def _python(output: Path, each: Interpreter) -> Built:
    written = archive.write(each.tree, output / python_name(each.architecture, each.version))
    return Built("python", each.architecture, each.version, each.glibc_minor, written)


def _shared() -> dict[str, Entry]:
    ours, spark = selection.of_folder(part("bootstrap") / "share"), selection.of_folder(part("spark_conf"))
    if twice := sorted(ours.keys() & spark.keys()):
        raise ReleaseError(f"bootstrap/share and spark_conf both have {', '.join(twice)}")
    return ours | spark


def _check_interpreters(interpreters: Sequence[Interpreter], architectures: Sequence[str]) -> None:
    for each in interpreters:
        if each.architecture not in architectures:
            raise ReleaseError(
                f"--python: the interpreter {each.version} is for {each.architecture}, "
                f"and the bundle for {' and '.join(architectures)}"
            )
    given = [each.architecture for each in interpreters]
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise ReleaseError(f"--python: more than one interpreter for {', '.join(twice)}")
