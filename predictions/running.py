"""Running measures: what the article's claims come down to where there is no yes or no, as points over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path as FilePath
from typing import Final, Self

import duckdb
from pydantic import Field, PrivateAttr

from predictions.definition import Origin
from predictions.load import BrokenDefinition, parse_yaml, read_text
from predictions.measures import MEASURES
from predictions.parts import SLUG, Part

FOLDER: Final = FilePath(__file__).with_name("measures")

COLUMNS: Final = ("day", "series", "value", "source", "id")
"""What the SQL of a measure gives, in this order: the last two name the event that a point rests on."""

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "day": ("DATE",),
    "series": ("VARCHAR",),
    "value": ("DOUBLE", "DECIMAL", "BIGINT", "INTEGER", "HUGEINT", "FLOAT"),
    "source": ("VARCHAR",),
    "id": ("VARCHAR",),
}


class RunningMeasure(Part):
    """A question that is answered by a curve, and the SQL that draws it."""

    id: str = Field(pattern=SLUG)
    question: str = Field(max_length=200)
    says: str = Field(description="What a point means, in a sentence or two, and what it does not mean.")
    source: str = Field(description="Who asks.")
    unit: str
    sql: str = Field(min_length=1, description="Over the views of what holds: deals, benchmarks, metrics, signals, ...")

    _origin: Origin = PrivateAttr(default=Origin("<measure>"))

    @property
    def origin(self) -> Origin:
        return self._origin

    def read_from(self, origin: Origin) -> Self:
        """The same measure, knowing where it came from."""
        copy = self.model_copy()
        copy._origin = origin
        return copy


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one series, and the event that it rests on."""

    day: date
    series: str
    value: float
    source: str
    id: str


def load_measures(folder: FilePath = FOLDER) -> tuple[RunningMeasure, ...]:
    """Every measure: in the order of ``MEASURES`` for ours, by file name elsewhere. Raises BrokenDefinition."""
    ours = [FOLDER / f"{name}.yaml" for name in MEASURES]
    files = ours if folder == FOLDER else sorted(folder.glob("*.yaml"))
    measures = tuple(parse_measure(read_text(file), str(file)) for file in files)
    for index, measure in enumerate(measures):
        for other in measures[:index]:
            if other.id == measure.id:
                raise BrokenDefinition(f"{measure.origin.at(('id',))}: {other.origin.file} has the same id")
    return measures


def parse_measure(text: str, file: str) -> RunningMeasure:
    """A measure from its YAML text; ``file`` is for messages. Raises BrokenDefinition."""
    measure, origin = parse_yaml(text, file, RunningMeasure, "a measure is a mapping: it starts with `id: ...`")
    return measure.read_from(origin)


def validate_measures(connection: duckdb.DuckDBPyConnection, measures: Sequence[RunningMeasure]) -> None:
    """Have DuckDB plan every measure against the views; raises BrokenDefinition for all that it refuses."""
    problems = [
        f"{measure.origin.at(('sql',))}: sql: {reason}"
        for measure in measures
        if (reason := _fault(connection, measure))
    ]
    if problems:
        raise BrokenDefinition("\n".join(problems))


def _fault(connection: duckdb.DuckDBPyConnection, measure: RunningMeasure) -> str:
    """Why a measure cannot be drawn; empty where it can."""
    asked = f"SELECT * FROM (\n{measure.sql}\n)"
    try:
        columns = connection.execute(f"DESCRIBE {asked}").fetchall()
    except duckdb.Error as error:
        return str(error).split("\n\nLINE")[0].replace("\n", " ")
    names = tuple(column[0] for column in columns)
    if names != COLUMNS:
        return f"it gives the columns {', '.join(names)}; it has to give {', '.join(COLUMNS)}"
    for name, kind, *_ in columns:
        if not str(kind).startswith(_KINDS[name]):
            return f"the column '{name}' is a {kind}; it has to be a {_KINDS[name][0]}"
    return ""


def points(connection: duckdb.DuckDBPyConnection, measure: RunningMeasure) -> tuple[Point, ...]:
    """The curve, by series and day; nothing where no event says anything. Raises BrokenDefinition where SQL fails."""
    asked = (
        f"SELECT day, series, CAST(value AS DOUBLE), source, id FROM (\n{measure.sql}\n) "
        "WHERE isfinite(CAST(value AS DOUBLE)) AND day IS NOT NULL ORDER BY series, day, value, source, id"
    )
    try:
        return tuple(Point(*row) for row in connection.execute(asked).fetchall())
    except duckdb.Error as error:
        reason = str(error).split("\n\nLINE")[0].replace("\n", " ")
        raise BrokenDefinition(f"{measure.origin.at(('sql',))}: sql: {reason}") from error
