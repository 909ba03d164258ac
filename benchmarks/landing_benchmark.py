"""How fast batches land: rows a second, in an empty store and in one with a million rows. Run from the project folder::

    python -m benchmarks.landing_benchmark [--rows 1000000]

Each batch is one committed transaction of deals of about 300 bytes, as the settle station lands them.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from schemas.settling import ArrivedSignal, SettleBatch
from sinks.duckdb_sink import DuckDBSink
from tests.sinks.builders import LANDED_AT, arrived, at, money, name

SIZES = (1000, 5000)
ROUNDS = 15


def main() -> None:
    """Print one line per size of the store and of the batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder, DuckDBSink(Path(folder) / "store.duckdb") as sink:
        sink.open()
        next_offset = 0
        for filled in (0, rows):
            _fill(sink, filled)
            for size in SIZES:
                next_offset = _measure(sink, filled, size, next_offset)
        _redelivery(sink, SIZES[0])
        for which in ("first", "second"):
            taken = sink.snapshot(Path(folder) / "snapshot.duckdb")
            print(f"{which} snapshot, {taken.size / 1e6:.0f} MB: {taken.seconds * 1e3:.0f} ms")
        _views(sink)


def _batch(start: int, size: int) -> SettleBatch:
    signals: list[ArrivedSignal] = []
    for offset in range(start, start + size):
        deal = arrived(offset, minutes=offset / 100, money=[money("amount", "6600000000")])
        signals.append(ArrivedSignal(name(offset, "signals.deal", offset % 4), deal.via, at(offset / 100), deal.signal))
    return SettleBatch(signals=tuple(signals), next_offsets={("signals.validated", 0): start + size})


def _land(sink: DuckDBSink, batch: SettleBatch) -> float:
    begun = time.perf_counter()
    with sink.transaction() as transaction:
        transaction.land(batch, LANDED_AT)
    return time.perf_counter() - begun


def _measure(sink: DuckDBSink, filled: int, size: int, start: int) -> int:
    seconds = []
    for _ in range(ROUNDS):
        seconds.append(_land(sink, _batch(start, size)))
        start += size
    best, middle, worst = min(seconds), statistics.median(seconds), max(seconds)
    print(
        f"{filled:>9,} rows before, batches of {size:>5,}: best {best * 1e3:.1f} ms, median {middle * 1e3:.1f} ms, "
        f"worst {worst * 1e3:.1f} ms; {size / middle:,.0f} rows/s"
    )
    return start


def _redelivery(sink: DuckDBSink, size: int) -> None:
    seconds = [_land(sink, _batch(0, size)) for _ in range(5)]
    print(f"the same {size:,} inputs again: {statistics.median(seconds) * 1e3:.1f} ms")


def _fill(sink: DuckDBSink, rows: int) -> None:
    """Multiply the landed rows up to ``rows``, with hashes of their own."""
    if not rows:
        return
    with sink.transaction() as transaction:
        connection = transaction.connection
        have = connection.execute("SELECT count(*) FROM events").fetchall()[0][0]
        connection.execute(
            f"""INSERT INTO events BY NAME
            SELECT * EXCLUDE (copy) REPLACE (hash(event_hash, copy) AS event_hash, id || '-' || copy AS id)
            FROM events, range(1, {rows // have + 1}) copies(copy) LIMIT {rows}"""
        )
        connection.execute(
            f"""INSERT INTO outcomes BY NAME
            SELECT * EXCLUDE (copy)
                REPLACE (hash(input_hash, copy) AS input_hash, "offset" + 1000000000 * copy AS "offset")
            FROM outcomes, range(1, {rows // have + 1}) copies(copy) LIMIT {rows}"""
        )


def _views(sink: DuckDBSink) -> None:
    queries = (
        "SELECT track, count(*) FROM signals GROUP BY ALL",
        "SELECT * FROM signals_newest_first LIMIT 20",
        "SELECT kind, count(*), sum(amount_usd) FROM deals GROUP BY ALL",
        "SELECT * FROM ledger",
    )
    with sink.reader() as connection:
        for query in queries:
            begun = time.perf_counter()
            connection.execute(query).fetchall()
            print(f"{(time.perf_counter() - begun) * 1e3:7.0f} ms  {query}")


if __name__ == "__main__":
    main()
