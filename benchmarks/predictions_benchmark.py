"""How long predictions take to be evaluated: after a batch, at the start, and for a backtest. From the project folder::

    python -m benchmarks.predictions_benchmark [--rows 1000000] [--definitions 200] [--batches N ...] [--keep FILE]

The store holds ``--rows`` events of five types about the organisations of the registry, the same in every run. The
definitions are the shipped ones and generated ones: each about one organisation, with a window, a threshold and one or
two conditions. A batch is as many new events in one transaction; its figure is for the evaluation alone, with all that
it reads and writes, without the landing before and the commit after it.
"""

import argparse
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from dualtrack.tools import reference_tables
from predictions.definition import Definition
from predictions.evaluate import PredictionEngine
from predictions.load import load_definitions, parse_definition
from predictions.milestones import alerts_of
from predictions.views import install_views
from registry.loader import load_organisations
from schemas.settling import Fresh
from sinks.duckdb_tables import migrate, migrations
from sinks.views import create_views, load_reference

START = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ROUNDS = 7

_CRITERIA = (
    "{{count_distinct: {{from: facts_funding, about: \"company = '{name}'\", of: lead, where: [firm, large], "
    "at_least: 9, unit: leads}}}}",
    "{{exists: {{from: facts_deal, about: \"list_contains(list_transform(parties, lambda p: p.name), '{name}')\", "
    "where: [firm, supply]}}}}",
    "{{sum: {{from: facts_deal, about: \"orgs[1].name = '{name}'\", value: amount_usd, where: [firm], "
    "at_least: 9000000000000, unit: USD}}}}",
    "{{latest: {{from: facts_benchmark, about: \"developer = '{name}'\", value: score, within: benchmark, "
    "where: [high], at_least: 99}}}}",
    "{{count_distinct: {{from: facts_model_release, about: \"developer = '{name}'\", of: model, "
    "where: [firm, trained], at_least: 500, unit: models}}}}",
)
_CONDITIONS = """
  firm: {words: it is firm, sql: "status IN ('announced', 'signed', 'closed')"}
  large: {words: a billion or more, sql: valuation_usd >= 1e9}
  supply: {words: it is about chips, sql: "kind = 'chip supply'"}
  high: {words: a high score, sql: score > 50}
  trained: {words: much compute, sql: training_compute_flop >= 1e25}
"""

_FILL = """
INSERT INTO events BY NAME
WITH drawn AS (
    SELECT
        i, hash(i) AS h, TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (i * 80) SECOND AS known,
        ['funding', 'deal', 'benchmark', 'model-release', 'metric'][1 + draw(i, 1, 5)] AS event_type,
        orgs[1 + draw(i, 2, len(orgs))] AS a, orgs[1 + draw(i, 3, len(orgs))] AS b
    FROM range($first, $first + $rows) r(i), (SELECT list(name ORDER BY id) AS orgs FROM ref_organisations)
)
SELECT
    h AS event_hash, 'benchmark' AS source, 'e' || i AS id, event_type, 1 AS version, 'Event ' || i AS title,
    ['announced', 'rumoured', 'signed', 'closed'][1 + draw(i, 4, 4)] AS status, ['https://example.org/' || i] AS urls,
    CAST(known AS DATE) AS occurred_on, CAST(known AS DATE) AS occurred_until, 'day' AS occurred_precision,
    known AS reported_at, known AS known_at, $landed_at AS landed_at, 'cost' AS track, MAP {{'cost': 0.9}} AS scores,
    [] AS evidence,
    [{{'name': a, 'id': NULL, 'archetype': NULL, 'region': NULL, 'country': NULL, 'parent': NULL}},
     {{'name': b, 'id': NULL, 'archetype': NULL, 'region': NULL, 'country': NULL, 'parent': NULL}}] AS orgs,
    [] AS money, (draw(i, 5, 9000000000))::DECIMAL(38, 6) AS amount_usd,
    (draw(i, 6, 3000000000))::DECIMAL(38, 6) AS valuation_usd, [] AS warnings, '{{}}' AS envelope,
    CASE event_type
        WHEN 'funding' THEN json_object('company', a, 'lead', b, 'sector', 'software')
        WHEN 'deal' THEN json_object('kind', ['chip supply', 'cloud', 'other'][1 + draw(i, 7, 3)],
            'parties', [{{'name': a, 'role': 'customer'}}, {{'name': b, 'role': 'provider'}}])
        WHEN 'benchmark' THEN json_object('developer', a, 'model', 'm' || draw(i, 8, 50), 'score', draw(i, 9, 100),
            'benchmark', ['MMLU', 'GPQA', 'Epoch Capabilities Index'][1 + draw(i, 10, 40) // 19])
        WHEN 'model-release' THEN json_object('developer', a, 'model', 'm' || draw(i, 8, 5000),
            'training_compute_flop', 1e24 * (draw(i, 9, 12)))
        ELSE json_object('subject', a, 'metric', 'revenue', 'value', draw(i, 9, 1000))
    END AS fields,
    fields AS data, 'x' AS content_hash, 'signals.' || event_type AS input_topic,
    0 AS input_partition, i AS input_offset
FROM drawn
"""


