"""The definitions that a store has declared: every version, with its recorded hash and the text that it had then."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb
from pydantic import ValidationError

from predictions.definition import Definition
from predictions.past import Point
from predictions.store import from_microseconds
from schemas.faults import TerminalFault

ADVICE: Final = "what it said is kept in `dualtrack predictions history ID --revisions`"


class UnreadableDefinition(TerminalFault):
    """A declared text that this version of the language does not understand."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared text of a definition. New wording under the same version is a text of its own."""

    prediction: str
    version: int
    hash: str
    """As recorded when it was declared."""
    text: dict[str, Any]
    declared_at: datetime

    def definition(self) -> Definition:
        """The definition; raises UnreadableDefinition."""
        try:
            return Definition.model_validate(self.text)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            raise UnreadableDefinition(
                f"version {self.version} of {self.prediction} can no longer be computed ({reason}); {ADVICE}"
            ) from error


def declared(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Declared]]:
    """Everything that was ever declared, by prediction; versions in order, and the texts of each."""
    rows = connection.execute("""
        SELECT prediction, version, definition_hash, definition, epoch_us(declared_at) FROM prediction_definitions
        ORDER BY prediction, version, declared_at, rowid
    """).fetchall()
    found: dict[str, list[Declared]] = {}
    for prediction, version, hash, text, at in rows:
        item = Declared(prediction, version, hash, json.loads(text), from_microseconds(at))
        found.setdefault(prediction, []).append(item)
    return found


def in_force(texts: Sequence[Declared], point: Point) -> Declared:
    """The text that judged then; the first one where nothing was declared yet.

    A declaration is dated by this installation's clock, so by the publishers' clock the newest text judges.
    """
    if point.clock == "reported_at":
        return texts[-1]
    return next((item for item in reversed(texts) if item.declared_at <= point.known), texts[0])


def version_of(texts: Sequence[Declared], version: int) -> Declared:
    """The newest text of a version; raises KeyError that names the versions there are."""
    for item in reversed(texts):
        if item.version == version:
            return item
    known = ", ".join(map(str, dict.fromkeys(item.version for item in texts)))
    raise KeyError(f"{texts[0].prediction} has no version {version}; declared in this store: {known}")
