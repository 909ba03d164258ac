"""The store as it was: what had happened by a day, and what was known by a time, in every view."""

import re
from datetime import date, datetime
from graphlib import TopologicalSorter
from typing import Final

import duckdb

_READS: Final = re.compile(r'\b(?:FROM|JOIN)\s+\(*"?(\w+)', re.IGNORECASE)
"""What a statement reads, as DuckDB writes it."""


def look_back(connection: duckdb.DuckDBPyConnection, as_of: date | None = None, known: datetime | None = None) -> None:
    """From now on this connection sees what had happened by a day, and what was known by a time.

    Every view of the store is made anew, for this connection only, over the events that fit. Corrections that nobody
    knew have not corrected anything yet; those that were known hold, whatever day they move an event to. The store
    stays as it is, and may be open for reading only.
    """
    name = connection.execute("SELECT current_database()").fetchall()[0][0]
    rows = connection.execute(
        "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal AND NOT temporary"
    ).fetchall()
    texts: dict[str, str] = dict(rows)
    everything = f'SELECT * FROM "{name}".main.events'
    was_known = f"known_at <= TIMESTAMPTZ '{known.isoformat()}'" if known else "TRUE"
    had_happened = f"occurred_on <= DATE '{as_of.isoformat()}'" if as_of else "TRUE"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW events AS {everything} WHERE {was_known}")
    ended = texts.pop("supersessions").replace("CREATE VIEW", "CREATE OR REPLACE TEMP TABLE", 1)
    connection.execute(ended)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW events AS {everything} WHERE {was_known} AND {had_happened}")
    # A view stands on those that are there when it is made: they come first, lest it finds the store's own.
    order = TopologicalSorter({view: set(_READS.findall(sql)) & texts.keys() for view, sql in texts.items()})
    for view in order.static_order():
        connection.execute(texts[view].replace("CREATE VIEW", "CREATE OR REPLACE TEMP VIEW", 1))
