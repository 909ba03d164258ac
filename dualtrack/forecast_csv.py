"""Forecasts from a CSV file: every row is checked, and each bad one is named by its line, before anything is sent.

Columns, in any order: ``prediction``, ``forecaster``, ``probability``, ``made_at``, and if wanted ``reading`` and
``why``. See docs/forecasts.md.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from dualtrack.known_readings import KnownReadings, NoSuchReading
from schemas.decisions import Forecast

NEEDED: Final = ("prediction", "forecaster", "probability", "made_at")
OPTIONAL: Final = ("reading", "why")

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class BadFile(Exception):
    """The file is no table of forecasts at all; the message says where and what to change."""


class BadCell(ValueError):
    """What is wrong with a value, and what to write."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no forecast."""

    line: int
    reason: str


@dataclass(slots=True)
class ReadForecasts:
    """What a file holds."""

    forecasts: list[Forecast] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


def read_forecasts(path: Path, known: KnownReadings, now: datetime, by: str | None = None) -> ReadForecasts:
    """All rows of a file; ``by`` is who imports them, where it is not the forecaster. Raises BadFile."""
    found = ReadForecasts()
    for line, names, cells in _rows(path):
        try:
            found.forecasts.append(_forecast(_row(names, cells), known, now, by))
        except (BadCell, NoSuchReading) as wrong:
            found.bad.append(BadRow(line, str(wrong)))
    return found


def probability_of(text: str) -> float:
    """``0.35`` or ``35%``; raises BadCell that says so."""
    number, is_percent, rest = text.strip().partition("%")
    try:
        value = Decimal(number.strip()) / (100 if is_percent else 1)
    except InvalidOperation:
        value = Decimal("nan")
    if rest.strip() or not value.is_finite() or not 0 <= value <= 1:
        raise BadCell(f"probability: {text!r} does not lie between 0 and 1: write 0.35 or 35%")
    return float(value)


def time_of(text: str, now: datetime, name: str = "made_at") -> datetime:
    """A time with its zone, or a day, which means its last instant in UTC: the forecast was made by then.

    Raises BadCell; also for what lies in the future.
    """
    written = text.strip()
    try:
        if _DAY.fullmatch(written):
            at = datetime.combine(date.fromisoformat(written), time.max, UTC)
        else:
            at = datetime.fromisoformat(written)
        if at.tzinfo is None:
            raise BadCell(f"{name}: {text!r} has no time zone: write 2026-04-17T09:30:00Z")
        at = at.astimezone(UTC)
    except BadCell:
        raise
    except (ValueError, OverflowError):
        raise BadCell(f"{name}: {text!r} is no time: write 2026-04-17 or 2026-04-17T09:30:00Z") from None
    if at > now:
        more = " (a day means its end: write the time too)" if _DAY.fullmatch(written) else ""
        raise BadCell(f"{name}: {text!r} lies in the future{more}")
    return at


def _forecast(row: Mapping[str, str], known: KnownReadings, now: datetime, by: str | None) -> Forecast:
    missing = [name for name in NEEDED if not row[name]]
    if missing:
        raise BadCell(f"{', '.join(missing)}: nothing is there")
    reading = known.find(row["prediction"], row.get("reading") or None)
    try:
        return Forecast(
            by=by or row["forecaster"],
            why=row.get("why") or None,
            prediction=reading.prediction,
            reading=reading.id,
            forecaster=row["forecaster"],
            probability=probability_of(row["probability"]),
            made_at=time_of(row["made_at"], now).isoformat(),
            imported=True,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadCell(f"{first['loc'][0]}: {first['msg']}") from None


def _rows(path: Path) -> Iterator[tuple[int, list[str], list[str]]]:
    """Each row that is not empty: the line on which it begins, the columns' names and its cells."""
    text = _text(path)
    if not text.strip():
        raise BadFile(f"{path}:1: the file is empty: its first line names the columns {', '.join(NEEDED)}")
    heading = text.lstrip().splitlines()[0]
    # What a spreadsheet writes where the comma is the decimal sign.
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    begins = 1
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if any(values) and not names:
                names = _columns(path, begins, values)
            elif any(values):
                yield begins, names, values
            begins = reader.line_num + 1
    except csv.Error as error:
        raise BadFile(f"{path}:{begins}: this is no CSV: {error}") from None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise BadFile(f"{path}:{line}: this is not UTF-8: save the file as CSV UTF-8") from None


def _columns(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.lower() for cell in cells]
    allowed = (*NEEDED, *OPTIONAL)
    for name in names:
        if name not in allowed:
            close = get_close_matches(name, allowed, n=1)
            meant = f": did you mean {close[0]!r}?" if close else ""
            raise BadFile(f"{path}:{line}: the column {name!r} is not known{meant}; columns are {', '.join(allowed)}")
    missing = [name for name in NEEDED if name not in names]
    twice = [name for name in allowed if names.count(name) > 1]
    if missing or twice:
        wrong = f"the column {missing[0]!r} is missing" if missing else f"the column {twice[0]!r} is there twice"
        raise BadFile(f"{path}:{line}: {wrong}; needed are {', '.join(NEEDED)}")
    return names


def _row(names: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(names):
        raise BadCell(f"{len(cells)} cells, and there are {len(names)} columns: put what has a comma in quotes")
    return dict(zip(names, cells, strict=True))
