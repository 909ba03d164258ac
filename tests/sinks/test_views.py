"""What analysts read: typed columns, corrections and retractions, the ledger."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from schemas.events import EVENTS
from schemas.settling import ArrivedDecision, ArrivedRejection, ArrivedSignal
from sinks.duckdb_sink import DuckDBSink
from sinks.view_columns import columns_of, shape_of
from sinks.views import current_name, facts_name, load_reference, typed_columns, view_statements
from tests.sinks.builders import DATA, LANDED_AT, arrived, at, batch, decision, identity, money, name, rejection


def land(sink: DuckDBSink, *items: ArrivedSignal | ArrivedRejection | ArrivedDecision) -> None:
    with sink.transaction() as transaction:
        transaction.land(batch(*items), LANDED_AT)


def rows(sink: DuckDBSink, sql: str) -> list[tuple[Any, ...]]:
    with sink.reader() as connection:
        return connection.execute(sql).fetchall()


def record(sink: DuckDBSink, view: str) -> Mapping[str, Any]:
    with sink.reader() as connection:
        connection.execute(f"SELECT * FROM {view}")
        names = [column[0] for column in connection.description or ()]
        [row] = connection.fetchall()
        return dict(zip(names, row, strict=True))


def test_every_view_can_be_read(sink: DuckDBSink) -> None:
    land(sink, *(arrived(number, event_type=kind) for number, kind in enumerate(DATA)), rejection(90), decision(91))
    for view in view_statements():
        rows(sink, f"SELECT * FROM {view}")
    for event in EVENTS:
        for view in (facts_name(event.event_type), current_name(event.event_type)):
            assert rows(sink, f"SELECT count(*) FROM {view}") == [(1,)]


def test_columns_of_a_deal(sink: DuckDBSink) -> None:
    deal = arrived(
        1,
        parties=[{"name": " Acme AI", "role": "buyer", "more": 1}],
        tranches=[
            {"amount": {"value": "1.25", "currency": "EUR", "qualifier": "up_to"}, "commitment": "committed"},
            {"amount": {"value": 6.6e9, "currency": "USD"}, "condition": "if it works"},
        ],
        equity=[{"holder": "Acme AI\u00a0", "issuer": "Chip Co", "max_share": 0.1}],
        until="2030-06-30",
        units="500000",
        capacity_gw=6,
        money=[money("amount", "100", usd="110", currency="EUR")],
    )
    land(sink, deal)
    row = record(sink, "deals")
    assert row["event"] == "desk#e1"
    assert row["kind"] == "compute supply"
    assert row["parties"] == [{"name": "Acme AI", "role": "buyer"}]
    assert (row["amount"], row["amount_currency"], row["amount_usd"]) == (Decimal(100), "EUR", Decimal(110))
    assert row["amount_qualifier"] == "exact"
    assert row["valuation"] is None
    assert row["tranches"] == [
        {
            "amount": {"value": Decimal("1.25"), "currency": "EUR", "qualifier": "up_to"},
            "commitment": "committed",
            "condition": None,
        },
        {
            "amount": {"value": Decimal(6600000000), "currency": "USD", "qualifier": "exact"},
            "commitment": "unknown",
            "condition": "if it works",
        },
    ]
    assert row["equity"] == [
        {"holder": "Acme AI", "issuer": "Chip Co", "instrument": None, "max_share": 0.1, "condition": None}
    ]
    assert (row["until"], row["units"], row["capacity_gw"]) == (date(2030, 6, 30), 500_000, 6.0)
    assert (row["known_from"], row["known_until"]) == (at(1), None)


def test_no_equity_is_not_unknown_equity(sink: DuckDBSink) -> None:
    land(sink, arrived(1), arrived(2, equity=[]), arrived(3, equity=None))
    assert rows(sink, "SELECT id, equity, tranches FROM deals ORDER BY id") == [
        ("e1", None, []),
        ("e2", [], []),
        ("e3", None, []),
    ]


def test_a_price_plan_is_laid_out_flat(sink: DuckDBSink) -> None:
    plan = {"input": {"value": 1.5, "currency": "USD"}, "previous_input": {"value": 3, "currency": "USD"}}
    stated = [money("price.input", "1.5"), money("price.previous_input", "3", usd="3.3", currency="EUR")]
    land(
        sink,
        arrived(1, event_type="model-release", price=plan, money=stated, modalities=["text"]),
        arrived(2, event_type="model-release", open_weights=True, context_window=200_000),
    )
    columns = "price_input_usd, price_previous_input, price_previous_input_usd, price_output_usd, price_unit"
    assert rows(sink, f"SELECT {columns}, price_components FROM model_releases ORDER BY id") == [
        (Decimal("1.5"), Decimal(3), Decimal("3.3"), None, "1M tokens", ["tokens"]),
        (None, None, None, None, None, None),
    ]
    assert rows(sink, "SELECT modalities, open_weights, context_window FROM model_releases ORDER BY id") == [
        (["text"], None, None),
        ([], True, 200_000),
    ]


def test_columns_of_other_types(sink: DuckDBSink) -> None:
    stack = {"own_workflow": True, "proprietary_data": None}
    land(
        sink,
        arrived(1, event_type="funding", stack=stack, money=[money("valuation", "5e9")]),
        arrived(2, event_type="metric", period="2026-Q1", value="1234567890123.123456", low=1e3),
        arrived(3, event_type="policy", in_force_from="2026-08-02", requirements=["audit"], threshold_flop=1e26),
        arrived(4, event_type="benchmark", score="91.5"),
    )
    assert rows(sink, "SELECT investors, lead, valuation_usd, stack.own_workflow, stack.proprietary_data FROM funding")[
        0
    ] == (["Fund One", "Fund Two"], None, Decimal("5e9"), True, None)
    assert rows(sink, 'SELECT period, "value", low, high FROM metrics') == [
        ("2026-Q1", Decimal("1234567890123.123456"), Decimal(1000), None)
    ]
    assert rows(sink, "SELECT in_force_from, requirements, threshold_flop FROM policies") == [
        (date(2026, 8, 2), ["audit"], 1e26)
    ]
    assert rows(sink, "SELECT score, direction, model_released_on FROM benchmarks") == [(91.5, "higher", None)]


def test_every_field_of_every_type_has_a_column() -> None:
    for event in EVENTS:
        assert set(columns_of(event, frozenset())) >= set(event.model_fields) - {"price", "corrects"}
        typed_columns(event.event_type)
    with pytest.raises(TypeError, match="no column type"):
        shape_of(bytes)


# Corrections and retractions ----------------------------------------------------------------------------------------


def until(sink: DuckDBSink) -> dict[str, Any]:
    """Minutes at which the facts ended, by id; None for those that hold."""
    found = rows(sink, "SELECT id, known_until FROM facts_deal")
    return {id: None if end is None else (end - at(0)).total_seconds() / 60 for id, end in found}


def test_a_correction_ends_what_it_corrects(sink: DuckDBSink) -> None:
    land(sink, arrived(1, id="a"), arrived(2, id="b"), arrived(5, id="a2", corrects=identity("a")))
    assert until(sink) == {"a": 5, "b": None, "a2": None}
    assert rows(sink, "SELECT id FROM deals ORDER BY id") == [("a2",), ("b",)]
    assert rows(sink, "SELECT id FROM facts_deal WHERE reported_until = reported_at") == [("a",)]
    assert rows(sink, "SELECT id FROM signals ORDER BY id") == [("a2",), ("b",)]


def test_the_later_of_two_corrections_holds(sink: DuckDBSink) -> None:
    land(
        sink,
        arrived(9, id="third", minutes=7, corrects=identity("a")),
        arrived(8, id="second", minutes=7, corrects=identity("a")),
        arrived(1, id="a"),
        arrived(5, id="first", corrects=identity("a")),
    )
    assert until(sink) == {"a": 5, "first": 7, "second": 7, "third": None}


def test_a_retraction_ends_its_event_and_its_corrections_and_is_no_fact(sink: DuckDBSink) -> None:
    land(
        sink,
        arrived(1, id="a"),
        arrived(3, id="a2", corrects=identity("a")),
        arrived(6, id="back", retracts=identity("a")),
    )
    assert until(sink) == {"a": 3, "a2": 6}
    assert rows(sink, "SELECT count(*) FROM signals") == [(0,)]


def test_a_correction_that_comes_first_leaves_no_time_to_its_event(sink: DuckDBSink) -> None:
    land(sink, arrived(2, id="a2", corrects=identity("a")))
    assert rows(sink, "SELECT event, what, target FROM unmatched_corrections") == [("desk#a2", "corrects", "desk#a")]
    land(sink, arrived(5, id="a"))
    assert until(sink) == {"a2": None, "a": 5}
    assert rows(sink, "SELECT * FROM unmatched_corrections") == []


def test_a_retracted_correction_and_a_retracted_retraction_do_not_count(sink: DuckDBSink) -> None:
    land(
        sink,
        arrived(1, id="a"),
        arrived(2, id="a2", corrects=identity("a")),
        arrived(3, id="undo", retracts=identity("a2")),
        arrived(4, id="b"),
        arrived(5, id="back", retracts=identity("b")),
        arrived(6, id="undo2", retracts=identity("back")),
    )
    assert until(sink) == {"a": None, "a2": 3, "b": None}


def test_an_event_cannot_end_itself_and_other_types_can(sink: DuckDBSink) -> None:
    land(
        sink,
        arrived(1, id="self", corrects=identity("self")),
        arrived(2, id="a"),
        arrived(3, id="money", event_type="funding", corrects=identity("a")),
    )
    assert until(sink) == {"self": None, "a": 3}


# The rest -----------------------------------------------------------------------------------------------------------


def test_signals_have_what_analysts_ask_for(sink: DuckDBSink) -> None:
    land(sink, arrived(1, money=[money("amount", "5")]), arrived(2, event_type="headline"))
    assert rows(sink, "SELECT event, event_type, track, org_names, amount_usd FROM signals_newest_first") == [
        ("desk#e2", "headline", "cost", ["acme", "Chip Co"], None),
        ("desk#e1", "deal", "cost", ["acme", "Chip Co"], Decimal(5)),
    ]
    assert rows(sink, "SELECT organisation, names, events FROM organisations ORDER BY 1") == [
        ("Chip Co", ["Chip Co"], 2),
        ("acme", ["Acme AI"], 2),
    ]


def test_rejections_say_whether_they_were_replayed(sink: DuckDBSink) -> None:
    land(sink, rejection(1), rejection(2), rejection(3))
    land(sink, arrived(11, replay_of="signals.deal/0/1"), rejection(12, replay_of="signals.deal/0/2"))
    assert rows(sink, "SELECT input, replayed, replay_outcome, replay_input FROM rejection_status ORDER BY input") == [
        ("signals.deal/0/1", True, "landed", "signals.deal/0/11"),
        ("signals.deal/0/12", False, None, None),
        ("signals.deal/0/2", True, "rejected", "signals.deal/0/12"),
        ("signals.deal/0/3", False, None, None),
    ]
    # One that failed again is open under its first name; its replay stands for nothing of its own.
    assert rows(sink, "SELECT input FROM rejections_open ORDER BY input") == [
        ("signals.deal/0/2",),
        ("signals.deal/0/3",),
    ]


def test_a_rejection_that_claims_to_replay_what_was_never_rejected_is_open(sink: DuckDBSink) -> None:
    land(sink, rejection(1, replay_of="signals.deal/0/99"))
    assert rows(sink, "SELECT input, is_replay FROM rejections_open") == [("signals.deal/0/1", False)]


def test_the_ledger_counts_by_outcome_and_topic(sink: DuckDBSink) -> None:
    land(sink, arrived(1), arrived(2, input=name(2, "signals.funding")), rejection(3))
    assert rows(sink, "SELECT * FROM ledger_by_topic") == [
        ("signals.deal", "landed", "event", 1),
        ("signals.deal", "rejected", "event", 1),
        ("signals.funding", "landed", "event", 1),
    ]


def test_offsets_now(sink: DuckDBSink) -> None:
    for offset in (3, 9):
        with sink.transaction() as transaction:
            transaction.land(batch(offsets={("signals.validated", 1): offset}), LANDED_AT)
    assert rows(sink, "SELECT * FROM offsets_now") == [("signals.validated", 1, 9, LANDED_AT)]


def test_predictions_show_the_latest_state(sink: DuckDBSink) -> None:
    with sink.transaction() as transaction:
        for seq, state in [(1, "missed"), (0, "open")]:
            transaction.connection.execute(
                """INSERT INTO prediction_states BY NAME SELECT 'p1' AS prediction, 'plain' AS reading, 2 AS version,
                'h' AS definition_hash, ? AS seq, now() AS known_at, ? AS state, 'unknown' AS verdict,
                0.5 AS progress, '' AS detail, '[]' AS evidence, '[]' AS waiting, now() AS landed_at""",
                [seq, state],
            )
    assert rows(sink, "SELECT prediction, reading, version, state FROM predictions") == [("p1", "plain", 2, "missed")]
    assert rows(sink, "SELECT seq, state FROM prediction_history") == [(0, "open"), (1, "missed")]


def test_reference_tables_need_a_name_and_rows(sink: DuckDBSink) -> None:
    with sink.reader() as connection:
        with pytest.raises(ValueError, match="no name for a reference table"):
            load_reference(connection, "events", [{"a": 1}])
        with pytest.raises(ValueError, match="no rows"):
            load_reference(connection, "ref_empty", [])
        load_reference(connection, "ref_a", [{"a": 1}])
        load_reference(connection, "ref_a", [{"a": "x"}, {"a": None}])
        assert connection.execute("SELECT * FROM ref_a").fetchall() == [("x",), (None,)]
