"""A condition from outside is one expression over known columns; what runs is what was checked."""

from collections.abc import Iterator

import duckdb
import pytest

from dualtrack.condition import BadCondition, checked_condition

RELATION = "SELECT * FROM inputs"
COLUMNS = {"a": "number", "b": "text"}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("CREATE TABLE inputs AS SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y'")
        opened.execute("CREATE TABLE secrets AS SELECT 'hidden' AS word")
        yield opened


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("a = 1", [1]),
        ("a = 1 OR b = 'y'", [1, 2]),
        ("a = 1 -- and so on", [1]),
        ("b LIKE '%y' AND (a > 1)", [2]),
        ("b IN ('x', '); DROP TABLE inputs; --')", [1]),
        ("list_contains([x * 2 for x in [1]], a)", [2]),
        ("false OR\ntrue", [1, 2]),
    ],
)
def test_an_expression_is_taken(connection: duckdb.DuckDBPyConnection, condition: str, found: list[int]) -> None:
    sql = checked_condition(connection, condition, RELATION, COLUMNS)
    rows = connection.execute(f"SELECT a FROM inputs WHERE false OR ({sql}) ORDER BY a").fetchall()
    assert [row[0] for row in rows] == found


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "-- nothing",
        "true; DROP TABLE inputs",
        "true); DROP TABLE inputs; SELECT (true",
        "true) UNION ALL SELECT 1, word FROM secrets WHERE (true",
        "true) OR (SELECT true",
        "true) FROM secrets WHERE (true",
        "true) GROUP BY ALL HAVING (true",
        "true) ORDER BY (1",
        "true) LIMIT (1",
        "true), (true",
        "true) AS x, (true",
        "true) --",
        "true /*",
        "(SELECT word FROM secrets) = 'hidden'",
        "a IN (SELECT 1)",
        "EXISTS (FROM secrets)",
        "EXISTS (FROM read_text('/etc/passwd'))",
        "SELECT true",
        "a = ?",
        "a = $1",
        "COLUMNS(*) IS NOT NULL",
        "count(*) > 0",
        "row_number() OVER () = 1",
        "word = 'hidden'",
        "a",
        "'text'",
        "COPY inputs TO '/tmp/out'",
        "nextval('sequence') = 1",
    ],
)
def test_anything_else_is_refused_and_the_columns_are_named(
    connection: duckdb.DuckDBPyConnection, condition: str
) -> None:
    with pytest.raises(BadCondition, match=r"Columns: a \(number\), b \(text\)"):
        checked_condition(connection, condition, RELATION, COLUMNS)
    assert connection.execute("SELECT count(*) FROM inputs").fetchall() == [(2,)]
