"""Curves in a terminal: each series as a line of blocks, from its first point to its last."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from dualtrack.cli.output import console, takes_unicode

if TYPE_CHECKING:
    from predictions.running import Point

WIDEST: Final = 48
"""Cells of a curve."""

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_SIGNS: Final = "_.-:=+*#"
"""The same eight heights where no blocks can be written."""


def figure(value: float) -> str:
    """A value for people: ``1,234``, ``56.7``, ``0.0042``."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def curve(points: "Sequence[Point]", width: int = WIDEST) -> str:
    """A series over time: each cell is a stretch of days, as high as the last value in it or before it."""
    first, last = points[0].day.toordinal(), points[-1].day.toordinal()
    cells = min(width, max(last - first + 1, 1))
    heights: list[float] = []
    newest, place = points[0].value, 0
    for cell in range(cells):
        until = first + (last - first) * (cell + 1) / cells
        while place < len(points) and points[place].day.toordinal() <= until:
            newest = points[place].value
            place += 1
        heights.append(newest)
    heights[-1] = points[-1].value
    low, high = min(heights), max(heights)
    signs = _BLOCKS if takes_unicode() else _SIGNS
    return "".join(
        signs[round((len(signs) - 1) * (value - low) / (high - low)) if high > low else 3] for value in heights
    )


def print_curves(points: "Sequence[Point]", unit: str) -> None:
    """Every series: its curve, the first and the last value with their days, and the event of the last."""
    from rich.text import Text

    out = console()
    width = max(8, min(WIDEST, out.width - 36))
    for series, found in groupby(points, key=lambda point: point.series):
        line = list(found)
        first, last = line[0], line[-1]
        out.print(
            Text.assemble((series, "bold cyan"), (f"  {len(line)} {'point' if len(line) == 1 else 'points'}", "dim"))
        )
        if len(line) > 1:
            out.print(Text.assemble("  ", curve(line, width)))
            out.print(Text(f"  {first.day} {figure(first.value)}  to  {last.day} {figure(last.value)} {unit}"))
        else:
            out.print(Text(f"  {last.day} {figure(last.value)} {unit}"))
        out.print(Text(f"  ← {last.source}#{last.id}", "dim"))
    out.print()
