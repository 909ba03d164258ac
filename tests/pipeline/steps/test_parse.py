"""Parsing: both CloudEvents modes, and a reason for whatever is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from pipeline.steps.parse import parse
from schemas.outcomes import Parsed, Rejected, Stage
from schemas.records import Headers, RawRecord
from schemas.topics import MAX_RAW_BYTES

DEAL: dict[str, Any] = {
    "title": "A deal",
    "occurred_on": "2026-04-16",
    "kind": "cloud",
    "parties": [{"name": "OpenAI", "role": "buyer"}],
}
ENVELOPE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "tests",
    "type": "ai.dualtrack.deal.v1",
    "time": "2026-04-17T09:30:00+02:00",
}


def record(value: bytes | None, headers: Headers = (), topic: str = "signals.deal") -> RawRecord:
    return RawRecord(topic, 0, 7, None, value, headers, 1_776_420_000_000)


def structured(**changes: Any) -> bytes:
    return to_json({**ENVELOPE, "data": DEAL, **changes})


def rejected(value: bytes | None, headers: Headers = ()) -> Rejected:
    outcome = parse(record(value, headers))
    assert isinstance(outcome, Rejected), outcome
    assert outcome.stage is Stage.PARSE
    assert outcome.record.value == value
    return outcome


def test_structured_mode() -> None:
    outcome = parse(record(structured()))
    assert isinstance(outcome, Parsed)
    assert outcome.event.title == "A deal"
    assert outcome.reported_at.isoformat() == "2026-04-17T07:30:00+00:00"
    assert outcome.warnings == ()


def test_binary_mode() -> None:
    headers = tuple((f"ce_{name}", str(value).encode()) for name, value in ENVELOPE.items())
    outcome = parse(record(to_json(DEAL), (*headers, ("content-type", b"application/json"))))
    assert isinstance(outcome, Parsed)
    assert (outcome.envelope.source, outcome.envelope.id) == ("tests", "1")
    assert outcome.envelope.datacontenttype == "application/json"


def test_without_a_time_the_publisher_learnt_it_when_the_log_did() -> None:
    outcome = parse(record(to_json({k: v for k, v in ENVELOPE.items() if k != "time"} | {"data": DEAL})))
    assert isinstance(outcome, Parsed)
    assert outcome.reported_at == outcome.known_at


def test_unknown_fields_and_attributes_are_kept() -> None:
    outcome = parse(record(structured(traceparent="00-1", data={**DEAL, "lawyers": ["A", "B"]})))
    assert isinstance(outcome, Parsed)
    assert outcome.data["lawyers"] == ["A", "B"]
    assert outcome.envelope.model_dump()["traceparent"] == "00-1"


def test_an_event_on_another_types_topic_lands_with_a_warning() -> None:
    outcome = parse(record(structured(), topic="signals.benchmark"))
    assert isinstance(outcome, Parsed)
    assert [warning.rule for warning in outcome.warnings] == ["misplaced"]


@pytest.mark.parametrize(
    ("value", "rule", "told"),
    [
        (None, "empty_message", "no content"),
        (b"", "empty_message", "no content"),
        (b"<html>", "not_json", "not JSON"),
        (b'{"specversion": "1.0", "data": {"score": NaN}}', "not_json", "NaN"),
        (b'"\xff\xfe"', "not_utf8", "byte 1"),
        (b"[" * 100_000, "not_json", "not JSON"),
        (b"[1]", "not_an_object", "an array"),
        (b"true", "not_an_object", "a boolean"),
        (b"1.5", "not_an_object", "a number"),
        (to_json(DEAL), "no_envelope", "no CloudEvent"),
        (structured(specversion="0.3"), "unsupported_specversion", "'0.3' is not read; send 1.0"),
        (structured(type="ai.dualtrack.barter.v1"), "unknown_event_type", "ai.dualtrack.deal.v1"),
        (structured(type="com.example.deal"), "unknown_event_type", "com.example.deal"),
        (structured(type="ai.dualtrack.deal.v2"), "unknown_event_version", "no version 2"),
        (structured(time="2026-04-17T09:30:00"), "invalid_field", "time"),
        (structured(time="0001-01-01T00:00:00+14:00"), "invalid_field", "years 1 to 9999"),
        (structured(id=""), "invalid_field", "id"),
        (to_json({k: v for k, v in ENVELOPE.items() if k != "id"} | {"data": DEAL}), "missing_field", "id is missing"),
        (structured(data=[1]), "missing_data", "JSON object"),
        (structured(data={**DEAL, "kind": "barter"}), "invalid_field", "data.kind"),
        (structured(data={**DEAL, "occurred_on": "soon"}), "invalid_field", "2026-Q2"),
        (structured(data={**DEAL, "duration_years": "long"}), "invalid_field", "data.duration_years"),
        (structured(data={"title": "A deal"}), "missing_field", "data.occurred_on is missing"),
    ],
)
def test_what_is_wrong_is_rejected_with_a_rule_and_a_reason_for_people(
    value: bytes | None, rule: str, told: str
) -> None:
    outcome = rejected(value)
    assert outcome.rule == rule
    assert told in outcome.reason


def test_a_message_just_under_the_limit_is_read_and_one_just_over_is_not() -> None:
    room = MAX_RAW_BYTES - len(structured(padding=""))
    assert isinstance(parse(record(structured(padding="x" * room))), Parsed)
    assert rejected(structured(padding="x" * (room + 1))).rule == "too_large"


def test_many_errors_are_told_in_part() -> None:
    parties = [{"name": "", "role": ""}] * 20
    assert "and 36 more" in rejected(structured(data={**DEAL, "parties": parties})).reason


def test_a_header_that_is_not_utf8_is_told() -> None:
    assert rejected(to_json(DEAL), (("ce_id", b"\xff"),)).rule == "not_utf8"


@given(
    st.binary(max_size=200) | st.none(), st.lists(st.tuples(st.sampled_from(["ce_id", "ce_type", "x"]), st.binary()))
)
def test_no_bytes_and_no_headers_make_it_raise(value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    raw = record(value, tuple(headers))
    outcome = parse(raw)
    assert isinstance(outcome, Parsed | Rejected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*ENVELOPE, "data"]), JSON), st.dictionaries(st.sampled_from([*DEAL]), JSON))
def test_no_json_makes_it_raise(envelope: dict[str, Any], data: dict[str, Any]) -> None:
    body = {**ENVELOPE, "data": {**DEAL, **data}, **envelope}
    outcome = parse(record(json.dumps(body).encode()))
    assert isinstance(outcome, Parsed | Rejected)
    if isinstance(outcome, Rejected):
        assert outcome.rule
        assert outcome.reason
