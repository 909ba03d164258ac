"""Stories of a store that has none yet, or was grouped by other rules: at opening, before anything lands."""

from typing import Final

import duckdb

from sinks.story_groups import Touched, regroup
from stories.rules import VERSION

_AT_ONCE: Final = 20_000
"""Events that are grouped in one transaction: bounds memory, and an interruption goes on from there."""


def catch_up(connection: duckdb.DuckDBPyConnection) -> int:
    """Group the events that have no row in ``story_events``; all of them where the rules have changed.

    Returns how many there were. A store that is up to date costs nothing.
    """
    if connection.execute("SELECT version FROM story_rules").fetchall() != [(VERSION,)]:
        connection.execute("BEGIN")
        connection.execute("DELETE FROM story_events")
        connection.execute("DELETE FROM story_rules")
        connection.execute("INSERT INTO story_rules VALUES (?)", [VERSION])
        connection.execute("COMMIT")
    counts = connection.execute("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM story_events)").fetchall()
    if counts[0][0] == counts[0][1]:
        return 0
    rows = connection.execute(
        "SELECT event_hash FROM events ANTI JOIN story_events USING (event_hash) ORDER BY occurred_on, event_hash"
    ).fetchall()
    hashes = [hash for (hash,) in rows]
    for start in range(0, len(hashes), _AT_ONCE):
        connection.execute("BEGIN")
        try:
            moved = frozenset(hashes[start : start + _AT_ONCE])
            regroup(connection, Touched(moved=moved, decisions=start == 0))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return len(hashes)
