"""What putting reports into stories adds to a batch, in stores of different sizes. Run from the project folder::

    python -m benchmarks.stories_benchmark [--rows 1000000] [--orgs 2000]

Deals of random pairs of organisations on random days of four years. Few organisations (10) make long keys: hundreds of
reports of one pair and kind; many (2000) make nearly every report a story of its own.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from schemas.outcomes import ResolvedOrg
from schemas.settling import ArrivedSignal, SettleBatch
from sinks import landing
from sinks.duckdb_sink import DuckDBSink
from sinks.story_catch_up import catch_up
from sinks.story_groups import Touched, regroup
from tests.sinks.builders import LANDED_AT, arrived

DAYS = 1460
KINDS = ("cloud", "compute supply", "licence")
SIZES = (1000, 10_000)
ROUNDS = 7


def main() -> None:
    """Fill a store, group it, then land batches and say how long the stories took of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--orgs", type=int, default=2000)
    options = parser.parse_args()
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, DuckDBSink(Path(folder) / "store.duckdb") as sink:
        sink.open()
        with sink.transaction() as transaction:
            transaction.land(_batch(0, 1, options.orgs, rng), LANDED_AT)
        _fill(sink, options.rows, options.orgs)
        with sink.reader() as connection:
            begun = time.perf_counter()
            grouped = catch_up(connection)
            seconds = time.perf_counter() - begun
            told = "SELECT count(DISTINCT story_hash) FROM story_events"
            stories = connection.execute(told).fetchall()[0][0]
            print(f"{grouped:,} events grouped afterwards in {seconds:.1f} s: {stories:,} stories")
        timed: list[float] = []
        vars(landing)["regroup"] = _timed(regroup, timed)
        offset = 1
        for size in SIZES:
            whole: list[float] = []
            timed.clear()
            for _ in range(ROUNDS):
                batch = _batch(offset, size, options.orgs, rng)
                offset += size
                begun = time.perf_counter()
                with sink.transaction() as transaction:
                    transaction.land(batch, LANDED_AT)
                whole.append(time.perf_counter() - begun)
            print(
                f"batches of {size:>6,}: {statistics.median(whole) * 1e3:.0f} ms to land, "
                f"{statistics.median(timed) * 1e3:.0f} ms of it for stories (worst {max(timed) * 1e3:.0f})"
            )


def _timed(regroup: Callable[..., frozenset[str]], timed: list[float]) -> Callable[..., frozenset[str]]:
    def timing(connection: Any, touched: Touched) -> frozenset[str]:
        begun = time.perf_counter()
        types = regroup(connection, touched)
        timed.append(time.perf_counter() - begun)
        return types

    return timing


def _batch(start: int, size: int, orgs: int, rng: random.Random) -> SettleBatch:
    return SettleBatch(
        signals=tuple(_deal(offset, orgs, rng) for offset in range(start, start + size)),
        next_offsets={("signals.validated", 0): start + size},
    )


def _deal(offset: int, orgs: int, rng: random.Random) -> ArrivedSignal:
    one, other = (f"org {number}" for number in rng.sample(range(orgs), 2))
    parties = [{"name": one, "role": "buyer"}, {"name": other, "role": "supplier"}]
    deal = arrived(offset, id=f"new-{offset}", minutes=offset / 100, kind=rng.choice(KINDS), parties=parties)
    day = date(2023, 1, 1) + timedelta(days=rng.randrange(DAYS))
    named = (ResolvedOrg(one, one), ResolvedOrg(other, other))
    return replace(
        deal, signal=deal.signal.model_copy(update={"occurred_first": day, "occurred_last": day, "orgs": named})
    )


def _fill(sink: DuckDBSink, rows: int, orgs: int) -> None:
    """Multiply the landed row, with other parties and days."""
    with sink.transaction() as transaction:
        transaction.connection.execute(f"""
            INSERT INTO events BY NAME
            SELECT
                e.* REPLACE (
                    hash(made.n) AS event_hash, 'old-' || made.n AS id, made.day AS occurred_on,
                    made.day AS occurred_until,
                    to_json({{'kind': made.kind, 'parties': [
                        {{'name': made.one, 'role': 'buyer'}}, {{'name': made.other, 'role': 'supplier'}}
                    ]}}) AS fields,
                    list_transform([made.one, made.other], lambda name: {{
                        'name': name, 'id': name, 'archetype': NULL, 'region': NULL, 'country': NULL, 'parent': NULL
                    }}) AS orgs
                )
            FROM (SELECT * FROM events LIMIT 1) e, (
                SELECT
                    n, DATE '2023-01-01' + CAST(hash(n, 1) % {DAYS} AS INTEGER) AS day,
                    ['{"', '".join(KINDS)}'][CAST(1 + hash(n, 2) % {len(KINDS)} AS INTEGER)] AS kind,
                    'org ' || (hash(n, 3) % {orgs}) AS one,
                    'org ' || ((hash(n, 3) % {orgs} + 1 + hash(n, 4) % {orgs - 1}) % {orgs}) AS other
                FROM range({rows}) numbers(n)
            ) made""")


if __name__ == "__main__":
    main()
