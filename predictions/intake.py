"""What the engine reads of the store: the events of a batch, or all of them piece by piece, and what ended which."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import duckdb
import pyarrow as pa

from predictions import store
from predictions.fold import Changes, Identity
from predictions.scratch import Ending
from schemas.settling import Fresh

PIECE_ROWS: Final = 20_000
"""Events that are looked at together where all are: as many as fit a worker's memory beside everything else."""

_TYPES: Final = "event_type IN (SELECT unnest(?::VARCHAR[]))"


@dataclass(frozen=True, slots=True)
class Ends:
    """Corrections and retractions, and what they ended, as of one look at the store."""

    changes: Changes = field(default_factory=Changes)
    endings: dict[int, Ending] = field(default_factory=dict)
    """By hash of the ended event."""
    targets: frozenset[int] = frozenset()
    """Hashes of all events that some change names, landed or not."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Events to be looked at together."""

    events: pa.Table
    read_again: tuple[Identity, ...] = ()
    """Those among them that were looked at before."""
    ends: Ends | None = None
    """Anew, where the batch changed something."""


def ends(connection: duckdb.DuckDBPyConnection) -> Ends:
    """Every change that landed. Costs a look at all of them, and at no other event."""
    rows = connection.execute(
        "SELECT event_hash, epoch_us(known_until), epoch_us(reported_until) FROM supersessions"
    ).fetchall()
    named = connection.execute(
        "SELECT corrects_hash, retracts_hash FROM events WHERE corrects_hash IS NOT NULL OR retracts_hash IS NOT NULL"
    ).fetchall()
    targets = frozenset(hash for pair in named for hash in pair if hash is not None)
    return Ends(store.changes(connection), {hash: (known, reported) for hash, known, reported in rows}, targets)


def all_events(connection: duckdb.DuckDBPyConnection, columns: str, event_types: frozenset[str]) -> Iterator[pa.Table]:
    """Every event of some types, piece by piece; nothing else may be asked of the connection meanwhile."""
    asked = connection.execute(f"SELECT {columns} FROM events WHERE {_TYPES}", [sorted(event_types)])
    for batch in asked.to_arrow_reader(PIECE_ROWS):
        yield pa.Table.from_batches([batch])


def fresh_events(connection: duckdb.DuckDBPyConnection, columns: str, fresh: Fresh, before: Ends) -> Piece:
    """The events of a batch, and with them those that its corrections and retractions ended."""
    # The rows of a batch stand together and have one time of landing, which lets DuckDB skip all others.
    events = connection.execute(
        f"SELECT {columns} FROM events WHERE landed_at = ? AND event_hash IN (SELECT unnest(?::UBIGINT[]))",
        [fresh.landed_at, sorted(fresh.hashes)],
    ).to_arrow_table()
    changing = events.num_rows > 0 and any(
        events.column(name).null_count < events.num_rows for name in ("corrects_hash", "retracts_hash")
    )
    if not changing and not (before.targets and fresh.hashes & before.targets):
        return Piece(events)
    now = ends(connection)
    moved = {hash for hash, _ in before.endings.items() ^ now.endings.items()}
    again = (moved | _named_by(events) | _correcting(connection, _named_by(events))) - fresh.hashes
    if not again:
        return Piece(events, ends=now)
    others = connection.execute(
        f"SELECT {columns} FROM events WHERE event_hash IN (SELECT unnest(?::UBIGINT[]))", [sorted(again)]
    ).to_arrow_table()
    names = zip(others.column("source").to_pylist(), others.column("id").to_pylist(), strict=True)
    return Piece(pa.concat_tables([events, others]), tuple(names), now)


def _named_by(events: pa.Table) -> set[int]:
    named = (*events.column("corrects_hash").to_pylist(), *events.column("retracts_hash").to_pylist())
    return {hash for hash in named if hash is not None}


def _correcting(connection: duckdb.DuckDBPyConnection, targets: set[int]) -> set[int]:
    """Corrections of what is corrected once more, or retracted: they end with it."""
    rows = connection.execute(
        "SELECT event_hash FROM events WHERE corrects_hash IN (SELECT unnest(?::UBIGINT[]))", [sorted(targets)]
    ).fetchall()
    return {hash for (hash,) in rows}
