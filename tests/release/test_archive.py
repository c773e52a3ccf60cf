"""Archives whose bytes follow from their entries alone."""

from __future__ import annotations

import tarfile
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.release import archive
from agent.release.archive import Entry

NAMES = st.lists(st.sampled_from(["a", "b", "lib", "ü", "x" * 120]), min_size=1, max_size=3).map("/".join)
ENTRIES = st.builds(Entry, st.binary(max_size=50), st.booleans())


def without_files_that_are_folders(tree: dict[str, Entry]) -> dict[str, Entry]:
    return {name: entry for name, entry in tree.items() if not any(other.startswith(f"{name}/") for other in tree)}


TREES = st.dictionaries(NAMES, ENTRIES, max_size=6).map(without_files_that_are_folders)


@given(TREES, st.randoms())
def test_the_order_of_the_entries_changes_nothing(tree: dict[str, Entry], random: object) -> None:
    shuffled = list(tree.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert archive.tar_of(dict(shuffled)) == archive.tar_of(tree)


def test_what_was_written_can_be_unpacked_and_is_nobodys_and_of_no_time(tmp_path: Path) -> None:
    tree = {
        "bin/tool": Entry(b"#!/bin/sh\n", executable=True),
        "lib/" + "deep/" * 40 + "module.py": Entry(b"x = 1\n"),
        "lib/link": Entry(link="../bin/tool"),
    }
    written = archive.write(tree, tmp_path / "new" / "one.tar.gz")
    with tarfile.open(written.path) as tar:
        members = tar.getmembers()
        tar.extractall(tmp_path / "out", filter="tar")
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "root", "root", archive.MTIME)}
    assert {m.mode for m in members if m.isreg()} == {0o755, 0o644}
    assert (tmp_path / "out" / "lib" / "link").read_bytes() == b"#!/bin/sh\n"
    assert [m.name for m in members] == sorted(m.name for m in members)
    assert list(written.path.parent.iterdir()) == [written.path]


def test_neither_the_name_nor_the_time_of_writing_is_in_it(tmp_path: Path) -> None:
    tree = {"a": Entry(b"a")}
    first = archive.write(tree, tmp_path / "first.tar.gz")
    second_of_writing = int(time.time())
    while int(time.time()) == second_of_writing:
        time.sleep(0.05)
    second = archive.write(tree, tmp_path / "second.tar.gz")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256