def main() -> None:
    """Print one line per measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--definitions", type=int, default=200)
    parser.add_argument("--batches", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--keep", type=Path, help="a file for the store: filled once, used again")
    given = parser.parse_args()
    definitions = make_definitions(given.definitions)
    with tempfile.TemporaryDirectory() as folder:
        connection = _store(given.keep or Path(folder) / "store.duckdb", given.rows)
        engine = PredictionEngine(definitions)
        begun = time.perf_counter()
        engine.evaluate(connection, NOW)
        engine.keep()
        print(
            f"{len(definitions)} definitions over {given.rows:,} events: the first evaluation takes "
            f"{time.perf_counter() - begun:.1f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"
        )
        next_row = given.rows
        for size in given.batches:
            next_row = _measure(connection, engine, next_row, size, given.rows)


def make_definitions(number: int) -> tuple[Definition, ...]:
    """The shipped ones and generated ones, ``number`` in all."""
    shipped = load_definitions()
    names = sorted(org.name for org in load_organisations().by_id.values() if "'" not in org.name)
    found = list(shipped)
    for index in range(number - len(shipped)):
        criterion = _CRITERIA[index % len(_CRITERIA)].format(name=names[index % len(names)])
        found.append(
            parse_definition(
                f"""
id: g{index}
title: Generated {index}
claim: Something happens.
source: the benchmark
made_on: 2024-01-01
conditions:{_CONDITIONS}
readings:
  - {{id: main, description: generated, deadline: 2027-12-31, criterion: {criterion}}}
""",
                f"generated-{index}.yaml",
            )
        )
    return tuple(found[:number])


def _store(file: Path, rows: int) -> duckdb.DuckDBPyConnection:
    is_new = not file.exists()
    connection = duckdb.connect(str(file))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE TEMP MACRO draw(i, salt, below) AS CAST(hash(i * 16 + salt) % below AS BIGINT)")
    if is_new:
        migrate(connection, 0, migrations(), START)
        for name, table in reference_tables().items():
            load_reference(connection, name, table)
        begun = time.perf_counter()
        connection.execute(_FILL.format(), {"first": 0, "rows": rows, "landed_at": START})
        connection.execute("CHECKPOINT")
        print(f"{rows:,} events made in {time.perf_counter() - begun:.0f} s")
    create_views(connection)
    install_views(connection)
    return connection


def _measure(
    connection: duckdb.DuckDBPyConnection, engine: PredictionEngine, next_row: int, size: int, rows: int
) -> int:
    seconds, moved = [], []
    for number in range(ROUNDS):
        landed_at = NOW + timedelta(seconds=next_row + number)
        connection.execute("BEGIN")
        connection.execute(_FILL.format(), {"first": next_row, "rows": size, "landed_at": landed_at})
        hashes = connection.execute("SELECT event_hash FROM events WHERE landed_at = ?", [landed_at]).fetchall()
        fresh = Fresh(landed_at, frozenset(hash for (hash,) in hashes))
        begun = time.perf_counter()
        changes = engine.evaluate(connection, landed_at, fresh)
        seconds.append(time.perf_counter() - begun)
        connection.execute("COMMIT")
        engine.keep()
        moved.append(len(changes))
        alerts_of(changes)
        next_row += size
    print(
        f"after a batch of {size:,} at {rows:,} stored events: median {statistics.median(seconds) * 1e3:.0f} ms, "
        f"fastest {min(seconds) * 1e3:.0f} ms, slowest {max(seconds) * 1e3:.0f} ms; "
        f"{statistics.median(moved):.0f} readings moved"
    )
    return next_row


if __name__ == "__main__":
    main()
