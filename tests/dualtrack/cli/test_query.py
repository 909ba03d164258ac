"""``dualtrack query``: one statement that reads, as a table or as one JSON document."""

import json
from pathlib import Path

import pytest

from dualtrack.settings import Settings
from dualtrack.tools import settle_parts
from tests.dualtrack.kit import dualtrack, json_of


def test_rows_are_shown_and_are_json(loaded: Path) -> None:
    sql = "SELECT outcome, count(*) AS inputs FROM outcomes GROUP BY ALL ORDER BY ALL"
    assert json_of("query", sql, home=loaded) == [
        {"outcome": "duplicate", "inputs": 1},
        {"outcome": "landed", "inputs": 8},
        {"outcome": "rejected", "inputs": 3},
    ]
    shown = [line.split() for line in dualtrack("query", sql, home=loaded).stdout.splitlines()]
    assert shown[:2] == [["3", "rows"], ["outcome", "inputs"]]
    assert ["landed", "8"] in shown


def test_every_value_is_valid_json(loaded: Path) -> None:
    sql = """SELECT 'nan'::DOUBLE AS n, 'inf'::DOUBLE AS i, DATE '2024-01-01' AS d, 1.50::DECIMAL(9, 2) AS x,
             TIMESTAMPTZ '2024-01-01 00:00:00Z' AS t, 20000000000::DECIMAL(38, 6) AS big, '\\x00\\xFF'::BLOB AS b,
             INTERVAL 1 DAY AS iv, {'a': [DATE '2020-01-01']} AS s, MAP {1: 'a'} AS m, '{"a": [1]}'::JSON AS j,
             'ü' AS u, NULL AS nothing, 1 AS twice, 2 AS twice"""
    printed = dualtrack("query", sql, "--json", home=loaded).stdout

    def never(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    assert json.loads(printed, parse_constant=never) == [
        {
            "n": None,
            "i": None,
            "d": "2024-01-01",
            "x": 1.5,
            "t": "2024-01-01T00:00:00+00:00",
            "big": 20_000_000_000,
            "b": "\0\\xff",
            "iv": "1 day, 0:00:00",
            "s": {"a": ["2020-01-01"]},
            "m": {"1": "a"},
            "j": {"a": [1]},
            "u": "ü",
            "nothing": None,
            "twice": 1,
            "twice_1": 2,
        }
    ]


def test_no_rows_are_no_rows(loaded: Path) -> None:
    assert json_of("query", "FROM signals WHERE false", home=loaded) == []
    assert dualtrack("query", "FROM signals WHERE false", home=loaded).stdout == "0 rows\n"


def test_many_rows_are_all_json_and_the_first_are_shown(loaded: Path) -> None:
    assert len(json_of("query", "FROM range(2500)", home=loaded)) == 2500
    said = dualtrack("query", "FROM range(2500)", home=loaded)
    assert "The first 200 rows" in said.stdout
    assert "--json prints all" in said.stderr


def test_a_row_that_is_wider_than_the_terminal_becomes_a_record(loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        shown = dualtrack("query", "FROM signals LIMIT 1", home=loaded).stdout
        assert "title  Something about a deal" in shown
        assert all(len(line) <= columns or "https://" in line for line in shown.splitlines())


@pytest.mark.parametrize(
    ("sql", "code", "told"),
    [
        ("SELECT 1; SELECT 2", 2, "one statement is needed, here are 2"),
        ("SELECT 1; DROP TABLE events", 2, "one statement is needed, here are 2"),
        ("", 2, "one statement is needed, here are 0"),
        ("SELEC 1", 1, 'syntax error at or near "SELEC"'),
        ("FROM nowhere", 1, "dualtrack query 'SHOW TABLES'"),
        ("SELECT nothing FROM signals", 1, "dualtrack query 'DESCRIBE signals'"),
        ("DELETE FROM outcomes", 1, "A query only reads"),
        ("CREATE TABLE mine (i INT)", 1, "A query only reads"),
        ("COPY (SELECT 1) TO '/tmp/never-written.csv'", 1, "A query reaches no files"),
        ("FROM read_csv('/etc/passwd')", 1, "A query reaches no files"),
        ("ATTACH '/tmp/never-made.db'", 1, "A query reaches no files"),
        ("SET enable_external_access = true", 1, "locked"),
    ],
)
def test_what_does_not_read_or_is_no_sql_is_refused(loaded: Path, sql: str, code: int, told: str) -> None:
    for as_json in ([], ["--json"]):
        said = dualtrack("query", sql, *as_json, home=loaded, exit_code=code)
        assert told in said.stderr
        assert said.stdout == ""
    assert json_of("query", "SELECT count(*) AS n FROM outcomes", home=loaded) == [{"n": 12}]


def test_where_nothing_has_landed_it_says_what_to_run(tmp_path: Path) -> None:
    said = dualtrack("query", "FROM signals", home=tmp_path / "new", exit_code=1).stderr
    assert "dualtrack demo" in said
    assert not (tmp_path / "new").exists()


def test_while_somebody_writes_the_snapshot_answers(own_copy: Path) -> None:
    parts = settle_parts(Settings(home=own_copy), ("file",))
    parts.open()
    try:
        assert json_of("query", "SELECT count(*) AS n FROM outcomes", home=own_copy) == [{"n": 12}]
    finally:
        parts.sink.close()


def test_ctrl_c_during_a_query_is_no_traceback(loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        # As DuckDB has it: its own error, with the interruption as the cause.
        raise RuntimeError("Query interrupted") from KeyboardInterrupt()

    monkeypatch.setattr("dualtrack.cli.query._rows", interrupted)
    assert "interrupted" in dualtrack("query", "FROM signals", home=loaded, exit_code=130).stderr
