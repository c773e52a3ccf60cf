"""Java properties texts as `java.util.Properties.load` reads them: continued lines, escapes, every separator.

Spark reads `metrics.properties` so. Only for reading: what is written to such a file is written as text.
"""

from __future__ import annotations

import re

_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_BLANKS = " \t\f"
_KEY = re.compile(r"(?:[^\\=: \t\f]|\\.)*", re.DOTALL)
_SEPARATOR = re.compile(r"[ \t\f]*[=:]?[ \t\f]*")
_ESCAPE = re.compile(r"\\(u([0-9A-Fa-f]{4})?|.)?", re.DOTALL)
_NAMED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class Malformed(ValueError):
    """Java would not read this text to its end."""


class Ambiguous(Malformed):
    """Java reads it one way or another, by its version."""


def entries(text: str) -> tuple[tuple[str, str], ...]:
    """Keys and values in the text's order, a key that is given twice twice. Raises Malformed, also where versions of
    Java differ: after a line that holds nothing but its continuation, `#` and `!` begin a comment or a key.

    The last one of a key is in force. `text` is the file decoded as ISO 8859-1, as Java decodes it.
    """
    return tuple(_entry(line) for line in _logical_lines(text))


def _logical_lines(text: str) -> list[str]:
    found: list[str] = []
    held: str | None = None
    for natural in _LINE.finditer(text):
        line = natural.group(1).lstrip(_BLANKS)
        if held is None and (not line or line[0] in "#!"):
            continue
        if held == "" and line[:1] in {"#", "!"}:
            raise Ambiguous(
                f"{line[:40]!r} after a lone backslash is a comment to some versions of Java and an entry to others"
            )
        whole, held = (held or "") + line, None
        if not _continues(line):
            found += [whole] if whole else []
        elif natural.end() == len(text) and natural.group(2) != "\r\n":
            # the last backslash of the file is dropped; what is left is an entry, even if it is nothing
            return [*found, whole[:-1]]
        else:
            held = whole[:-1]
    return found


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _entry(line: str) -> tuple[str, str]:
    key = _KEY.match(line)
    assert key is not None, "the pattern matches the empty text"
    separator = _SEPARATOR.match(line, key.end())
    assert separator is not None, "so does this one"
    return _unescaped(key.group()), _unescaped(line[separator.end() :])


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        letter, digits = found.group(1), found.group(2)
        if letter is None:
            return ""
        if letter[0] == "u":
            if digits is None:
                raise Malformed(f"\\u without four hexadecimal digits: {text[:80]!r}")
            return chr(int(digits, 16))
        return _NAMED.get(letter, letter)

    return _ESCAPE.sub(plain, text)
