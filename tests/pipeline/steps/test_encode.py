"""Encoding: the name of the input in headers, rejections byte for byte."""

import importlib.util
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.steps.content import content_hash
from pipeline.steps.decode import decode
from pipeline.steps.encode import encode_passed, encode_rejected
from schemas import headers as names
from schemas.outcomes import Checked, Finding, Rejected, ResolvedOrg, Stage
from schemas.records import OutRecord, RawRecord
from schemas.topics import MAX_OUT_BYTES, REJECTED, VALIDATED
from tests.factories import classify, make_enriched, make_event, make_parsed, make_record

NOW = datetime(2026, 4, 18, tzinfo=UTC)


def as_read(output: OutRecord, offset: int = 3) -> RawRecord:
    return RawRecord(output.topic, 1, offset, output.key, output.value, output.headers, 0)


def encoded(checked: Checked) -> OutRecord:
    output = encode_passed(checked)
    assert isinstance(output, OutRecord)
    return output


def checked(**fields: object) -> Checked:
    parsed = make_parsed(make_event("deal", **fields), offset=42)
    return Checked(classify(make_enriched(parsed)), (Finding("rule", "reason"),))


def test_a_passed_event_arrives_at_settle_under_the_name_of_its_input() -> None:
    item = checked(unheard_of={"kept": [1, 2]})
    output = encoded(item)
    batch = decode([as_read(output)])
    (arrived,) = batch.signals
    assert output.topic == VALIDATED
    assert str(arrived.input) == "signals.deal/0/42"
    assert arrived.known_at == item.classified.parsed.known_at
    assert arrived.signal.data["unheard_of"] == {"kept": [1, 2]}
    assert arrived.signal.envelope["id"] == "event-42"
    assert arrived.signal.warnings == (Finding("rule", "reason"),)
    assert arrived.signal.money == item.classified.enriched.money
    assert batch.next_offsets == {(VALIDATED, 1): 4}


def test_the_key_is_the_topmost_parent_so_that_an_organisations_events_stay_in_order() -> None:
    orgs = [ResolvedOrg("Nobody knows"), ResolvedOrg("DeepMind", id="google-deepmind", parent="alphabet")]
    item = Checked(classify(make_enriched(make_parsed(), orgs=orgs)), ())
    assert encoded(item).key == b"alphabet"
    unknown = Checked(classify(make_enriched(make_parsed(), orgs=orgs[:1])), ())
    assert encoded(unknown).key == b"nobody knows"


def test_an_event_that_grew_too_large_is_rejected_with_a_reason() -> None:
    outcome = encode_passed(checked(summary_of_all="x" * MAX_OUT_BYTES))
    assert isinstance(outcome, Rejected)
    assert (outcome.stage, outcome.rule) == (Stage.ENCODE, "too_large_enriched")


KEYS = st.none() | st.binary(max_size=20)
HEADERS = st.lists(st.tuples(st.text(min_size=1, max_size=8).filter(lambda n: not n.startswith("_")), st.binary()))


