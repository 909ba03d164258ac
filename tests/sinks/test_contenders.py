"""What lands follows from the log: the first input of an identity, the first delivery of an input, whenever read."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settling import ArrivedDecision, ArrivedRejection, ArrivedSignal, Landed, SettleBatch
from schemas.topics import EVENT_TYPES
from sinks.differences import differences
from sinks.duckdb_sink import DuckDBSink
from tests.sinks.builders import LANDED_AT, arrived, batch, decision, identity, name, rejection, via

Item = ArrivedSignal | ArrivedRejection | ArrivedDecision


def land(sink: DuckDBSink, *items: Item) -> Landed:
    with sink.transaction() as transaction:
        return transaction.land(batch(*items), LANDED_AT)


def rows(sink: DuckDBSink, sql: str) -> list[tuple[Any, ...]]:
    with sink.reader() as connection:
        return connection.execute(sql).fetchall()


def outcomes(sink: DuckDBSink) -> dict[int, str]:
    return dict(rows(sink, 'SELECT "offset", outcome FROM outcomes'))


# Several inputs of one identity --------------------------------------------------------------------------------------


def test_an_earlier_input_that_is_read_later_takes_the_place_of_the_landed_one(sink: DuckDBSink) -> None:
    land(sink, arrived(2, id="x", minutes=5, title="Second"), arrived(3, id="x", minutes=6, title="Third"))
    landed = land(sink, arrived(1, id="x", minutes=4, title="First", content="other"))
    assert (landed.landed, landed.duplicate) == (0, 1)
    assert rows(sink, "SELECT input_offset, title FROM events") == [(1, "First")]
    assert outcomes(sink) == {1: "landed", 2: "duplicate", 3: "duplicate"}
    assert rows(sink, "SELECT \"offset\", differs, data->>'$.title' FROM duplicates ORDER BY 1") == [
        (2, True, "Second"),
        (3, True, "Third"),
    ]


def test_predictions_look_at_both_when_places_change(sink: DuckDBSink) -> None:
    land(sink, arrived(2, id="x", event_type="deal"))
    assert land(sink, arrived(1, id="x", event_type="funding")).event_types == {"deal", "funding"}
    assert land(sink, arrived(0, id="x", event_type="funding")).event_types == {"funding"}
    # As a duplicate it would concern nobody; as the landed one it takes back an event of any type.
    retraction = arrived(-1, id="x", input=name(9), minutes=-1, event_type="headline", retracts=identity("other"))
    assert land(sink, retraction).event_types == set(EVENT_TYPES)


def test_a_duplicate_that_changes_nothing_concerns_no_prediction(sink: DuckDBSink) -> None:
    land(sink, arrived(1, id="x"))
    assert land(sink, arrived(2, id="x")).event_types == frozenset()


def test_a_decision_and_an_event_of_one_identity_change_places_too(sink: DuckDBSink) -> None:
    land(sink, arrived(9, id="d1", source="people"))
    landed = land(sink, decision(1))
    assert landed.event_types == set(EVENT_TYPES)
    assert rows(sink, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM decisions)") == [(0, 1)]
    assert rows(sink, "SELECT topic, outcome, kind FROM outcomes ORDER BY 1") == [
        ("decisions", "landed", "decision"),
        ("signals.deal", "duplicate", "event"),
    ]


def test_a_failed_transaction_changes_no_places(sink: DuckDBSink) -> None:
    def fail() -> None:
        with sink.transaction() as transaction:
            transaction.land(batch(arrived(1, id="x")), LANDED_AT)
            raise ZeroDivisionError

    land(sink, arrived(2, id="x"))
    try:
        fail()
    except ZeroDivisionError:
        assert outcomes(sink) == {2: "landed"}
        assert rows(sink, "SELECT input_offset FROM events") == [(2,)]


# Several deliveries of one input --------------------------------------------------------------------------------------


def test_an_earlier_delivery_that_is_read_later_replaces_what_the_other_wrote(sink: DuckDBSink) -> None:
    land(sink, arrived(1, via=via(7), title="By the newer validate"))
    landed = land(sink, arrived(1, via=via(3, partition=1), title="By the older validate"))
    assert landed == Landed(redelivered=1, event_types=frozenset(EVENT_TYPES))
    assert rows(sink, "SELECT title FROM events") == [("By the older validate",)]
    assert rows(sink, "SELECT outcome, via_partition, via_offset FROM outcomes") == [("landed", 1, 3)]


def test_a_rejection_that_was_first_takes_the_event_away_and_a_duplicate_lands(sink: DuckDBSink) -> None:
    land(sink, arrived(1, id="x", via=via(7)), arrived(2, id="x", via=via(8), title="Whole again"))
    land(sink, rejection(1, delivered=via(3, "signals.rejected")))
    assert outcomes(sink) == {1: "rejected", 2: "landed"}
    assert rows(sink, "SELECT title, track, len(orgs), amount_usd IS NULL FROM events") == [
        ("Whole again", "cost", 2, True)
    ]
    assert rows(sink, "SELECT count(*) FROM duplicates") == [(0,)]


def test_an_event_that_was_first_takes_the_rejection_away(sink: DuckDBSink) -> None:
    land(sink, rejection(1, delivered=via(7, "signals.rejected")))
    land(sink, arrived(1, via=via(3)))
    assert outcomes(sink) == {1: "landed"}
    assert rows(sink, "SELECT count(*) FROM rejections") == [(0,)]


def test_what_version_1_landed_stays(sink: DuckDBSink) -> None:
    land(sink, arrived(1, via=via(7)))
    with sink.transaction() as transaction:
        transaction.connection.execute("UPDATE outcomes SET via_at = NULL, via_topic = NULL")
    assert land(sink, rejection(1, delivered=via(3, "signals.rejected"))).redelivered == 1
    assert outcomes(sink) == {1: "landed"}


# Any order -----------------------------------------------------------------------------------------------------------

DELIVERY = st.tuples(
    st.sampled_from(["signal", "signal", "rejection", "decision"]),
    st.integers(0, 5),  # input
    st.sampled_from("xyz"),  # identity
    st.sampled_from(["same", "other"]),  # content
)


def item_of(place: int, delivery: tuple[str, int, str, str]) -> Item:
    """The delivery that stands at a place of the log; when an input became known does not depend on how it came."""
    kind, number, id, content = delivery
    if kind == "decision":
        return decision(place, id=id)
    if kind == "rejection":
        return rejection(number, delivered=via(place, "signals.rejected"))
    known = number % 3
    return arrived(number, id=id, source="people", minutes=known, content=content, via=via(place, partition=place % 2))


@settings(max_examples=40, deadline=None)
@given(
    log=st.lists(DELIVERY, min_size=1, max_size=14),
    random=st.randoms(use_true_random=False),
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_any_order_of_reading_and_any_cut_gives_the_same_tables(
    log: list[tuple[str, int, str, str]], random: Any, cuts: Sequence[int]
) -> None:
    items = [item_of(place, delivery) for place, delivery in enumerate(log)]
    again = [*items, *random.sample(items, k=len(items) // 2)]
    random.shuffle(again)
    with TemporaryDirectory() as folder:
        in_order, shuffled = Path(folder) / "in_order.duckdb", Path(folder) / "shuffled.duckdb"
        _store(in_order, [items])
        _store(shuffled, _cut(again, cuts))
        assert [found for found in differences(in_order, shuffled) if not found.equal] == []


def _cut(items: Sequence[Item], cuts: Sequence[int]) -> list[Sequence[Item]]:
    batches: list[Sequence[Item]] = []
    position = 0
    while position < len(items):
        size = cuts[len(batches) % len(cuts)]
        batches.append(items[position : position + size])
        position += size
    return batches


def _store(path: Path, batches: Sequence[Sequence[Item]]) -> None:
    with DuckDBSink(path) as sink:
        sink.open()
        for items in batches:
            counted = land(sink, *items)
            assert min(counted.landed, counted.duplicate, counted.rejected) >= 0
        [(ledger, inputs)] = rows(sink, "SELECT count(*), count(DISTINCT input_hash) FROM outcomes")
        assert ledger == inputs


def test_an_empty_batch_is_fine(sink: DuckDBSink) -> None:
    with sink.transaction() as transaction:
        assert transaction.land(SettleBatch(), LANDED_AT) == Landed()
