"""Who said it, where and when: the events and decisions that a state cites, by their identity."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import duckdb

Identity = tuple[str, str]
Citation = dict[str, Any]

_EVENTS: Final = """
SELECT
    source, id, title, occurred_on, occurred_until, status, publisher, origin, urls[1] AS url, reported_at, known_at,
    input_topic AS topic, input_partition AS "partition", input_offset AS "offset", corrects, retracts
FROM events WHERE list_contains(?, source || '#' || id)"""

_DECISIONS: Final = """
SELECT
    source, id, decided_by || ': ' || kind || coalesce(' as ' || (data->>'$.outcome'), '') || coalesce(', ' || why, '')
        AS title,
    reported_at, known_at, input_topic AS topic, input_partition AS "partition", input_offset AS "offset"
FROM decisions WHERE list_contains(?, source || '#' || id)"""


def citations(connection: duckdb.DuckDBPyConnection, identities: Iterable[Identity]) -> dict[Identity, Citation]:
    """What the store says about these events and decisions."""
    wanted = [f"{source}#{id}" for source, id in sorted(set(identities))]
    if not wanted:
        return {}
    found: dict[Identity, Citation] = {}
    for sql in (_DECISIONS, _EVENTS):
        cursor = connection.execute(sql, [wanted])
        names = [column[0] for column in cursor.description or ()]
        for values in cursor.fetchall():
            row = dict(zip(names, values, strict=True))
            found[row["source"], row["id"]] = {key: value for key, value in row.items() if value is not None}
    return found


def identities_in(items: Iterable[Mapping[str, Any] | None]) -> set[Identity]:
    """The identities of causes and of evidence, with the further events that rows are made of."""
    found = set()
    for item in items:
        if item:
            found.add((item["source"], item["id"]))
            found |= {(other["source"], other["id"]) for other in item.get("also", ())}
    return found


def cited(item: Mapping[str, Any], known: Mapping[Identity, Citation]) -> Citation:
    """A cause or an evidence item with what the store says about its event. What the item says itself stays."""
    whole = {**known.get((item["source"], item["id"]), {}), **{k: v for k, v in item.items() if v is not None}}
    if "also" in item:
        whole["also"] = [cited(other, known) for other in item["also"]]
    return whole
