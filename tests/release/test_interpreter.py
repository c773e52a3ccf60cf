"""A standalone interpreter, packed from a folder or a tarball, for either processor."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from agent.release import archive, bundle, elf, interpreter
from agent.release.places import ReleaseError
from tests.release.test_elf import header

pytestmark = pytest.mark.story


def made_up(folder: Path, machine: int = 183) -> Path:
    """What is looked at of an interpreter, and nothing that would run."""
    for name, data in {
        "bin/python3.11": header(machine) + b"\0GLIBC_2.17\0",
        "bin/pip": b"#!/elsewhere/python\n",
        "include/python3.11/patchlevel.h": b'#define PY_VERSION      "3.11.15"\n',
        "lib/python3.11/os.py": b"",
        "lib/python3.11/test/test_os.py": b"",
        "lib/python3.11/site-packages/somebody.py": b"",
        "lib/python3.11/__pycache__/os.cpython-311.pyc": b"",
        "lib/libtcl8.6.so": header(machine),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "bin" / "python3.11").chmod(0o755)
    (folder / "bin" / "python3").symlink_to("python3.11")
    return folder


def test_a_folder_and_a_tarball_of_it_give_the_same_and_nothing_is_run(tmp_path: Path) -> None:
    folder = made_up(tmp_path / "python")
    with tarfile.open(tmp_path / "python.tar.gz", "w:gz") as tar:
        tar.add(folder, "python")
    from_folder, from_tarball = interpreter.read(folder), interpreter.read(tmp_path / "python.tar.gz")
    assert from_folder == from_tarball
    assert (from_folder.version, from_folder.architecture, from_folder.glibc_minor) == ("3.11.15", "aarch64", 17)
    assert sorted(from_folder.tree) == ["python/bin/python3", "python/bin/python3.11", "python/lib/python3.11/os.py"]
    assert from_folder.tree["python/bin/python3.11"].executable
    assert from_folder.tree["python/bin/python3"].link == "python3.11"


def test_what_is_no_interpreter_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.tar.gz").write_text("no tarball")
    (made_up(tmp_path / "script") / "bin" / "python3.11").write_text("#!/bin/sh\n")
    (made_up(tmp_path / "mixed") / "lib" / "python3.11" / "other.so").write_bytes(header(62))
    (made_up(tmp_path / "unversioned") / "include" / "python3.11" / "patchlevel.h").unlink()
    (made_up(tmp_path / "linked") / "lib" / "away").symlink_to("/usr/lib/elsewhere")
    for name, said in {
        "absent": "no such file",
        "empty": "holds no bin/python3.11",
        "text.tar.gz": "neither a folder nor a readable tarball",
        "script": "no Linux program",
        "mixed": "is for aarch64, but not python/lib/python3.11/other.so",
        "unversioned": "patchlevel.h",
        "linked": "links to /usr/lib/elsewhere",
    }.items():
        with pytest.raises(ReleaseError, match=said):
            interpreter.read(tmp_path / name)


def test_an_interpreter_for_another_processor_than_the_bundle_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    folder = made_up(tmp_path / "python")
    with pytest.raises(ReleaseError, match="is for aarch64, and the bundle for x86_64"):
        bundle.build(tmp_path / "dist", ["x86_64"], [folder])
    with pytest.raises(ReleaseError, match="more than one interpreter for aarch64"):
        bundle.build(tmp_path / "dist", ["aarch64"], [folder, folder])
    assert not (tmp_path / "dist").exists()


def test_this_machines_own_runs_from_where_it_was_unpacked(tmp_path: Path, python311: Path) -> None:
    own = interpreter.read(python311.parent.parent)
    written = archive.write(own.tree, tmp_path / bundle.python_name(own.architecture, own.version))
    with tarfile.open(written.path) as tar:
        tar.extractall(tmp_path / "out", filter="tar")
    moved = tmp_path / "out" / "python" / "bin" / "python3.11"
    assert elf.architecture(moved.read_bytes()) == own.architecture
    ask = "import sys, ssl, sqlite3, ctypes; print(sys.version.split()[0]); print(sys.prefix)"
    done = subprocess.run([moved, "-I", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == own.version
