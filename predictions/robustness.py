"""Does a state hang on one source? The reading is judged again without each source, and under each disputed value.

A state is *robust* where it stays the same

- when all reports of any one independent origin are left out, and
- under each value of every story whose reports disagree: only the reports that agree with it are kept.

Otherwise it *depends on source*, and says on which, and what the state would be without it. Rows are left out as the
views give them: what a view works out of further events (who was at the frontier on a day) is not worked out anew.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb

from predictions import store
from predictions.candidates import Candidate, Moment
from predictions.criterion import Query, compile_reading, run, shared
from predictions.definition import Definition, Reading
from predictions.evaluate import Change
from predictions.fold import Changes, Step, fold, steps_of
from predictions.standing import Resolution, Standing, State
from schemas.alerts import Alert
from stories.conflicts import conflicts_of_stories
from stories.origins import origin_key, origin_label

Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Dependence:
    """What the state would be without a source, or under one of several values."""

    source: str
    """The origin that is left out; of a disputed value, those who state it."""
    supposing: str
    """``without AINews``; ``if amount is as in Reuters``"""
    state: str
    detail: str

    def as_json(self) -> dict[str, Any]:
        """For programs, and as alerts carry it."""
        return {"source": self.source, "supposing": self.supposing, "state": self.state, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Robustness:
    """Whether a state holds whoever is wrong."""

    state: str
    sources: tuple[str, ...]
    """The independent origins of its evidence."""
    depends_on: tuple[Dependence, ...]

    @property
    def robust(self) -> bool:
        return not self.depends_on

    def words(self) -> str:
        """``depends on AINews: met; without AINews: open, 1 of 2 labs``; empty where there is nothing to depend on."""
        if self.robust:
            count = len(self.sources)
            return f"robust: {count} independent sources" if count > 1 else ("robust" if count else "")
        told = "; ".join(f"{one.supposing}: {one.state}, {one.detail.rstrip('.')}" for one in self.depends_on[:_MOST])
        more = f"; and {len(self.depends_on) - _MOST} more" if len(self.depends_on) > _MOST else ""
        names = ", ".join(dict.fromkeys(one.source for one in self.depends_on[:_MOST]))
        return f"depends on {names}: {self.state}; {told}{more}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "robust": self.robust,
            "says": "robust" if self.robust else "depends on source",
            "sources": list(self.sources),
            "depends_on": [one.as_json() for one in self.depends_on],
            "words": self.words(),
        }


_MOST: Final = 2
"""Dependences that are told in words; all stand in the JSON."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A reading at a moment: what is live, and what people decided."""

    definition: Definition
    reading: Reading
    rows: tuple[Candidate, ...]
    decided: tuple[Step, ...]
    at: Moment
    origins: Mapping[Identity, tuple[str, str]]
    """Key and label of the origin of each event."""

    def judged(self, rows: Iterable[Candidate]) -> Standing:
        """How it stands with these rows alone."""
        moment = max(Moment(self.at.known_at), Moment(self.definition.declared_at))
        steps = [Step(moment, "add", row.cause, row) for row in rows]
        return fold(self.definition, self.reading, [*steps, *self.decided], moment.known_at)[-1]

    def origins_of(self, row: Candidate) -> Iterator[tuple[str, str]]:
        """Of all events that a row is made of."""
        for name in _events_of(row):
            if name in self.origins:
                yield self.origins[name]


def robustness_of(
    connection: duckdb.DuckDBPyConnection, readings: Sequence[tuple[Definition, Reading]], now: datetime
) -> dict[store.Key, Robustness]:
    """How robust the present state of each reading is."""
    queries = {(definition.id, reading.id): compile_reading(definition, reading) for definition, reading in readings}
    changes, resolutions = store.changes(connection), store.resolutions(connection)
    found = {}
    with shared(connection, (query for some in queries.values() for query in some)):
        for definition, reading in readings:
            key = definition.id, reading.id
            made = [one for name, one in resolutions.get(key[0], ()) if name in (None, key[1])]
            at = Moment(now, Moment.DEADLINE)
            case = _case(connection, (definition, reading), queries[key], changes, made, at)
            found[key] = _judge(case, _disputes(connection, case))
    return found


def robustness_then(
    connection: duckdb.DuckDBPyConnection, definition: Definition, reading: Reading, standing: Standing
) -> Robustness:
    """How robust a state was when it was reached, from what was known then; sources only, no disputed values.

    What is in one story may be learnt later, and what an alert says must not depend on when it is worked out.
    """
    at = _moment_of(standing)
    made = [one for name, one in store.resolutions(connection).get(definition.id, ()) if name in (None, reading.id)]
    queries = compile_reading(definition, reading)
    return _judge(_case(connection, (definition, reading), queries, store.changes(connection), made, at), ())


def _moment_of(standing: Standing) -> Moment:
    cause = standing.cause
    if cause is None:
        return Moment(standing.known_at, Moment.DEADLINE)
    return Moment(standing.known_at, Moment.EVENT, cause["topic"], cause["partition"], cause["offset"])


def _case(
    connection: duckdb.DuckDBPyConnection,
    about: tuple[Definition, Reading],
    queries: Sequence[Query],
    changes: Changes,
    resolutions: Sequence[Resolution],
    at: Moment,
) -> _Case:
    rows = [row for query in queries for row in run(connection, query)]
    live: dict[Candidate, None] = {}
    decided = []
    for step in sorted(steps_of(rows, changes, resolutions), key=lambda one: one.order):
        if step.moment > at:
            break
        if step.row is None:
            decided.append(step)
        elif step.action == "add":
            live[step.row] = None
        else:
            live.pop(step.row, None)
    names = {name for row in live for name in _events_of(row)}
    return _Case(*about, tuple(live), tuple(decided), at, _origins(connection, names))


