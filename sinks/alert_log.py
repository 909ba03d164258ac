"""What was told to whom, and when: the outbox with its deliveries, newest first."""

from typing import Any, Final

import duckdb

from schemas.alerts import NOBODY
from sinks.addressing import IN_DIGEST

DELIVERED: Final = "delivered"
FAILED: Final = "failed"
WAITING: Final = "waiting"
HELD: Final = "held"
BUNDLED: Final = "in a digest"
NOT_SENT: Final = "not sent"


def log_of(
    connection: duckdb.DuckDBPyConnection, *, prediction: str | None = None, failed: bool = False
) -> list[dict[str, Any]]:
    """One row for each alert and receiver: what became of it, the attempts, and the last error.

    ``failed``: only those of which the last attempt failed. What was told to nobody is left out.
    """
    cursor = connection.execute(
        """
        SELECT created_at, receiver, rule, prediction, reading, kind, title, delivered_at, attempts, last_error,
            remark, held, "key"
        FROM alerts
        WHERE receiver <> ? AND (?::VARCHAR IS NULL OR prediction = ?)
        ORDER BY created_at DESC, "key", receiver
        """,
        [NOBODY, prediction, prediction],
    )
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row["outcome"] = _outcome(row)
    return [row for row in rows if row["outcome"] == FAILED] if failed else rows


def _outcome(row: dict[str, Any]) -> str:
    remark = row["remark"] or ""
    if remark.startswith(IN_DIGEST):
        return BUNDLED
    if row["delivered_at"] is not None:
        return NOT_SENT if remark else DELIVERED
    if row["held"]:
        return HELD
    return FAILED if row["attempts"] else WAITING
