"""Backtests as SVG: for each reading its progress through time as steps, and a dot where a milestone was told."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

import svg

from dualtrack.harmless import harmless
from predictions.backtest import Backtest, Firing

_FONT: Final = "sans-serif"
_LEFT: Final = 20
_WIDTH: Final = 640
_ROW: Final = 84
_HEIGHT: Final = 40
"""Of a row's steps, in pixels."""
_TOP: Final = 46
_INK: Final = "#333333"
_GRID: Final = "#dddddd"
_LINE: Final = "#1f77b4"
_REACHED: Final = "#2ca02c"
_LOST: Final = "#d62728"


def backtest_svg(found: Sequence[Backtest], begin: datetime, end: datetime) -> str:
    """An SVG document: a row for each reading, from ``begin`` at the left to ``end`` at the right."""
    height = _TOP + _ROW * len(found) + 10
    elements: list[svg.Element] = [
        svg.Title(text="Backtest"),
        svg.Rect(x=0, y=0, width=_LEFT * 2 + _WIDTH, height=height, fill="white"),
        _text(_LEFT, 24, f"Backtest, {begin:%Y-%m-%d} to {end:%Y-%m-%d}", size=16),
    ]
    for row, one in enumerate(found):
        elements += _row(one, _TOP + row * _ROW, begin, end)
    drawing = svg.SVG(width=_LEFT * 2 + _WIDTH, height=height, elements=elements)
    return str(drawing) + "\n"


def _row(one: Backtest, top: float, begin: datetime, end: datetime) -> Iterator[svg.Element]:
    state = one.failed or (one.history[-1].state if one.history else "open")
    yield _text(_LEFT, top + 12, f"{one.definition.id} {one.reading.id}: {state}")
    floor = top + 20 + _HEIGHT
    for share in (0.0, 0.5, 1.0):
        y = round(floor - share * _HEIGHT, 2)
        yield svg.Line(x1=_LEFT, y1=y, x2=_LEFT + _WIDTH, y2=y, stroke=_GRID, stroke_width=1)
    path: list[svg.PathData] = []
    for standing in one.history:
        x = _x(standing.known_at, begin, end)
        height = round(floor - min(max(standing.progress, 0.0), 1.0) * _HEIGHT, 2)
        path += [svg.H(x), svg.V(height)] if path else [svg.M(x, height)]
    if path:
        yield svg.Path(d=[*path, svg.H(_LEFT + _WIDTH)], fill="none", stroke=_LINE, stroke_width=2)
    for firing in one.firings:
        yield _dot(firing, floor, begin, end)


def _dot(firing: Firing, floor: float, begin: datetime, end: datetime) -> svg.Element:
    standing = firing.standing
    words = firing.milestone if firing.reached else f"{firing.milestone} no longer holds"
    return svg.Circle(
        cx=_x(standing.known_at, begin, end),
        cy=round(floor - min(max(standing.progress, 0.0), 1.0) * _HEIGHT, 2),
        r=5,
        fill=_REACHED if firing.reached else _LOST,
        elements=[svg.Title(text=_safe(f"{standing.known_at:%Y-%m-%d} {words}: {standing.detail}"))],
    )


def _x(at: datetime, begin: datetime, end: datetime) -> float:
    span = (end - begin).total_seconds()
    share = (at - begin).total_seconds() / span if span else 1.0
    return round(_LEFT + min(max(share, 0.0), 1.0) * _WIDTH, 2)


def _text(x: float, y: float, text: str, *, size: int = 12) -> svg.Text:
    return svg.Text(x=x, y=y, text=_safe(text), font_size=size, font_family=_FONT, fill=_INK)


def _safe(text: str) -> str:
    """As XML has it: svg.py writes what it is given."""
    return escape(harmless(text))
