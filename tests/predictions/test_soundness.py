"""SQL is planned against the views' columns, without a look at any event; contradictions are found by DuckDB."""

import pytest

from predictions.soundness import Plans, unsound
from predictions.views import helper_views
from schemas.topics import EVENT_TYPES
from tests.predictions.world import World, define, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def found(world: World, criterion: str, conditions: str = "") -> list[tuple[str, str]]:
    told = unsound(world.connection, [define(criterion, conditions=conditions)])
    return [(".".join(map(str, path)).removeprefix("readings.0.criterion."), message) for _, path, message in told]


def test_the_planned_views_have_the_columns_of_the_store(world: World) -> None:
    with Plans(world.connection) as plans:
        assert plans.events == {f"facts_{name.replace('-', '_')}" for name in EVENT_TYPES} | helper_views().keys()
        for view, types in plans.columns.items():
            rows = world.connection.execute(f"DESCRIBE {view}").fetchall()
            assert types == {row[0]: row[1] for row in rows}


def test_what_could_be_is_let_through(world: World) -> None:
    assert found(world, "{count_distinct: {from: facts_funding, of: company, where: [firm, large], at_least: 2}}") == []


def test_conditions_that_contradict_each_other(world: World) -> None:
    conditions = (
        "  rumour: {words: it is a rumour, sql: status = 'rumoured'}\n  closed: {words: x, sql: status = 'closed'}"
    )
    criterion = "{exists: {from: facts_deal, where: [rumour, closed]}}"
    assert found(world, criterion, conditions) == [
        ("exists.where", "these conditions contradict each other: no row can satisfy them all")
    ]
    criterion = "{exists: {from: facts_deal, about: status = 'closed', where: [rumour]}}"
    assert [place for place, _ in found(world, criterion, conditions)] == ["exists.where"]
    assert found(world, "{exists: {from: facts_deal, where: [closed]}}", conditions) == []


@pytest.mark.parametrize(
    "never", ["1 = 0", "FALSE", "NULL", "amount_usd > 1 AND amount_usd < 0", "status = 'a' AND FALSE"]
)
def test_a_condition_that_is_true_of_no_row(world: World, never: str) -> None:
    criterion = "{exists: {from: facts_deal, where: [never]}}"
    ((place, message),) = found(world, criterion, f'  never: {{words: x, sql: "{never}"}}')
    assert place == "conditions.never.sql"
    assert "this is true of no row" in message


@pytest.mark.parametrize(
    ("criterion", "place", "words"),
    [
        ("{exists: {from: facts_deal, about: amount_usd}}", "exists.about", "this has to be true, false or NULL"),
        ("{sum: {from: facts_deal, value: kind, at_least: 1}}", "sum.value", "this has to be a number"),
        ("{latest: {from: facts_metric, value: metric, at_least: 1}}", "latest.value", "use TRY_CAST(... AS DOUBLE)"),
        (
            "{count_distinct: {from: facts_deal, of: amount_usd > 1, at_least: 3}}",
            "count_distinct.of",
            "no more than 2",
        ),
        (
            "{share: {from: facts_deal, of: amount_usd > 1, minimum: 3, above: 0.5}}",
            "share.of",
            "`minimum: 3` can never",
        ),
        (
            "{leader: {from: facts_funding, per: sector, who: \"'x'\", by: valuation_usd, out_of: 3, minimum: 2, "
            "at_least: 1}}",
            "leader.who",
            "`minimum: 2` can never be reached",
        ),
        ("{exists: {from: facts_deal, show: {a: nothing}}}", "exists.show.a", '"nothing" not found'),
        ("{exists: {from: facts_deal, show: {a: sum(amount_usd)}}}", "exists", ""),
        ("{exists: {from: events}}", "exists.from", "'events' is no view of events"),
        ("{exists: {from: ref_organisations}}", "exists.from", "'ref_organisations' is no view of events"),
        ("{sql: {query: SELECT id FROM facts_deal, of: id, at_least: 1}}", "sql", "not found"),
        ("{sql: {query: SELECT nothing FROM facts_deal, of: id, at_least: 1}}", "sql.query", '"nothing" not found'),
        ("{sql: {query: DELETE FROM events, of: id, at_least: 1}}", "sql.query", "nothing that writes"),
        (
            "{sequence: {within: nothing, first: {from: facts_metric}, then: {from: facts_metric}}}",
            "sequence.within",
            '"nothing" not found',
        ),
        # Names of the compiled query, which are no columns: they would pass where it is planned as a whole.
        ("{exists: {from: facts_deal, about: url IS NULL}}", "exists.about", '"url" not found'),
        ("{exists: {from: facts_deal, about: candidate_group IS NULL}}", "exists.about", '"candidate_group" not found'),
    ],
)
def test_what_does_not_fit(world: World, criterion: str, place: str, words: str) -> None:
    told = found(world, criterion)
    assert place in [where for where, _ in told]
    assert any(words in message for where, message in told if where == place), told


def test_what_is_wrong_in_many_readings_is_told_once(world: World) -> None:
    two = "{all_of: [{exists: {from: facts_deal, where: [no]}}, {exists: {from: facts_policy, where: [no]}}]}"
    assert [place for place, _ in found(world, two, "  no: {words: x, sql: now() IS NULL}")] == ["conditions.no.sql"]


def test_a_condition_that_no_reading_uses_may_not_write_either(world: World) -> None:
    assert [
        place for place, _ in found(world, "{exists: {from: facts_deal}}", "  no: {words: x, sql: DROP TABLE events}")
    ] == ["conditions.no.sql"]


def test_nothing_is_read_written_or_left_behind(world: World) -> None:
    before = world.connection.execute("SELECT list(table_name ORDER BY ALL) FROM duckdb_tables()").fetchone()
    found(world, "{exists: {from: facts_deal, where: [firm]}}")
    assert world.connection.execute("SELECT list(table_name ORDER BY ALL) FROM duckdb_tables()").fetchone() == before
