"""The few bytes of an ELF header that say for which processor a file is."""

from __future__ import annotations

import platform
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.release import elf


def header(machine: int, order: str = "<") -> bytes:
    ident = elf.MAGIC + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9)
    return ident + struct.pack(f"{order}HH", 3, machine)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_machine_is_read_in_the_files_own_byte_order(order: str) -> None:
    assert elf.architecture(header(62, order)) == "x86_64"
    assert elf.architecture(header(183, order)) == "aarch64"
    assert elf.architecture(header(243, order)) == "machine 243"


@given(st.binary(max_size=40))
def test_what_is_no_elf_file_has_no_machine(data: bytes) -> None:
    if not data.startswith(elf.MAGIC):
        assert elf.architecture(data) is None


def test_a_header_that_ends_too_soon_is_none() -> None:
    assert elf.architecture(header(62)[:18]) is None


def test_this_interpreter_is_for_this_machine() -> None:
    assert elf.architecture(Path(sys.executable).resolve().read_bytes()) == platform.machine()


def test_the_newest_symbol_version_counts_and_private_ones_do_not() -> None:
    assert elf.glibc_minor(b"\0GLIBC_2.2.5\0GLIBC_2.14\0GLIBC_PRIVATE\0GLIBCXX_3.4.30\0") == 14
    assert elf.glibc_minor(b"text about GLIBC_2.99 is no symbol version\0") == 0
