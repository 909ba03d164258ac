"""Tables that fit: columns share the width so that no word is cut; where they cannot, each row becomes a record."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from dualtrack.cli.output import console, jsonable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

TALLEST_ROW: Final = 8
"""Lines; a table with a taller row is harder to read than records are."""

_GAP: Final = 2
"""Cells between two columns."""

Row = Mapping[str, Any]


def print_table(
    title: str, rows: Sequence[Row], columns: Sequence[str] | None = None, *, as_records: bool = False
) -> None:
    """Rows under a title, as a table or, where that does not fit, as records; says so where there are none."""
    out = console()
    if not rows:
        out.print(f"{title}: none")
        return
    names = list(columns or rows[0].keys())
    cells = [[cell_text(row.get(name)) for name in names] for row in rows]
    out.print(title, style="bold", markup=False)
    widths = share_width([_column(name, cells, number) for number, name in enumerate(names)], out.width - 1)
    if as_records or widths is None or _tallest(cells, widths) > TALLEST_ROW:
        _print_records(out, names, cells)
    else:
        numeric = [all(_is_number(row.get(name)) for row in rows) for name in names]
        _print_columns(out, names, cells, widths, numeric)


def share_width(columns: Sequence[Sequence[str]], available: int) -> list[int] | None:
    """Widths of columns whose cells (the heading among them) are given; None where they do not fit word by word.

    Each column gets what its longest word needs; what is left goes, cell by cell, to those that are still too narrow.
    """
    natural = [max(map(_length_of_lines, cells)) for cells in columns]
    widths = [min(wanted, max(map(_length_of_words, cells))) for wanted, cells in zip(natural, columns, strict=True)]
    left = available - sum(widths) - _GAP * (len(columns) - 1)
    if left < 0:
        return None
    while left > 0 and widths != natural:
        # The narrowest of those that want more: no column starves beside a very long one.
        wanting = [number for number, width in enumerate(widths) if width < natural[number]]
        widths[min(wanting, key=lambda number: widths[number])] += 1
        left -= 1
    return widths


def print_hanging(out: "Console", label: "Text", told: "Text", indent: int = 0) -> None:
    """A label and a text beside it, wrapped under itself; a web address stays in one piece, to be opened."""
    from rich.text import Text

    start = indent + label.cell_len + _GAP
    room = max(out.width - start, 20)
    before = Text(" " * indent).append(label).append(" " * _GAP)
    for line in told.split("\n", allow_blank=True):
        is_address = line.plain.startswith(("http://", "https://")) and " " not in line.plain
        for piece in [line] if is_address else line.wrap(out, room):
            piece.rstrip()
            out.print(before.append(piece), soft_wrap=True)
            before = Text(" " * start)


def cell_text(value: Any) -> str:
    """A value as a cell shows it; times are UTC."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        return _number_text(value)
    if isinstance(value, datetime):
        utc = value.astimezone(UTC) if value.tzinfo else value
        return f"{utc:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(jsonable(value), ensure_ascii=False)
    return str(jsonable(value))


def shortened(text: str, longest: int) -> str:
    """The text, cut between two words where it is too long."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1].rsplit(" ", 1)[0]
    return f"{cut.rstrip(' ,;:')} …"


def _number_text(value: float | Decimal) -> str:
    if not Decimal(value).is_finite():
        return str(value)
    if abs(float(value)) >= 1000:
        return f"{value:,.2f}".removesuffix(".00")
    return f"{float(value):.4g}"


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _column(name: str, cells: Sequence[Sequence[str]], number: int) -> list[str]:
    return [name, *(row[number] for row in cells)]


def _length_of_lines(text: str) -> int:
    from rich.cells import cell_len

    return max((cell_len(line) for line in text.splitlines()), default=0)


def _length_of_words(text: str) -> int:
    from rich.cells import cell_len

    return max((cell_len(word) for word in text.split()), default=0)


def _tallest(cells: Sequence[Sequence[str]], widths: Sequence[int]) -> float:
    """About how many lines the tallest row takes."""
    return max(_length_of_lines(text) / max(width, 1) for row in cells for text, width in zip(row, widths, strict=True))


def _print_columns(
    out: "Console", names: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int], numeric: Sequence[bool]
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold cyan", padding=(0, _GAP - 1, 0, 0)
    )
    for name, width, is_numeric in zip(names, widths, numeric, strict=True):
        table.add_column(Text(name), width=width, overflow="fold", justify="right" if is_numeric else "left")
    for row in cells:
        table.add_row(*(Text(text) for text in row))
    out.print(table)
    out.print()


def _print_records(out: "Console", names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.text import Text

    label = max(map(_length_of_lines, names))
    for row in cells:
        for name, text in zip(names, row, strict=True):
            if text:
                print_hanging(out, Text(name.rjust(label), style="cyan"), Text(text))
        out.print()
