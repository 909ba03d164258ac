"""The conflicts that stories show, for alerts: what a batch has brought into the stories that it touched."""

from collections.abc import Iterator

import duckdb

from predictions.conflicts import Conflict, Statement
from stories.conflicts import Claim, conflicts_in


def conflicts_of_batch(connection: duckdb.DuckDBPyConnection, arrived: str) -> Iterator[Conflict]:
    """Every disagreement within the stories of the rows of ``events`` that ``arrived`` (a condition) is true of."""
    hashes = [hash for (hash,) in connection.execute(f"SELECT event_hash FROM events WHERE {arrived}").fetchall()]
    for found in conflicts_in(connection, hashes):
        yield Conflict(
            story=found.story,
            about=found.field,
            statements=tuple(_statement(claim) for claim in found.claims),
            known_at=max(claim.report.reported_at for claim in found.claims),
            unit_error=found.suspected_unit_error is not None,
        )


def _statement(claim: Claim) -> Statement:
    report, stated = claim.report, claim.stated
    value = f"{stated.value.normalize():f}{f' {stated.currency}' if stated.currency else ''}"
    return Statement(report.source, report.id, report.title, value, report.event_type)
