"""HTML as a tree: text goes in as text, whatever it holds, and comes out escaped."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, tostring

Content = Element | str | None
CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "\N{REPLACEMENT CHARACTER}")
"""Not allowed in HTML in any form, nor of use in a name."""


def el(tag: str, /, *content: Content | Iterable[Content], **attributes: str | float | None) -> Element:
    """An element with its content in order; None is nothing. Of attributes an underscore is a hyphen, one at the end
    is dropped (`class_`), and one that is None is left out."""
    found = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            found.set(name.rstrip("_").replace("_", "-"), _number(value) if isinstance(value, float) else _clean(value))
    for each in content:
        for one in (each,) if each is None or isinstance(each, str | Element) else each:
            _append(found, one)
    return found


def html(root: Element) -> str:
    return tostring(root, encoding="unicode", method="html")


def _append(parent: Element, one: Content) -> None:
    if one is None:
        return
    if isinstance(one, Element):
        parent.append(one)
    elif len(parent):
        parent[-1].tail = (parent[-1].tail or "") + _clean(one)
    else:
        parent.text = (parent.text or "") + _clean(one)


def _clean(text: object) -> str:
    # half a surrogate pair, as JSON from outside may hold one, is no text that can be sent
    return str(text).translate(CONTROLS).encode("utf-8", "replace").decode("utf-8")


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
