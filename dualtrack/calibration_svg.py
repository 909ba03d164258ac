"""The calibration plot as SVG: forecasts to the right, what was met upwards, the diagonal where both agree."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal
from xml.sax.saxutils import escape

import svg

from dualtrack.harmless import harmless
from predictions.scoring import Bin

Anchor = Literal["start", "middle", "end"]

_FONT: Final = "sans-serif"
_SIZE: Final = 420
"""Of the square in pixels."""
_LEFT: Final = 84
_TOP: Final = 60
_ROOM: Final = 65
"""Below the square, for its labels."""
_TICKS: Final = 5
_INK: Final = "#333333"
_GRID: Final = "#dddddd"
_DOT: Final = "#1f77b4"
_LARGEST_DOT: Final = 16.0
_SMALLEST_DOT: Final = 4.0
_ROOM_FOR_A_NUMBER: Final = 10.0


def calibration_svg(bins: Sequence[Bin], whose: str) -> str:
    """An SVG document; the area of a dot grows with the number of its forecasts, which stands beside it."""
    count = sum(one.count for one in bins)
    elements: list[svg.Element] = [
        svg.Title(text=_safe(f"Calibration of {whose}")),
        svg.Rect(x=0, y=0, width=_LEFT + _SIZE + 30, height=_TOP + _SIZE + _ROOM, fill="white"),
        _text(_LEFT, 26, f"Calibration of {_shortened(whose)}: {count} forecasts", size=16, anchor="start"),
        *_axes(),
        svg.Line(x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), stroke=_INK, stroke_width=1, stroke_dasharray=[5, 4]),
        *_dots(bins),
    ]
    drawing = svg.SVG(
        width=_LEFT + _SIZE + 30,
        height=_TOP + _SIZE + _ROOM,
        elements=elements,
    )
    return str(drawing) + "\n"


def _axes() -> Iterator[svg.Element]:
    for number in range(_TICKS + 1):
        share = number / _TICKS
        yield svg.Line(x1=_x(share), y1=_y(0), x2=_x(share), y2=_y(1), stroke=_GRID, stroke_width=1)
        yield svg.Line(x1=_x(0), y1=_y(share), x2=_x(1), y2=_y(share), stroke=_GRID, stroke_width=1)
        yield _text(_x(share), _y(0) + 32, f"{share:.0%}")
        yield _text(_x(0) - 18, _y(share) + 4, f"{share:.0%}", anchor="end")
    yield _text(_x(0.5), _y(0) + 54, "mean forecast", size=13)
    middle = _y(0.5)
    yield svg.Text(
        x=24,
        y=middle,
        text="share that was met",
        font_size=13,
        font_family=_FONT,
        fill=_INK,
        text_anchor="middle",
        transform=[svg.Rotate(-90, 24, middle)],
    )


def _dots(bins: Iterable[Bin]) -> Iterator[svg.Element]:
    known = [one for one in bins if one.mean_forecast is not None and one.observed is not None]
    most = max((one.count for one in known), default=1)
    for one in known:
        x, y = _x(one.mean_forecast or 0.0), _y(one.observed or 0.0)
        radius = max(_LARGEST_DOT * (one.count / most) ** 0.5, _SMALLEST_DOT)
        told = (
            f"{one.low:.0%}-{one.high:.0%}: {one.count} forecasts, mean {one.mean_forecast:.3f}, met {one.observed:.3f}"
        )
        yield svg.Circle(cx=x, cy=y, r=round(radius, 2), fill=_DOT, fill_opacity=0.7, elements=[svg.Title(text=told)])
        if radius >= _ROOM_FOR_A_NUMBER:
            yield _text(x, y + 4, str(one.count), size=11, ink="white")
        else:
            yield _text(x + radius + 3, y + 4, str(one.count), size=11, anchor="start")


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: Anchor = "middle", ink: str = _INK) -> svg.Text:
    return svg.Text(x=x, y=y, text=_safe(text), font_size=size, font_family=_FONT, fill=ink, text_anchor=anchor)


def _safe(text: str) -> str:
    """As XML has it: svg.py writes what it is given."""
    return escape(harmless(text))


def _shortened(name: str, longest: int = 40) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _x(share: float) -> float:
    return round(_LEFT + share * _SIZE, 2)


def _y(share: float) -> float:
    return round(_TOP + (1 - share) * _SIZE, 2)
