"""When would each milestone have been told, and on which event, had a definition been judged all along?

Without hindsight an event counts from the day on which its publisher learnt of it (``reported_at``), and what was
corrected later counts until then. With hindsight it counts from the day on which it happened, as everything is known
at the end: what was corrected or retracted never counts. Between the two lies what came of late or wrong reports.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

import duckdb

from predictions.candidates import Candidate, Moment
from predictions.criterion import Query, compile_reading
from predictions.definition import Definition, Reading
from predictions.fold import Course, Step, calendar, steps_of
from predictions.memory import Memory
from predictions.milestones import courses_of
from predictions.past import Point, seen_at
from predictions.sightings import Key, QueryFailed
from predictions.standing import Standing


@dataclass(frozen=True, slots=True)
class Firing:
    """A milestone on the day on which it would have been told, or taken back."""

    milestone: str
    reached: bool
    standing: Standing


@dataclass(frozen=True, slots=True)
class Backtest:
    """A reading as it would have gone."""

    definition: Definition
    reading: Reading
    history: tuple[Standing, ...]
    """Every standing up to the end, those before the beginning too."""
    firings: tuple[Firing, ...]
    """Within the time asked for, in order."""
    never: tuple[str, ...]
    """Milestones that were not reached by the end."""
    failed: str = ""
    """How its SQL failed on the events that there are: then nothing else is told."""


def backtest(
    connection: duckdb.DuckDBPyConnection,
    definitions: Iterable[Definition],
    begin: datetime,
    end: datetime,
    *,
    hindsight: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> list[Backtest]:
    """Judge definitions over every event that was reported by ``end``; ``on_progress`` is told how many were read.

    Reads each event once, however many definitions there are. Changes nothing in the store.
    """
    readings = {(item.id, reading.id): (item, reading) for item in definitions for reading in item.readings}
    queries = {key: compile_reading(*pair) for key, pair in readings.items()}
    broken: dict[Key, str] = {}
    with seen_at(connection, Point(end, clock="reported_at")):
        memory = _everything(connection, readings, queries, broken, on_progress)
        try:
            return [
                Backtest(*pair, (), (), (), failed=broken[key])
                if key in broken
                else _judged(*pair, memory.rows(key), memory, begin, end, hindsight)
                for key, pair in readings.items()
            ]
        finally:
            memory.close()


def _everything(
    connection: duckdb.DuckDBPyConnection,
    readings: Mapping[Key, tuple[Definition, Reading]],
    queries: Mapping[Key, Sequence[Query]],
    broken: dict[Key, str],
    on_progress: Callable[[int], None],
) -> Memory:
    while True:
        try:
            return Memory(connection, readings, queries, broken, on_progress)
        except QueryFailed:
            continue  # It stands among the broken ones now.


def _judged(
    definition: Definition,
    reading: Reading,
    rows: Sequence[Candidate],
    memory: Memory,
    begin: datetime,
    end: datetime,
    hindsight: bool,
) -> Backtest:
    steps = _as_it_happened(rows) if hindsight else steps_of(rows, memory.changes, ())
    by_then = [step for step in steps if step.moment.known_at <= end]
    history = tuple(Course(definition, reading).follow((*calendar(definition, reading, end), *by_then)))
    courses = courses_of(reading, history)
    places = {id(standing): place for place, standing in enumerate(history)}
    tellings = [(name, one) for name, course in courses.items() for one in course.tellings]
    firings = tuple(
        Firing(name, one.reached, one.standing)
        for name, one in sorted(tellings, key=lambda item: (places[id(item[1].standing)], item[1].reached))
        if one.standing.known_at >= begin
    )
    named = [milestone.name for milestone in reading.milestones]
    never = tuple(name for name in named if not (name in courses and courses[name].tellings))
    return Backtest(definition, reading, history, firings, never)


def _as_it_happened(rows: Iterable[Candidate]) -> Iterator[Step]:
    """What still holds at the end, from the day on which it had surely happened."""
    for row in rows:
        if row.ended_at is None:
            day = datetime.combine(row.occurred_until, time.min, UTC)
            at = row.began
            yield Step(Moment(day, at.rank, at.topic, at.partition, at.offset), "add", row.cause, row)
