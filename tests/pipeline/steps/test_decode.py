"""Decoding: what settle cannot read is a rejection of its own, under the name of the record it stood in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from pipeline.steps.decode import decode
from schemas.decisions import DecisionKind, Forecast
from schemas.outcomes import Stage
from schemas.records import RawRecord
from schemas.topics import DECISIONS, REJECTED, VALIDATED

RESOLVE = {
    "specversion": "1.0",
    "id": "1",
    "source": "desk",
    "type": "ai.dualtrack.decision.resolve.v1",
    "time": "2026-04-17T09:30:00Z",
    "data": {"by": "ada", "why": "the filing", "prediction": "p1a", "outcome": "met", "note": "kept"},
}


FORECAST: dict[str, Any] = {
    **RESOLVE,
    "type": "ai.dualtrack.decision.forecast.v1",
    "data": {
        "by": "ada",
        "prediction": "p1a",
        "reading": "literal",
        "forecaster": "ada",
        "probability": 0.35,
        "made_at": "2026-04-17T09:30:00Z",
    },
}


def record(topic: str, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> RawRecord:
    return RawRecord(topic, 2, 5, None, value, headers, 1_776_420_000_000)


def test_a_decision() -> None:
    (arrived,) = decode([record(DECISIONS, to_json(RESOLVE))]).decisions
    assert arrived.kind is DecisionKind.RESOLVE
    assert (arrived.decision.by, arrived.decision.outcome) == ("ada", "met")
    assert arrived.data["note"] == "kept"
    assert str(arrived.input) == "decisions/2/5"


def test_a_forecast_has_fields_of_its_own() -> None:
    (arrived,) = decode([record(DECISIONS, to_json(FORECAST))]).decisions
    assert isinstance(arrived.decision, Forecast)
    assert arrived.decision.probability == 0.35


@pytest.mark.parametrize(
    ("topic", "value", "rule"),
    [
        (VALIDATED, b"{}", "not_a_validated_signal"),
        (VALIDATED, None, "not_a_validated_signal"),
        (DECISIONS, b"<", "not_json"),
        (DECISIONS, to_json({**RESOLVE, "type": "ai.dualtrack.deal.v1"}), "unknown_decision"),
        (DECISIONS, to_json({**RESOLVE, "data": {"why": "nobody says so"}}), "invalid_decision"),
        (DECISIONS, to_json({**RESOLVE, "data": {"by": "ada", "outcome": "Met"}}), "invalid_decision"),
        (DECISIONS, to_json({**FORECAST, "data": {**FORECAST["data"], "probability": 35}}), "invalid_decision"),
        (DECISIONS, to_json({**FORECAST, "data": {**FORECAST["data"], "made_at": "2026-04-17"}}), "invalid_decision"),
    ],
)
def test_what_cannot_be_read_is_counted_as_rejected_by_settle(topic: str, value: bytes | None, rule: str) -> None:
    batch = decode([record(topic, value)])
    (arrived,) = batch.rejections
    assert (arrived.stage, arrived.rule, arrived.value) == (Stage.SETTLE, rule, value)
    assert str(arrived.input) == f"{topic}/2/5"
    assert batch.next_offsets == {(topic, 2): 6}


def test_offsets_go_on_after_the_highest_record_of_each_partition() -> None:
    records = [
        RawRecord(REJECTED, partition, offset, None, b"", (), 0) for partition, offset in [(0, 1), (0, 2), (1, 7)]
    ]
    assert decode(records).next_offsets == {(REJECTED, 0): 3, (REJECTED, 1): 8}
    assert decode(records, {("file:1", 0): 9}).next_offsets == {("file:1", 0): 9}


@given(
    st.sampled_from([VALIDATED, REJECTED, DECISIONS]),
    st.none() | st.binary(max_size=100),
    st.lists(st.tuples(st.sampled_from(["dualtrack-known-at", "dualtrack-input-offset", "x"]), st.binary(max_size=12))),
)
def test_every_record_arrives_as_exactly_one_thing(
    topic: str, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    batch = decode([record(topic, value, tuple(headers))])
    assert len(batch.signals) + len(batch.rejections) + len(batch.decisions) == 1


VALIDATED_BY_US = (
    b'{"envelope": {"specversion": "1.0", "id": "1", "source": "s", "type": "ai.dualtrack.headline.v1"},'
    b'"data": {"title": "t", "occurred_on": "2026"}, "event_type": "headline", "version": 1, "scores": {},'
    b'"occurred_first": "2026-01-01", "occurred_last": "2026-12-31", "occurred_precision": "year",'
    b'"reported_at": "2026-04-17T00:00:00Z", "track": "none", "content_hash": "x"}'
)


def test_a_validated_signal_is_read() -> None:
    assert len(decode([record(VALIDATED, VALIDATED_BY_US)]).signals) == 1


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"id": "1", ', b""),
        (b'"id": "1"', b'"id": 1'),
        (b'"title": "t"', b'"title": null'),
        (b'"title": "t", ', b""),
        (b'"title": "t"', b'"title": "t", "corrects": {"source": "s"}'),
        (b'"event_type": "headline"', b'"event_type": "weird"'),
        (b'"version": 1', b'"version": 1099511627776'),
    ],
)
def test_what_a_stranger_put_on_the_validated_topic_is_rejected_under_the_name_of_its_input(
    was: bytes, becomes: bytes
) -> None:
    headers = (
        ("dualtrack-input-topic", b"signals.deal"),
        ("dualtrack-input-partition", b"3"),
        ("dualtrack-input-offset", b"9"),
    )
    (arrived,) = decode([record(VALIDATED, VALIDATED_BY_US.replace(was, becomes), headers)]).rejections
    assert arrived.rule == "not_a_validated_signal"
    assert str(arrived.input) == "signals.deal/3/9"


@pytest.mark.parametrize("offset", [b"9223372036854775807", b"9" * 5000, "٣".encode(), b"-1"])
def test_an_input_name_that_the_ledger_cannot_hold_is_not_believed(offset: bytes) -> None:
    headers = (
        ("dualtrack-input-topic", b"t"),
        ("dualtrack-input-partition", b"0"),
        ("dualtrack-input-offset", offset),
        ("dualtrack-known-at", b"9" * 20),
    )
    (arrived,) = decode([record(VALIDATED, VALIDATED_BY_US, headers)]).signals
    assert str(arrived.input) == "signals.validated/2/5"
