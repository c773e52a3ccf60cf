"""Small charts as inline SVG: drawn by numbers alone, coloured by the page's style, said in words to who cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element

from agent.status.page.elements import el

WIDTH, HEIGHT = 320.0, 72.0
Values = Sequence[float | None]


def sparkline(at: Sequence[float], lines: Sequence[tuple[str, Values]], top: float, label: str) -> Element:
    """Lines over time, of which a missing value is a gap. Each is a class and its values, in the order of `at`; the
    first one's area is filled. `top` is the upper end of the scale; it begins at zero."""
    drawn: list[Element] = []
    for number, (name, values) in enumerate(lines):
        for run in _runs(at, values, top):
            if number == 0:
                drawn.append(el("path", class_=f"area {name}", d=_area(run)))
            drawn.append(el("path", class_=f"line {name}", d=_steps(run)))
    return _svg("spark", label, drawn)


def histogram(counts: Sequence[int], label: str) -> Element:
    """One bar a bin, the highest as high as the chart."""
    width, highest = WIDTH / len(counts), max(*counts, 1)
    bars = []
    for number, count in enumerate(counts):
        # one executor among a thousand must still be seen
        height = 0.0 if count == 0 else max(3.0, HEIGHT * count / highest)
        warm = " hot" if number >= len(counts) - 1 else " warm" if number >= len(counts) - 2 else ""
        place = {"x": number * width + 2, "y": HEIGHT - height, "width": width - 4, "height": height}
        bars.append(el("rect", class_=f"bar{warm}", rx="2", **place))
        bars.append(el("rect", class_="floor", x=number * width + 2, y=HEIGHT - 1, width=width - 4, height="1"))
    return _svg("spark", label, bars)


def meter(share: float, label: str, kind: str = "") -> Element:
    """A bar that is filled from the left, `share` of it from 0 to 1."""
    filled = max(0.0, min(1.0, share)) * WIDTH
    parts = [
        el("rect", class_="rail", width=WIDTH, height="8", rx="4"),
        el("rect", class_=f"fill {kind}".strip(), width=filled, height="8", rx="4"),
    ]
    return el("svg", *parts, class_="meter", viewBox=f"0 0 {WIDTH:g} 8", preserveAspectRatio="none", **_said(label))


def _svg(name: str, label: str, parts: Sequence[Element]) -> Element:
    box = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return el("svg", *parts, class_=name, viewBox=box, preserveAspectRatio="none", **_said(label))


def _said(label: str) -> dict[str, str]:
    return {"role": "img", "aria-label": label}


Run = list[tuple[float, float]]


def _runs(at: Sequence[float], values: Values, top: float) -> Iterator[Run]:
    """Points of the chart without a gap between them."""
    began, span = at[0], max(1e-9, at[-1] - at[0])
    run: Run = []
    for then, value in zip(at, values, strict=True):
        if value is None:
            if run:
                yield run
            run = []
            continue
        height = (HEIGHT - 4) * max(0.0, min(1.0, value / top if top > 0 else 0.0))
        run.append((WIDTH * (then - began) / span, HEIGHT - 2 - height))
    if run:
        yield run


def _steps(run: Run) -> str:
    """A value stands until the next one is known: no slope suggests what was not seen."""
    path = [f"M{run[0][0]:.1f} {run[0][1]:.1f}"]
    for (_, before), (x, y) in pairwise(run):
        path.append(f"H{x:.1f}" + (f"V{y:.1f}" if y != before else ""))
    return "".join(path) if len(run) > 1 else f"{path[0]}h1"


def _area(run: Run) -> str:
    return f"{_steps(run)}V{HEIGHT:g}H{run[0][0]:.1f}Z"
