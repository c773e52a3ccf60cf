"""A block of lines between two markers in a text that is otherwise somebody else's.

The block stands at the beginning: there, no line of the text can run into it, whatever the text ends with. One that
has been moved is written anew where it stands. What is outside the markers is never changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BEGIN = "# >>> tidemark"
END = "# <<< tidemark"

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


class Unbalanced(ValueError):
    """The markers do not enclose one block. The text says which lines they stand in."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A text around its block; joined they are the text again."""

    before: str
    block: str
    """Markers and the last one's line end included; empty when there is none."""
    after: str

    @property
    def others(self) -> str:
        """The text without the block."""
        return self.before + self.after


def split(text: str) -> Parts:
    """Raises Unbalanced unless there is exactly one block or none."""
    lines = _LINES.findall(text)
    begins = [number for number, line in enumerate(lines) if _marks(line, BEGIN)]
    ends = [number for number, line in enumerate(lines) if _marks(line, END)]
    if not begins and not ends:
        return Parts("", "", text)
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        where = ", ".join(str(number + 1) for number in sorted((*begins, *ends)))
        raise Unbalanced(
            f"the markers {BEGIN!r} and {END!r} do not enclose one block (lines {where}): delete these lines and "
            "what belongs to them by hand"
        )
    first, last = begins[0], ends[0] + 1
    return Parts("".join(lines[:first]), "".join(lines[first:last]), "".join(lines[last:]))


def joined(parts: Parts, lines: list[str]) -> str:
    """The text with `lines` between the markers, in place of the block that it had, with line ends like its own."""
    ending = "\r\n" if "\r\n" in parts.others else "\n"
    block = "".join(f"{line}{ending}" for line in (BEGIN, *lines, END))
    return parts.before + block + parts.after


def _marks(line: str, marker: str) -> bool:
    return line.rstrip("\r\n") == marker
