"""Sources that disagree, as alerts. Who groups events into stories says what conflicts; here it is told to whom.

The door for the stories: a function that is given the connection and a condition over ``events`` (which rows have just
landed) and returns the conflicts that these bring. Without one, nobody is told of any.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from predictions.alert_rules import Rule
from predictions.definition import Definition
from schemas.alerts import Alert

SOURCE_CONFLICT = "source conflict"


@dataclass(frozen=True, slots=True)
class Statement:
    """What one event of a story says."""

    source: str
    id: str
    title: str
    value: str
    event_type: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Events of one story that disagree about one thing."""

    story: str
    """A name that stays the same as long as the story does."""
    about: str
    """What they disagree about: ``amount``, ``occurred_on``, ..."""
    statements: tuple[Statement, ...]
    known_at: datetime
    """When it became known that they do."""
    unit_error: bool = False
    """Do they differ by a factor of exactly 10, 100 or 1,000?"""

    @property
    def key(self) -> str:
        """The same disagreement has the same key; another value makes another one."""
        values = sorted({statement.value for statement in self.statements})
        parts = (SOURCE_CONFLICT, self.story, self.about, *values)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


Conflicts = Callable[[duckdb.DuckDBPyConnection, str], Iterable[Conflict]]


def no_conflicts(_connection: duckdb.DuckDBPyConnection, _arrived: str) -> Iterable[Conflict]:
    """Nobody groups events into stories."""
    return ()


def told_of_conflicts(
    connection: duckdb.DuckDBPyConnection,
    conflicts: Sequence[Conflict],
    rules: Sequence[Rule],
    definitions: Sequence[Definition],
) -> Iterator[tuple[Rule, Alert]]:
    """A rule about predictions asks for conflicts among the evidence of these, one about events for those among events
    of its types."""
    wanted = [rule for rule in rules if SOURCE_CONFLICT in rule.told]
    if not conflicts or not wanted:
        return
    cited = _cited(connection)
    by_id = {definition.id: definition for definition in definitions}
    for conflict in conflicts:
        named = {(statement.source, statement.id) for statement in conflict.statements}
        moved = sorted({prediction for identity in named for prediction in cited.get(identity, ())})
        for rule in wanted:
            if rule.when is not None:
                if {statement.event_type for statement in conflict.statements} & {*rule.when.event_type}:
                    yield rule, _alert(conflict, rule, "")
            else:
                for prediction in moved:
                    if prediction in by_id and rule.is_about(by_id[prediction]):
                        yield rule, _alert(conflict, rule, prediction)


def _cited(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], set[str]]:
    """Which predictions stand on an event now."""
    rows = connection.execute("""
        SELECT prediction, evidence FROM prediction_states
        QUALIFY row_number() OVER (PARTITION BY prediction, reading ORDER BY seq DESC) = 1
    """).fetchall()
    found: dict[tuple[str, str], set[str]] = {}
    for prediction, evidence in rows:
        for item in json.loads(evidence):
            found.setdefault((item["source"], item["id"]), set()).add(prediction)
    return found


def _alert(conflict: Conflict, rule: Rule, prediction: str) -> Alert:
    said = "; ".join(f"{one.value} ({one.source}#{one.id})" for one in conflict.statements)
    suspicion = " A factor of 10, 100 or 1,000 lies between them: a unit may be wrong." if conflict.unit_error else ""
    key = conflict.key
    if prediction:
        key = hashlib.sha256(f"{key}\x1f{prediction}".encode()).hexdigest()
    evidence: tuple[dict[str, Any], ...] = tuple(
        {"source": one.source, "id": one.id, "title": one.title, "value": one.value, "event_type": one.event_type}
        for one in conflict.statements
    )
    return Alert(
        key=key,
        prediction=prediction,
        reading="",
        kind=SOURCE_CONFLICT,
        milestone=SOURCE_CONFLICT,
        title=f"Sources disagree about the {conflict.about} of '{conflict.statements[0].title}': {said}.{suspicion}",
        state="",
        progress=0.0,
        known_at=conflict.known_at,
        evidence=evidence,
        rule=rule.id,
    )