@given(st.none() | st.binary(max_size=300), KEYS, HEADERS)
def test_a_rejection_keeps_every_byte(value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    record = make_record(value, offset=9, key=key, headers=tuple(headers))
    output = encode_rejected(Rejected(record, Stage.PARSE, "not_json", "because …"), NOW)
    (arrived,) = decode([as_read(output)]).rejections
    assert output.topic == REJECTED
    assert (arrived.value, arrived.key, arrived.headers) == (value, key, tuple(headers))
    assert (arrived.stage, arrived.rule, arrived.reason) == (Stage.PARSE, "not_json", "because …")
    assert str(arrived.input) == "signals.deal/0/9"
    assert arrived.rejected_at == NOW


CONNECT = {
    "topic": b"signals.deal",
    "partition": b"0",
    "offset": b"9",
    "connector.name": b"dualtrack-validate",
    "task.id": b"0",
    "stage": b"check",
    "class.name": b"checks.runner",
    "exception.class.name": b"rule",
    "exception.message": "größer".encode(),
}
"""What Kafka Connect's DeadLetterQueueReporter writes under ``__connect.errors.``, the stack trace apart."""


def test_the_headers_have_kafka_connects_names() -> None:
    output = encode_rejected(Rejected(make_record(b"x", offset=9), Stage.CHECK, "rule", "größer"), NOW)
    headers = dict(output.headers)
    written = {name.removeprefix("__connect.errors."): value for name, value in headers.items() if "__" in name}
    assert written == CONNECT
    assert len(headers) == len(output.headers), "each once"


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_names_a_module_that_exists(stage: Stage) -> None:
    headers = dict(encode_rejected(Rejected(make_record(b"x"), stage, "rule", "reason"), NOW).headers)
    assert importlib.util.find_spec(headers[names.ERROR_CLASS].decode()) is not None


def test_the_documentation_lists_exactly_the_headers_that_are_written() -> None:
    text = (Path(__file__).parents[3] / "docs" / "rejections.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([^`]+)` \|", text.partition("## Headers")[2].partition("\n## ")[0], re.MULTILINE)
    record = make_record(b"x" * (MAX_OUT_BYTES + 1), headers=())
    huge = encode_rejected(Rejected(record, Stage.PARSE, "r", "r"), NOW)
    assert listed == [name for name, _ in huge.headers]
    assert names.ERROR_HEADERS - set(listed) == {names.ERROR_STACKTRACE}


def test_headers_of_ours_that_a_publisher_forged_do_not_hide_the_true_ones() -> None:
    record = make_record(b"x", offset=9, headers=((names.ERROR_RULE, b"forged"), (names.INPUT_OFFSET, b"1")))
    (arrived,) = decode([as_read(encode_rejected(Rejected(record, Stage.PARSE, "true", "r"), NOW))]).rejections
    assert (arrived.rule, arrived.input.offset) == ("true", 9)


def test_a_value_larger_than_any_record_is_cut_and_says_so() -> None:
    output = encode_rejected(Rejected(make_record(b"x" * (MAX_OUT_BYTES + 1)), Stage.PARSE, "r", "r"), NOW)
    assert len(output.value) < MAX_OUT_BYTES
    assert int(dict(output.headers)[names.TRUNCATED_FROM]) > MAX_OUT_BYTES


@pytest.mark.parametrize(("key", "headers"), [(b"k" * 3_000_000, ()), (None, (("h", b"x" * 3_000_000),))])
def test_a_huge_key_or_header_does_not_make_a_record_that_no_broker_takes(
    key: bytes | None, headers: tuple[tuple[str, bytes], ...]
) -> None:
    record = make_record(b"x" * 2_000_000, key=key, headers=headers)
    output = encode_rejected(Rejected(record, Stage.PARSE, "r", "r"), NOW)
    sizes = [len(output.key or b""), len(output.value), *(len(name) + len(value) for name, value in output.headers)]
    assert sum(sizes) < MAX_OUT_BYTES
    assert int(dict(output.headers)[names.TRUNCATED_FROM]) > 3_000_000


def test_a_forged_null_header_does_not_lose_the_bytes() -> None:
    record = make_record(b"precious", headers=((names.ERROR_NULL_VALUE + "\0x", b"true"),))
    output = encode_rejected(Rejected(record, Stage.PARSE, "r", "r"), NOW)
    # librdkafka cuts the name of a header at a null character.
    cut = tuple((name.split("\0")[0], value) for name, value in output.headers)
    (arrived,) = decode([as_read(OutRecord(output.topic, output.key, output.value, cut))]).rejections
    assert arrived.value == b"precious"


def test_the_content_hash_ignores_the_order_of_fields_and_sees_every_other_change() -> None:
    data = {"b": 1, "a": {"d": 2, "c": "é"}}
    again = json.loads(json.dumps(data, sort_keys=True))
    assert content_hash("t", data) == content_hash("t", again)
    assert content_hash("t", data) != content_hash("t", {**data, "b": 1.5})
    assert content_hash("t", data) != content_hash("u", data)
