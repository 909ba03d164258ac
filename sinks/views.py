"""The views that analysts and predictions read, made anew by the writer at every opening.

``facts_<type>``
    All events of a type that ever landed, typed, with ``known_from`` and ``known_until``: between the two the event was
    what was known (``known_from <= t AND (known_until IS NULL OR t < known_until)``); ``known_until`` is null while it
    still holds. ``reported_until`` is the same by the publishers' clock, for backtests over events that were loaded
    together, beside ``reported_at``. Retractions themselves are no facts.
``deals``, ``model_releases``, ...
    The facts that still hold.
``signals``
    The events of all types that still hold, with what they have in common; ``signals_newest_first`` has them in order.
``forecasts``, ``forecast_scores``, ``prediction_outcomes``, ``resolutions``
    What people said: see ``sinks.forecast_views``.

**What ends an event** (``supersessions``): the first of these that became known, though never before the event itself:
an event that corrects it or retracts it; a later one that corrects the same event as it does (later by ``known_at``,
then by input); one that retracts the event which it corrects.

Simplified on purpose, one level deep: a correction or retraction that is itself retracted counts as if it had never
been, in the past too; a retraction is not taken back by retracting *its* retraction a second time; and a correction of
a correction is not ended by what happens to the event at the root. Matching is by 64-bit hash of the identity.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import duckdb
import pyarrow as pa

from schemas.events import EVENTS, Event
from sinks.forecast_views import FORECAST_VIEWS
from sinks.view_columns import columns_of
from sinks.view_texts import FIXED_VIEWS, SIGNALS, SUPERSESSIONS

_PLURALS: Final = {"policy": "policies", "funding": "funding"}

_COMMON: Final = frozenset(Event.model_fields)

_EVENT_COLUMNS: Final = (
    "event_hash",
    "source",
    "id",
    "event_type",
    "version",
    "title",
    "summary",
    "publisher",
    "origin",
    "status",
    "urls",
    "occurred_on",
    "occurred_until",
    "occurred_precision",
    "reported_at",
    "known_at",
    "landed_at",
    "track",
    "scores",
    "evidence",
    "orgs",
    "money",
    "amount_usd",
    "valuation_usd",
    "warnings",
    "corrects",
    "retracts",
    "derived_from",
    "corrects_hash",
    "retracts_hash",
    "envelope",
    "data",
    "fields",
    "content_hash",
    "replay_of",
    "input_topic",
    "input_partition",
    "input_offset",
)
"""Columns of ``events``: a field of a model may not have one of these names."""


_MONEY_COLUMNS: Final = ("amount_usd", "valuation_usd")
"""Columns of ``events`` that hold the USD of the fields ``amount`` and ``valuation`` already."""


def facts_name(event_type: str) -> str:
    """The view of all facts of a type: ``model-release`` gives ``facts_model_release``."""
    return f"facts_{event_type.replace('-', '_')}"


def current_name(event_type: str) -> str:
    """The view of the facts that still hold: ``model-release`` gives ``model_releases``."""
    return _PLURALS.get(event_type, f"{event_type.replace('-', '_')}s")


def typed_columns(event_type: str) -> dict[str, str]:
    """Column name to SQL expression for the fields that a type adds; those of all its versions together."""
    found: dict[str, str] = {}
    for model in EVENTS:
        if model.event_type == event_type:
            found |= columns_of(model, _COMMON)
    for same in _MONEY_COLUMNS:
        found.pop(same, None)
    taken = set(found) & {*_EVENT_COLUMNS, "event", "known_from", "known_until", "reported_until"}
    if taken:
        raise ValueError(f"fields of {event_type} have names of common columns: {sorted(taken)}")
    return found


def view_statements() -> dict[str, str]:
    """View name to its query, in the order in which they can be made."""
    views = {"supersessions": SUPERSESSIONS}
    for event_type in dict.fromkeys(model.event_type for model in EVENTS):
        views[facts_name(event_type)] = _facts(event_type)
        views[current_name(event_type)] = f"SELECT * FROM {facts_name(event_type)} WHERE known_until IS NULL"
    return views | {"signals": SIGNALS} | FIXED_VIEWS | FORECAST_VIEWS


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every view anew, all or none."""
    connection.execute("BEGIN")
    try:
        for name, query in view_statements().items():
            connection.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def load_reference(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows to a reference table (``ref_...``), replacing what it held; column types follow the values.

    Raises ValueError for a name without ``ref_`` or for no rows at all (which have no columns).
    """
    if not name.startswith("ref_") or not name.isidentifier():
        raise ValueError(f"{name!r} is no name for a reference table: ref_ and lower case")
    if not rows:
        raise ValueError(f"{name} has no rows")
    columns = dict.fromkeys(column for row in rows for column in row)
    table = pa.table({column: pa.array([row.get(column) for row in rows]) for column in columns})
    connection.register("arriving_reference", table)
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM arriving_reference")
    finally:
        connection.unregister("arriving_reference")


def arrived_facts(event_type: str, rows: str) -> str:
    """The facts of a type among some rows of ``events`` (``rows``: a condition over ``e``), as they are by themselves.

    What has ended them is not asked, for that takes the whole store: ``known_until`` is null."""
    return f"""
SELECT {_columns_of_facts(event_type)},
    NULL::TIMESTAMPTZ AS known_until,
    NULL::TIMESTAMPTZ AS reported_until
FROM events e
WHERE e.event_type = '{event_type}' AND e.retracts_hash IS NULL AND ({rows})"""


def _facts(event_type: str) -> str:
    return f"""
SELECT {_columns_of_facts(event_type)},
    s.known_until,
    s.reported_until
FROM events e
LEFT JOIN supersessions s ON s.event_hash = e.event_hash
WHERE e.event_type = '{event_type}' AND e.retracts_hash IS NULL"""


def _columns_of_facts(event_type: str) -> str:
    typed = "".join(f',\n    {sql} AS "{column}"' for column, sql in typed_columns(event_type).items())
    return f"""
    e.source || '#' || e.id AS event,
    e.*{typed},
    e.known_at AS known_from"""
