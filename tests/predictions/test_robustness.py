"""Does a state hang on one source, or on which of two values is right?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from predictions.evaluate import PredictionEngine
from predictions.milestones import alerts_of
from predictions.robustness import Robustness, add_robustness, robustness_of, with_robustness
from predictions.views import install_views
from schemas.decisions import Decision, DecisionKind
from schemas.settling import ArrivedDecision, SettleBatch
from sinks.duckdb_tables import migrate, migrations
from sinks.landing import land
from sinks.views import create_views, load_reference
from tests.predictions.world import define
from tests.sinks.builders import LANDED_AT, arrived, at, money, name, via

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AFTER = datetime(2030, 1, 1, tzinfo=UTC)
HUGE = "{exists: {from: facts_deal, where: [huge]}}"
TWO = "{count_distinct: {from: facts_deal, of: id, where: [huge], at_least: 2}}"
HUGE_IS = "\n  huge: {words: above 100 billion, sql: amount_usd > 100000000000}"


@pytest.fixture
def store() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        migrate(connection, 0, migrations(), LANDED_AT)
        create_views(connection)
        load_reference(connection, "ref_organisations", [ORGANISATION])
        install_views(connection)
        yield connection


ORGANISATION = {
    **dict.fromkeys(("id", "root", "archetype", "region"), "acme"),
    **dict.fromkeys(("is_lab", "designs_accelerators"), False),
}


def deal(store: duckdb.DuckDBPyConnection, offset: int, publisher: str, billions: int, **fields: Any) -> None:
    stated = [money("amount", str(billions * 10**9))]
    one = arrived(offset, publisher=publisher, money=stated, **fields)
    # In the window of the definition, which is made on 17 April.
    when = datetime(2026, 5, 1 + offset, tzinfo=UTC).date()
    signal = one.signal.model_copy(update={"occurred_first": when, "occurred_last": when})
    land(store, SettleBatch(signals=(replace(one, signal=signal),)), LANDED_AT)


def judged(store: duckdb.DuckDBPyConnection, criterion: str, now: datetime = NOW) -> Robustness:
    definition = define(criterion, conditions=HUGE_IS)
    (found,) = robustness_of(store, [(definition, definition.readings[0])], now).values()
    return found


def test_a_met_state_that_hangs_on_one_source_names_it(store: duckdb.DuckDBPyConnection) -> None:
    deal(store, 1, "AINews", 200)
    found = judged(store, HUGE)
    assert (found.state, found.robust, found.sources) == ("met", False, ("AINews",))
    (dependence,) = found.depends_on
    assert (dependence.source, dependence.supposing, dependence.state) == ("AINews", "without AINews", "open")
    assert found.words().startswith("depends on AINews: met; without AINews: open, ")
    assert found.as_json()["says"] == "depends on source"


def test_a_second_independent_source_makes_it_robust(store: duckdb.DuckDBPyConnection) -> None:
    deal(store, 1, "AINews", 200)
    deal(store, 2, "Reuters", 205)
    found = judged(store, HUGE)
    assert (found.state, found.robust) == ("met", True)
    assert found.words() == "robust: 2 independent sources"


def test_a_copy_is_no_second_source(store: duckdb.DuckDBPyConnection) -> None:
    deal(store, 1, "Reuters", 200)
    deal(store, 2, "A Gazette", 200, origin="Reuters")
    assert [one.source for one in judged(store, HUGE).depends_on] == ["Reuters"]


def test_two_of_two_depend_on_each_of_their_sources(store: duckdb.DuckDBPyConnection) -> None:
    deal(store, 1, "Reuters", 200)
    deal(store, 2, "Bloomberg", 300, kind="licence")
    found = judged(store, TWO)
    assert [(one.source, one.state) for one in found.depends_on] == [("Reuters", "open"), ("Bloomberg", "open")]


def test_a_disputed_value_is_supposed_in_turn(store: duckdb.DuckDBPyConnection) -> None:
    for offset, (publisher, billions) in enumerate((("AINews", 200), ("A Gazette", 200), ("Reuters", 20)), 1):
        deal(store, offset, publisher, billions)
    found = judged(store, HUGE)
    assert [(one.supposing, one.state) for one in found.depends_on] == [("if amount is as Reuters has it", "open")]


def test_after_the_deadline_the_state_without_it_is_missed(store: duckdb.DuckDBPyConnection) -> None:
    deal(store, 1, "AINews", 200)
    assert [one.state for one in judged(store, HUGE, AFTER).depends_on] == ["missed"]


def test_what_a_person_resolved_hangs_on_no_source(store: duckdb.DuckDBPyConnection) -> None:
    deal(store, 1, "AINews", 200)
    definition = define(HUGE, conditions=HUGE_IS)
    body = {"by": "ann", "prediction": definition.id, "outcome": "met"}
    decision = ArrivedDecision(
        input=name(5, "decisions"),
        via=via(5, "decisions"),
        known_at=at(5),
        source="desk",
        id="d5",
        kind=DecisionKind.RESOLVE,
        decision=Decision.model_validate(body),
        reported_at=at(5),
        envelope={},
        data=body,
        content_hash="5",
    )
    land(store, SettleBatch(decisions=(decision,)), LANDED_AT)
    assert judged(store, HUGE).robust


def test_the_alert_of_an_outcome_says_on_which_source_it_hangs(store: duckdb.DuckDBPyConnection) -> None:
    definition = define(HUGE, conditions=HUGE_IS)
    engine = PredictionEngine([definition])
    engine.declare(store, LANDED_AT)
    deal(store, 1, "AINews", 200)
    changes = engine.evaluate(store, NOW)
    plain = alerts_of(changes)
    told = with_robustness(store, changes, plain)
    assert [alert.key for alert in told] == [alert.key for alert in plain]
    (met,) = (alert for alert in told if alert.kind == "met")
    assert met.title.endswith("It depends on source AINews.")
    assert met.robustness.startswith("depends on AINews: met; without AINews: open")
    # What is learnt later does not change what is said about that moment.
    deal(store, 2, "Reuters", 205)
    assert with_robustness(store, changes, plain) == told


def test_a_definition_that_fails_does_not_spoil_the_list(store: duckdb.DuckDBPyConnection) -> None:
    definition = define(HUGE, conditions=HUGE_IS)
    PredictionEngine([definition]).declare(store, LANDED_AT)
    rows: list[dict[str, Any]] = [{"id": definition.id, "reading": definition.readings[0].id}]
    store.execute("DROP VIEW facts_deal CASCADE")
    add_robustness(store, rows, NOW)
    assert rows[0]["robustness"] is None


@pytest.mark.parametrize(
    ("criterion", "observed"),
    [
        ("{count_distinct: {from: deal_reports, of: story, where: [huge], at_least: 9}}", 2),
        ("{sum: {from: deal_reports, value: amount_usd, per: story, at_least: 9e12}}", 505e9),
        ("{sum: {from: facts_deal, value: amount_usd, at_least: 9e12}}", 705e9),
    ],
)
def test_a_criterion_can_count_a_story_once(store: duckdb.DuckDBPyConnection, criterion: str, observed: float) -> None:
    deal(store, 1, "AINews", 200)
    deal(store, 2, "Reuters", 205)
    deal(store, 3, "Reuters", 300, kind="licence")
    definition = define(criterion, conditions=HUGE_IS)
    engine = PredictionEngine([definition])
    engine.declare(store, LANDED_AT)
    (change,) = engine.evaluate(store, NOW)
    assert change.history[-1].observed == observed
