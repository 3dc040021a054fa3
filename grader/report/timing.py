"""What a check of speed measured, in words and, of growth, as a plot of time against size.

The plot is inline SVG without a script. Its classes get their colours from `report.css`, so that it follows the page
by day, by night and on paper; lines differ in their marks and dashes, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from grader.records import Timing

_WIDTH, _HEIGHT = 340, 216  # of the whole plot, in its own units, of which a page makes about a pixel each
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 328, 24, 174  # of the area that the axes enclose
_INSET_X, _INSET_Y = 14, 8  # of the first and the last value, from its sides
_LETTER = 7  # a digit's width, with room to spare
_MOST_STEPS = 8  # 1, 2, 5, 10 …; where there are more, powers of ten alone are told
_LEAST_S = 1e-6  # what takes no time at all has no place on a logarithmic axis

_OWN, _REFERENCE = "own", "reference"


def speed_text(timing: Timing) -> str:
    """What was measured, its spread, and what is allowed; begins with a small letter and has no full stop:
    `takes 1.1 times as long as the reference (1.0 to 1.2 in 7 runs); 4 is allowed`."""
    decimals = _decimals(timing.figure, timing.allowed)
    figure, low, high = (f"{value:,.{decimals}f}" for value in (timing.figure, timing.low, timing.high))
    spread = f"({low} to {high} in {timing.runs} runs)" if timing.runs > 1 else "(in one run)"
    match timing.kind:
        case "growth":
            return f"grows as size ** {figure} {spread}; {timing.allowed:g} is allowed"
        case "margin":
            return f"{figure} times as fast {spread}; at least {timing.allowed:g} wanted"
        case _:
            return f"takes {figure} times as long as the reference {spread}; {timing.allowed:g} is allowed"


def growth_plot(timing: Timing) -> Markup:
    """Milliseconds against size of the submission and of the reference, both axes logarithmic; nothing where no sizes
    were measured."""
    if not timing.points:
        return Markup("")
    points = [(size, *(1000 * max(s, _LEAST_S) for s in seconds)) for size, *seconds in timing.points]
    sizes = [size for size, _own, _reference in points]
    ticks = _ticks([ms for _size, *both in points for ms in both])
    along = _Axis(sizes[0], sizes[-1], _LEFT + _INSET_X, _RIGHT - _INSET_X)
    up = _Axis(ticks[0], ticks[-1], _BOTTOM - _INSET_Y, _TOP + _INSET_Y)

    plot = Element("svg", {"class": "plot", "viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "role": "img"})
    SubElement(plot, "title").text = "Time against size, submission and reference: " + "; ".join(
        f"{size:,.0f}: {_ms(own)} and {_ms(reference)}" for size, own, reference in points
    )
    for ms in _told(ticks):
        _line(plot, "grid", (_LEFT, up(ms)), (_RIGHT, up(ms)))
        _text(plot, f"{ms:,g}", (_LEFT - 7, up(ms) + 4), "end")
    _text(plot, "ms", (_LEFT - 7, 16), "end")
    labels = [f"{size:,.0f}" for size in sizes]
    room = (_RIGHT - _LEFT) / (max(map(len, labels)) + 1) / _LETTER  # labels beside each other
    every = math.ceil(len(sizes) / room)
    for at, (size, label) in enumerate(zip(sizes, labels, strict=True)):
        _line(plot, "axis", (along(size), _BOTTOM), (along(size), _BOTTOM + 5))
        if at % every == 0:
            _text(plot, label, (along(size), _BOTTOM + 18), "middle")
    _line(plot, "axis", (_LEFT, _BOTTOM), (_RIGHT, _BOTTOM))
    _text(plot, "size", ((_LEFT + _RIGHT) / 2, _BOTTOM + 36), "middle")
    # The submission's line comes last: where both are alike it lies on top.
    for kind, name, left, column in ((_REFERENCE, "reference", 172, 2), (_OWN, "submission", 60, 1)):
        _series(plot, kind, [(along(point[0]), up(point[column])) for point in points])
        _legend(plot, kind, name, left)
    return Markup(tostring(plot, encoding="unicode"))


def _decimals(figure: float, allowed: float) -> int:
    """As few as tell on which side of `allowed` the figure lies."""
    fewest = 0 if abs(figure) >= 20 else 1 if abs(figure) >= 1 else 2
    return next((n for n in range(fewest, 4) if _side(round(figure, n), allowed) == _side(figure, allowed)), 4)


def _side(figure: float, allowed: float) -> int:
    return (figure > allowed) - (figure < allowed)


class _Axis:
    """Values -> places, logarithmically; a single value lies in the middle."""

    def __init__(self, first: float, last: float, start: float, end: float) -> None:
        self._first, self._span = math.log(first), math.log(last) - math.log(first)
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        share = (math.log(value) - self._first) / self._span if self._span else 0.5
        return self._start + share * (self._end - self._start)


def _step(number: int) -> float:
    """Of the steps … 0.5, 1, 2, 5, 10 …; number 0 is 1."""
    tens, rest = divmod(number, 3)
    return float(f"{(1, 2, 5)[rest]}e{tens}")


def _ticks(values: Sequence[float]) -> list[float]:
    """The steps around all values, three or more."""
    first = 3 * math.floor(math.log10(min(values)))
    while _step(first + 1) <= min(values):
        first += 1
    last = first
    while _step(last) < max(values):
        last += 1
    if last - first < 2:  # nearly the same time at all sizes
        first, last = first - 1, last + 1
    return [_step(number) for number in range(first, last + 1)]


def _told(ticks: list[float]) -> list[float]:
    return ticks if len(ticks) <= _MOST_STEPS else [ms for ms in ticks if f"{ms:e}".startswith("1")]


def _ms(ms: float) -> str:
    return f"{ms:,.0f} ms" if ms >= 100 else f"{ms:.3g} ms"


# --- elements ----------------------------------------------------------------------------------------


def _series(plot: Element, kind: str, places: Sequence[tuple[float, float]]) -> None:
    group = SubElement(plot, "g", {"class": kind})
    SubElement(group, "polyline", {"points": " ".join(f"{x:.1f},{y:.1f}" for x, y in places), "fill": "none"})
    for place in places:
        _mark(group, kind, place)


def _mark(group: Element, kind: str, place: tuple[float, float]) -> None:
    """A dot for the submission, a square for the reference."""
    x, y = place
    if kind == _OWN:
        SubElement(group, "circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3.5"})
    else:
        SubElement(group, "rect", {"x": f"{x - 4:.1f}", "y": f"{y - 4:.1f}", "width": "8", "height": "8"})


def _legend(plot: Element, kind: str, name: str, left: float) -> None:
    group = SubElement(plot, "g", {"class": kind})
    _line(group, "", (left, 12), (left + 26, 12))
    _mark(group, kind, (left + 13, 12))
    _text(plot, name, (left + 32, 16), "start")


def _line(parent: Element, kind: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    (x1, y1), (x2, y2) = start, end
    of = {"class": kind} if kind else {}
    SubElement(parent, "line", of | {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"})


def _text(parent: Element, text: str, place: tuple[float, float], anchor: str) -> None:
    x, y = place
    SubElement(parent, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}).text = text
