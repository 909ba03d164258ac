"""What SQL may do is decided by DuckDB's own parser: reading the row, or the views; nothing that reaches further."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.safe_sql import MAX_SQL, SqlReader

VIEWS = ("facts_deal", "facts_funding", "ref_organisations")


@pytest.fixture(scope="module")
def reader() -> Iterator[SqlReader]:
    reader = SqlReader(VIEWS)
    yield reader
    reader.close()


GOOD = [
    "status = 'signed'",
    "coalesce(list_filter(orgs, lambda o: o.name = company)[1].id, company)",
    "CASE WHEN harm_disputed THEN NULL ELSE TRUE END",
    "regexp_matches(lower(concat_ws(' ', sector, vertical)), 'bio|drug')",
    "occurred_on BETWEEN DATE '2026-01-01' AND DATE '2026-02-01'",
    "-- first\nstatus = 'signed'",
    "status = 'a;b -- c'",
    "(SELECT max(u) FROM unnest(units) AS t(u)) > 3",
    "date_diff('day', occurred_on, reported_at) < 30",
    "len([x for x in investors if x ILIKE 'a%']) > 0",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_reads_the_row_is_let_through(reader: SqlReader, text: str) -> None:
    assert reader.expression(text).faults == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("DROP TABLE events", "no statement"),
        ("TRUE; DROP TABLE events", "nothing that writes"),
        ("TRUE; SELECT 1", "one statement may stand here, these are 2"),
        ("INSERT INTO events VALUES (1)", "no statement"),
        ("COPY facts_deal TO 'x.csv'", "no statement"),
        ("ATTACH 'x.duckdb' AS x", "one value"),
        ("PRAGMA database_list", "no statement"),
        ("SET threads = 1", "no statement"),
        ("SELECT 1", "no statement"),
        ("a, b", "no commas"),
        ("a AS b", "one value"),
        ("a FROM facts_deal", "one value"),
        ("a ORDER BY b", "one value"),
        ("1) OR (1", "syntax error"),
        ("a --", "a `--` comment"),
        ("", "SELECT clause without selection list"),
        ("'", "unterminated quoted string"),
        ("\x00", "NUL"),
        ("a" * (MAX_SQL + 1), "longer than"),
        ("not " * 5000 + "a", ""),
        ("(" * 20_000, "longer than"),
        ("[" * 9_000 + "]" * 9_000, ""),
        ("(SELECT content FROM read_text('/etc/passwd')) IS NULL", "read_text() may not be read from"),
        ("(SELECT a FROM read_csv('https://example.org/a.csv'))", "read_csv() may not be read from"),
        ("(SELECT count(*) FROM glob('/*'))", "glob() may not be read from"),
        ("(SELECT a FROM query('SELECT 1'))", "query() may not be read from"),
        ("(FROM '/etc/passwd.csv')", "a subquery over"),
        ("company IN (SELECT company FROM facts_funding)", "a subquery over 'facts_funding' sees what is known today"),
        ("row_number() OVER () = 1", "a window function looks at other rows"),
        ("getenv('HOME') = 'x'", "there is no function getenv() here"),
        ("read_text('/etc/passwd') = ''", "there is no function read_text() here"),
        ("length(repeat('a', 1000000000)) > 1", "repeat() can make more of one row than memory holds"),
        ("len(range(1000000000)) > 1", "range() can make more"),
        ("(SELECT max(r) FROM range(100000000000) AS t(r)) > 1", "range() may not be read from"),
        ("current_setting('threads') = '1'", "current_setting() depends on more than the row"),
        ("getvariable('x')", "getvariable() depends"),
        ("nextval('s') > 1", "nextval() depends"),
        ("write_log('x')", "write_log() depends"),
        ("error('x')", "error() depends"),
        ("random() > 0.5", "random() depends"),
        ("uuid()::VARCHAR > 'a'", "uuid() depends"),
        ("main.random() > 0.5", "random() depends"),
        ("now() > known_at", "now() is another one each day"),
        ("NOW() > known_at", "now() is another one each day"),
        ("current_date > occurred_on", "current_date is another one each day"),
        ("CURRENT_TIMESTAMP > known_at", "is another one each day"),
        ("age(known_at) > INTERVAL 1 DAY", "age() is another one each day"),
        ("ago(INTERVAL 1 DAY) > known_at", "ago() is another one each day"),
        ("landed_at > known_at", "landed_at is when this installation wrote the row"),
        ("known_until IS NULL", "known_until is set by later events"),
        ("*", "name them"),
        ("COLUMNS('a.*') > 1", "name them"),
        ("? > 1", "stand for nothing here"),
        ("$x > 1", "stand for nothing here"),
        ("#1 > 1", "stand for nothing here"),
        ("facts_deal.status = 'signed'", "name the column alone"),
        ("statuss(a)", "there is no function statuss() here"),
    ],
)
def test_what_reaches_further_than_the_row_is_refused(reader: SqlReader, text: str, words: str) -> None:
    faults = reader.expression(text).faults
    assert any(words in fault for fault in faults), faults


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM facts_deal",
        "FROM facts_deal",
        "WITH large AS (SELECT * FROM facts_deal WHERE amount_usd > 1e9) SELECT * FROM large",
        "SELECT d.* FROM facts_deal d JOIN facts_funding f ON d.title = f.title WHERE f.known_until IS NULL",
        "SELECT * FROM facts_deal ORDER BY id LIMIT 5",
        "SELECT *, row_number() OVER (PARTITION BY title ORDER BY known_at) AS n FROM facts_deal",
        "SELECT * FROM facts_deal UNION ALL SELECT * FROM facts_deal",
        "SELECT * FROM facts_deal JOIN ref_organisations AS o ON o.name = title",
    ],
)
def test_a_query_may_read_the_views(reader: SqlReader, text: str) -> None:
    assert reader.query(text).faults == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("DELETE FROM events", "nothing that writes"),
        ("SELECT * FROM facts_deal; DELETE FROM events", "nothing that writes"),
        ("SELECT * FROM facts_deal; SELECT * FROM facts_deal", "these are 2"),
        ("SELECT * FROM facts_deal;", "ends without `;`"),
        ("SELECT * FROM facts_deal -- all", "ends without `;`"),
        ("CREATE VIEW a AS SELECT 1", "nothing that writes"),
        ("EXPORT DATABASE 'x'", "nothing that writes"),
        ("INSTALL httpfs", "nothing that writes"),
        ("CALL pragma_version()", "nothing that writes"),
        ("WITH a AS (DELETE FROM events RETURNING *) SELECT * FROM a", "A CTE needs a SELECT"),
        ("SELECT * FROM events", "'events' is no view of events"),
        ("SELECT * FROM prediction_states", "'prediction_states' is no view"),
        ("SELECT * FROM facts_deals", "did you mean 'facts_deal'?"),
        ("SELECT * FROM main.facts_deal", "from a schema of its own"),
        ("SELECT * FROM information_schema.tables", "from a schema of its own"),
        ("SELECT * FROM 'data.parquet'", "'data.parquet' is no view"),
        ("SELECT * FROM facts_deal, 'https://example.org/a.csv'", "is no view"),
        ("WITH \"x.csv\" AS (SELECT 1) SELECT * FROM facts_deal, 'x.csv'", "'x.csv' is no view"),
        ("WITH facts_deal AS (SELECT 1), b AS (SELECT * FROM events) SELECT * FROM b", "'events' is no view"),
        ("SELECT (SELECT max(id) FROM events) FROM facts_deal", "'events' is no view"),
        (
            "SELECT * FROM facts_deal WHERE id IN (SELECT id FROM read_parquet('x'))",
            "read_parquet() may not be read from",
        ),
        ("SELECT * FROM duckdb_settings(), facts_deal", "duckdb_settings() may not be read from"),
        ("SUMMARIZE facts_deal", "may not stand here"),
        ("DESCRIBE facts_deal", "may not stand here"),
        ("WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT * FROM a) SELECT * FROM a", "may never end"),
        ("SELECT * FROM facts_deal USING SAMPLE 5", "a sample is another one each time"),
        ("SELECT * FROM facts_deal TABLESAMPLE 5%", "a sample is another one each time"),
        ("SELECT * FROM facts_deal LIMIT 5", "LIMIT without ORDER BY"),
        ("SELECT * FROM (SELECT * FROM facts_deal LIMIT 5)", "LIMIT without ORDER BY"),
        ("SELECT * FROM facts_deal POSITIONAL JOIN facts_funding", "POSITIONAL JOIN"),
        ("SELECT *, random() AS r FROM facts_deal", "random() depends"),
        ("SELECT * FROM facts_deal WHERE landed_at > known_at", "landed_at is when"),
        ("SELECT 1", "the query reads no view of events"),
    ],
)
def test_what_a_query_may_not_do(reader: SqlReader, text: str, words: str) -> None:
    faults = reader.query(text).faults
    assert any(words in fault for fault in faults), faults


def test_what_is_the_same_for_every_row(reader: SqlReader) -> None:
    assert reader.expression("1 = 0 OR 'a' < lower('B')").is_constant
    assert not reader.expression("1 = 0 OR a").is_constant


def test_casts_that_may_fail(reader: SqlReader) -> None:
    def told(text: str) -> list[str]:
        return list(reader.expression(text).casts_that_may_fail({"purpose": "VARCHAR", "units": "BIGINT"}))

    assert sorted(told("CAST(purpose AS INTEGER) > 1 OR lower(x)::DATE IS NULL")) == [
        "CAST of 'purpose' to INTEGER fails on a value that is none: use TRY_CAST, which gives NULL",
        "CAST of this to DATE fails on a value that is none: use TRY_CAST, which gives NULL",
    ]
    assert told("units::DOUBLE > 1 OR TRY_CAST(purpose AS INTEGER) > 1 OR purpose::VARCHAR = x") == []


def test_aggregates_that_take_any_row(reader: SqlReader) -> None:
    parsed = reader.query("SELECT any_value(id) AS a, first(id ORDER BY id) AS b, min(id) AS c FROM facts_deal")
    assert [told.split(" ")[0] for told in parsed.picks_at_random()] == ["any_value()"]


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(GOOD), min_size=2, max_size=4).map(" AND ".join)))
@settings(max_examples=60, deadline=None)
def test_any_text_is_taken_apart_or_refused(reader: SqlReader, text: str) -> None:
    for parsed in (reader.expression(text), reader.query(text)):
        assert parsed.faults or parsed.nodes
