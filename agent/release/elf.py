"""What an ELF file says of itself: for which processor it is, and which glibc it asks for."""

from __future__ import annotations

import re
import struct

MAGIC = b"\x7fELF"

MACHINES = {62: "x86_64", 183: "aarch64"}
"""`e_machine` of the ELF header, as in elf(5): EM_X86_64, EM_AARCH64."""

_GLIBC = re.compile(rb"\0GLIBC_2\.(\d+)(?=[.\0])")


def architecture(data: bytes) -> str | None:
    """`x86_64`, `aarch64`, `machine <number>` for another processor, None for what is no ELF file."""
    if len(data) < 20 or not data.startswith(MAGIC):
        return None
    order = "<" if data[5] == 1 else ">"
    (machine,) = struct.unpack_from(f"{order}H", data, 18)
    return MACHINES.get(machine, f"machine {machine}")


def glibc_minor(data: bytes) -> int:
    """The N of the highest symbol version `GLIBC_2.N` that the file names; 0 when it names none."""
    return max((int(found) for found in _GLIBC.findall(data)), default=0)
