"""What people resolved, as stored: the audit trail, for the command and for the story of a prediction."""

from typing import TYPE_CHECKING, Any

from sinks.forecast_views import RESOLUTIONS

if TYPE_CHECKING:
    import duckdb


def read_resolutions(connection: "duckdb.DuckDBPyConnection", prediction: str | None = None) -> list[dict[str, Any]]:
    """All of them, or those of one prediction: oldest first, by prediction and reading."""
    cursor = connection.execute(
        f"SELECT * FROM ({RESOLUTIONS}) WHERE prediction = coalesce(?, prediction) "
        'ORDER BY prediction, reading, decided_at, topic, "partition", "offset"',
        [prediction],
    )
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def with_resolutions(connection: "duckdb.DuckDBPyConnection", story: dict[str, Any]) -> dict[str, Any]:
    """The story of a prediction (``predictions.read.show``) with what people resolved about each of its readings."""
    rows = read_resolutions(connection, story["id"])
    readings = [
        {**reading, "resolutions": [row for row in rows if row["reading"] == reading["reading"]]}
        for reading in story["readings"]
    ]
    return {**story, "readings": readings}
