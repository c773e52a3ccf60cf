"""HTML as a tree: text goes in as text, whatever it holds, and comes out escaped."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, tostring

from agent.status.wording import clean

Content = Element | str | None


def el(tag: str, /, *content: Content | Iterable[Content], **attributes: str | float | None) -> Element:
    """An element with its content in order; None is nothing. Of attributes an underscore is a hyphen, one at the end
    is dropped (`class_`), and one that is None is left out."""
    found = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            found.set(
                name.rstrip("_").replace("_", "-"), _number(value) if isinstance(value, float) else clean(str(value))
            )
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
        parent[-1].tail = (parent[-1].tail or "") + clean(one)
    else:
        parent.text = (parent.text or "") + clean(one)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
