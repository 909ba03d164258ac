"""Everything that can be said about definitions before they are used: what is wrong, and what is probably not meant."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Final

import duckdb

from predictions.criteria import CountDistinct, Criterion, Exists, Leader, Leaf, Sql, Sum
from predictions.definition import Definition, Path, Reading
from predictions.load import BrokenDefinition, Problem, load_definition, problem, unsound_in
from predictions.possible import Fault, threshold_key, threshold_of
from predictions.soundness import Plans, asked_of

_NOT_WHEN_LATE: Final = frozenset({"met", "missed"})
"""States that a reading whose deadline had passed never comes to by itself: it is `late`."""


_ONLY_GROWS: Final = (CountDistinct, Leader, Sql, Sum)


def lint(connection: duckdb.DuckDBPyConnection, files: Sequence[FilePath]) -> list[Problem]:
    """The problems of these files, by file and line; ``connection`` has the views, and may have no events."""
    problems: list[Problem] = []
    definitions: list[Definition] = []
    for file in dict.fromkeys(files):
        try:
            definitions.append(load_definition(file))
        except BrokenDefinition as error:
            problems += error.problems
    problems += _twins(definitions)
    problems += unsound_in(connection, definitions)
    broken = {found.file for found in problems}
    with Plans(connection) as plans:
        for definition in definitions:
            told = advice(definition, plans if definition.origin.file not in broken else None)
            found = dict.fromkeys(problem(definition.origin, *item) for item in told)
            problems += [replace(one, severity="warning") for one in found]
    places = {str(file): place for place, file in enumerate(files)}
    return sorted(problems, key=lambda one: (places.get(one.file, 0), one.line))


def _twins(definitions: Sequence[Definition]) -> Iterator[Problem]:
    for index, definition in enumerate(definitions):
        for other in definitions[:index]:
            if other.id == definition.id:
                yield problem(definition.origin, ("id",), f"{other.origin.file} has the same id")


def advice(definition: Definition, plans: Plans | None = None) -> Iterator[Fault]:
    """What is allowed, and probably not meant. Without ``plans`` nothing is said of the SQL."""
    used = {name for reading in definition.readings for _, leaf in reading.leaves() for name in leaf.where}
    for name in definition.conditions:
        if name not in used:
            yield ("conditions", name), f"no reading uses the condition '{name}'"
    for index, reading in enumerate(definition.readings):
        here: Path = ("readings", index)
        yield from _calendar(definition, reading, here)
        yield from _milestones(definition, reading, here)
        for path, criterion in reading.criteria():
            yield from _criterion((*here, *path), criterion)
            if not (definition.note or reading.note) and any(_has_threshold(part) for _, part in _parts(criterion)):
                yield (*here, *path), "no `note` says which thresholds are the source's, and which your own"
        for path, leaf in reading.leaves():
            yield from _selection((*here, *path), leaf)
            if plans is not None:
                yield from _sql(definition, (*here, *path), leaf, plans)


def _calendar(definition: Definition, reading: Reading, here: Path) -> Iterator[Fault]:
    if definition.is_late(reading):
        yield (*here, "deadline"), "the deadline lies before `made_on`: its state is `late` from the first day"
    first = definition.window(reading).from_
    if first and first < definition.made_on.first and not definition.is_late(reading):
        yield (*here, "window", "from"), "the window starts before the prediction was made: what was known then counts"


def _milestones(definition: Definition, reading: Reading, here: Path) -> Iterator[Fault]:
    value = reading.criterion.kind_of_value()
    rule = threshold_of(value)
    by_progress = any(milestone.progress is not None for milestone in reading.milestones)
    if rule is not None and rule.below is not None and isinstance(value, _ONLY_GROWS) and by_progress:
        yield (*here, "criterion"), "what only grows starts `below`: milestones by progress are told on the first day"
    if "milestones" not in reading.model_fields_set:
        return
    triggers = [(milestone.progress, milestone.state) for milestone in reading.milestones]
    for index, milestone in enumerate(reading.milestones):
        place = (*here, "milestones", index)
        if triggers[index] in triggers[:index]:
            yield place, "another milestone is told at the same time"
        if definition.is_late(reading) and milestone.state in _NOT_WHEN_LATE:
            yield (
                place,
                f"this can never be reached, unless a person says so: the state is `late`, never {milestone.state}",
            )
        partly = milestone.progress is not None and 0 < milestone.progress < 1
        if partly and isinstance(reading.criterion.kind_of_value(), Exists):
            yield place, "`exists` knows no progress between 0 and 1: this is told only together with `met`"
    progress = [(index, one.progress) for index, one in enumerate(reading.milestones) if one.progress is not None]
    for (_, before), (index, after) in pairwise(progress):
        if after < before:
            yield (*here, "milestones", index), "this is reached before the one above it: put them in order"


def _criterion(path: Path, criterion: Criterion) -> Iterator[Fault]:
    for place, part in _parts(criterion, path):
        value = part.kind_of_value()
        here = (*place, part.key)
        if isinstance(value, tuple) and len(value) == 1:
            yield here, f"`{part.key}` of a single criterion says no more than the criterion alone"
        rule = threshold_of(value)
        if rule is not None and isinstance(value, CountDistinct | Sql | Leader) and rule.target % 1:
            yield (
                (*here, threshold_key(rule)),
                f"a count is whole: {rule.target:g} says the same as the next whole number",
            )
        if isinstance(value, CountDistinct | Sql) and "unit" not in value.model_fields_set:
            yield here, "without `unit` people read '2 of 3 distinct': say what is counted"


def _parts(criterion: Criterion, path: Path = ()) -> Iterator[tuple[Path, Criterion]]:
    yield path, criterion
    value = criterion.kind_of_value()
    if isinstance(value, tuple):
        for index, child in enumerate(value):
            yield from _parts(child, (*path, criterion.key, index))


def _has_threshold(criterion: Criterion) -> bool:
    return threshold_of(criterion.kind_of_value()) is not None


def _selection(here: Path, leaf: Leaf) -> Iterator[Fault]:
    if not leaf.where and not isinstance(leaf, Sql):
        yield here, "there is no `where`: every row counts, rumours and denials too"
    for index, name in enumerate(leaf.where):
        if name in leaf.where[:index]:
            yield (*here, "where", index), f"'{name}' stands here twice"


def _sql(definition: Definition, here: Path, leaf: Leaf, plans: Plans) -> Iterator[Fault]:
    types: dict[str, str] = {} if isinstance(leaf, Sql) else dict(plans.columns[leaf.view])
    for one in asked_of(definition, leaf, here):
        parsed = plans.parsed(one.text)
        yield from ((one.path, message) for message in parsed.casts_that_may_fail(types))
        if one.field in ("where", "about") and parsed.is_constant:
            yield one.path, "this is the same for every row"
    if isinstance(leaf, Sql):
        parsed = plans.parsed_query(leaf)
        found: Iterable[str] = (*parsed.casts_that_may_fail(types), *parsed.picks_at_random())
        yield from (((*here, "query"), message) for message in found)