def _events_of(row: Candidate) -> tuple[Identity, ...]:
    return (row.source, row.id), *row.also


def _origins(connection: duckdb.DuckDBPyConnection, names: set[Identity]) -> dict[Identity, tuple[str, str]]:
    rows = connection.execute(
        "SELECT source, id, publisher, origin, urls FROM events WHERE source IN (SELECT unnest($sources)) "
        "AND id IN (SELECT unnest($ids))",
        {"sources": [source for source, _ in names], "ids": [id for _, id in names]},
    ).fetchall()
    labels = {
        (source, id): origin_label(publisher, origin, urls, source) for source, id, publisher, origin, urls in rows
    }
    return {name: (origin_key(label), label) for name, label in labels.items() if name in names}


Dispute = tuple[str, str, Callable[[Candidate], bool]]
"""Who states a value, what is supposed, and whether a row is kept when it is."""


def _judge(case: _Case, disputes: Iterable[Dispute]) -> Robustness:
    """Judge the reading without each of its sources, and under each disputed value."""
    state = case.judged(case.rows).state
    told = _evidence_origins(case)
    found: list[Dependence] = []
    for key, label in told.items():
        kept = [row for row in case.rows if all(origin != key for origin, _ in case.origins_of(row))]
        found += _otherwise(case, kept, state, label, f"without {label}")
    for source, supposing, keeps in disputes:
        kept = [row for row in case.rows if keeps(row)]
        found += _otherwise(case, kept, state, source, supposing)
    return Robustness(state, tuple(told.values()), tuple(found))


def _otherwise(case: _Case, rows: list[Candidate], state: str, source: str, supposing: str) -> Iterator[Dependence]:
    if len(rows) == len(case.rows):
        return
    standing = case.judged(rows)
    if standing.state != state:
        yield Dependence(source, supposing, standing.state, standing.detail)


def _evidence_origins(case: _Case) -> dict[str, str]:
    """The origins that the state can hang on: of rows that hold or lack facts, and of all where all are counted."""
    counted = {path for path, leaf in case.reading.leaves() if leaf.every_row}
    rows = [row for row in case.rows if row.holds or row.is_open or row.path in counted]
    return {key: label for row in rows for key, label in sorted(case.origins_of(row))}


def _disputes(connection: duckdb.DuckDBPyConnection, case: _Case) -> Iterator[Dispute]:
    """Each value of the stories that rows of the reading tell of, where their reports disagree."""
    names = {name for row in case.rows for name in _events_of(row)}
    stories = connection.execute(
        "SELECT DISTINCT story_hash FROM story_events WHERE story_hash IS NOT NULL "
        "AND source IN (SELECT unnest($sources)) AND id IN (SELECT unnest($ids))",
        {"sources": [source for source, _ in names], "ids": [id for _, id in names]},
    ).fetchall()
    for conflict in conflicts_of_stories(connection, [hash for (hash,) in stories]):
        for camp in sorted({claim.camp for claim in conflict.claims}):
            claims = [claim for claim in conflict.claims if claim.camp == camp]
            others = {(one.report.source, one.report.id) for one in conflict.claims if one.camp != camp}
            source = ", ".join(dict.fromkeys(claim.report.origin for claim in claims))
            yield source, f"if {conflict.field} is as {source} has it", _without(others)


def _without(names: set[Identity]) -> Callable[[Candidate], bool]:
    return lambda row: names.isdisjoint(_events_of(row))


def add_robustness(connection: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Add ``robustness`` to rows of ``predictions.read`` (``id``, ``reading``); None where it cannot be told."""
    texts = store.declarations(connection).items()
    declared = {id: Definition.model_validate(text) for id, (_, _, text) in texts}
    readings = [(declared[row["id"]], declared[row["id"]].reading(row["reading"])) for row in rows]
    try:
        found = robustness_of(connection, readings, now)
    except duckdb.Error:
        # A definition whose SQL fails at run time is told by the engine; the list is to be read nevertheless.
        found = {}
    for row in rows:
        judged = found.get((row["id"], row["reading"]))
        row["robustness"] = judged.as_json() if judged else None


ON_ALERTS: Final = frozenset({State.MET.value, State.MISSED.value})
"""Kinds of alerts that say whether the state hangs on one source."""


def with_robustness(
    connection: duckdb.DuckDBPyConnection, changes: Iterable[Change], alerts: Sequence[Alert]
) -> tuple[Alert, ...]:
    """The same alerts, in which those of an outcome say on which source it hangs, if it does. Keys do not change."""
    by_reading = {(change.definition.id, change.reading.id): change for change in changes}
    told = []
    for alert in alerts:
        change = by_reading.get((alert.prediction, alert.reading))
        standing = _standing_of(alert, change) if change and alert.kind in ON_ALERTS else None
        if change is None or standing is None:
            told.append(alert)
            continue
        found = robustness_then(connection, change.definition, change.reading, standing)
        title = alert.title if found.robust else f"{alert.title} It {_short(found)}."
        told.append(alert.model_copy(update={"robustness": found.words(), "title": title}))
    return tuple(told)


def _standing_of(alert: Alert, change: Change) -> Standing | None:
    alike = (one for one in change.history if (one.known_at, one.state) == (alert.known_at, alert.state))
    return next((one for one in alike if one.evidence == alert.evidence), None)


def _short(robustness: Robustness) -> str:
    return f"depends on source {', '.join(dict.fromkeys(one.source for one in robustness.depends_on))}"
