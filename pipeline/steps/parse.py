"""Parse: a raw record becomes an envelope and an event, or a rejection that says what to mend."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from pipeline.steps.content import content_hash
from schemas.envelope import CONTENT_TYPE, Envelope, split_type
from schemas.events import BY_TYPE
from schemas.outcomes import Finding, Parsed, Rejected, Stage
from schemas.records import RawRecord
from schemas.topics import EVENT_TYPES, MAX_RAW_BYTES, RAW_TOPICS, topic_of

BINARY_PREFIX: Final = "ce_"
"""Prefix of the attribute headers in binary mode (CloudEvents Kafka protocol binding 1.0.2, section 3.2)."""

_MOST_ERRORS_TOLD: Final = 5


class _Unreadable(Exception):
    """Control flow of this file only: why a record is not understood."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason


def parse(record: RawRecord) -> Parsed | Rejected:
    """Read one record in structured or binary mode. Never raises on input, whatever the bytes are."""
    try:
        return _parse(record)
    except _Unreadable as unreadable:
        return Rejected(record, Stage.PARSE, unreadable.rule, unreadable.reason)


def parse_envelope(record: RawRecord) -> tuple[Envelope, dict[str, Any]] | Rejected:
    """Envelope and unchecked data of a record of any type, for records that are no events (decisions)."""
    try:
        return _split(record)
    except _Unreadable as unreadable:
        return Rejected(record, Stage.PARSE, unreadable.rule, unreadable.reason)


def _parse(record: RawRecord) -> Parsed:
    envelope, data = _split(record)
    named = split_type(envelope.type)
    if named is None or named[0] not in EVENT_TYPES:
        known = ", ".join(f"ai.dualtrack.{name}.v1" for name in EVENT_TYPES)
        raise _Unreadable("unknown_event_type", f"type {envelope.type!r} is not known; known types: {known}")
    model = BY_TYPE.get(named)
    if model is None:
        raise _Unreadable(
            "unknown_event_version", f"{named[0]} has no version {named[1]}; upgrade dualtrack, or send version 1"
        )
    try:
        event = model.model_validate(data)
    except ValidationError as error:
        raise _invalid("data.", error) from None
    return Parsed(
        record=record,
        envelope=envelope,
        event=event,
        data=data,
        reported_at=_utc(envelope.time) if envelope.time else record.timestamp,
        content_hash=content_hash(envelope.type, data),
        warnings=_misplaced(record.topic, named[0]),
    )


def _split(record: RawRecord) -> tuple[Envelope, dict[str, Any]]:
    if record.cut_from is not None:
        raise _Unreadable("too_large", f"{record.cut_from:,} bytes, alone or with its batch: more than is kept whole")
    body = _json_object(record.value)
    if _is_binary(record):
        return _envelope(_binary_attributes(record)), body
    if "specversion" not in body:
        raise _Unreadable(
            "no_envelope",
            "this is no CloudEvent: neither a `specversion` in the JSON nor `ce_` headers; "
            'send {"specversion": "1.0", "id": ..., "source": ..., "type": ..., "data": {...}}',
        )
    data = body.pop("data", None)
    envelope = _envelope(body)
    if not isinstance(data, dict):
        raise _Unreadable("missing_data", "`data` must be a JSON object with the event; data_base64 is not read")
    return envelope, data


def _is_binary(record: RawRecord) -> bool:
    """The content type decides, where there is one; else the presence of attribute headers."""
    content_type = record.header("content-type") or b""
    if content_type.startswith(CONTENT_TYPE.encode()):
        return False
    return any(name.startswith(BINARY_PREFIX) for name, _ in record.headers)


def _json_object(value: bytes | None) -> dict[str, Any]:
    if not value:
        raise _Unreadable("empty_message", "the message has no content")
    if len(value) > MAX_RAW_BYTES:
        raise _Unreadable("too_large", f"{len(value):,} bytes; at most {MAX_RAW_BYTES:,} are read")
    try:
        body = from_json(value.decode(), allow_inf_nan=False)
    except UnicodeDecodeError as error:
        raise _Unreadable("not_utf8", f"byte {error.start} is not UTF-8: send JSON encoded as UTF-8") from None
    except ValueError as error:
        raise _Unreadable("not_json", f"not JSON (RFC 8259 has no NaN and no Infinity): {error}") from None
    if not isinstance(body, dict):
        raise _Unreadable("not_an_object", f"a JSON object is needed, this is {_json_kind(body)}")
    return body


def _json_kind(body: object) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(body), "a number")


def _binary_attributes(record: RawRecord) -> dict[str, Any]:
    try:
        attributes = {
            name.removeprefix(BINARY_PREFIX): value.decode()
            for name, value in record.headers
            if name.startswith(BINARY_PREFIX) and value is not None
        }
    except UnicodeDecodeError:
        raise _Unreadable("not_utf8", "a `ce_` header is not UTF-8") from None
    content_type = record.header("content-type")
    if content_type is not None:
        attributes["datacontenttype"] = content_type.decode(errors="replace")
    return attributes


def _envelope(attributes: Mapping[str, Any]) -> Envelope:
    version = attributes.get("specversion")
    if version != "1.0":
        raise _Unreadable("unsupported_specversion", f"CloudEvents specversion {version!r} is not read; send 1.0")
    try:
        return Envelope.model_validate(attributes)
    except ValidationError as error:
        raise _invalid("", error) from None


def _invalid(prefix: str, error: ValidationError) -> _Unreadable:
    details = error.errors(include_url=False, include_context=False)
    rule = "missing_field" if all(detail["type"] == "missing" for detail in details) else "invalid_field"
    told = [_sentence(prefix, detail) for detail in details[:_MOST_ERRORS_TOLD]]
    if len(details) > _MOST_ERRORS_TOLD:
        told.append(f"and {len(details) - _MOST_ERRORS_TOLD} more")
    return _Unreadable(rule, "; ".join(told))


def _sentence(prefix: str, detail: ErrorDetails) -> str:
    field = prefix + ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "missing":
        return f"{field} is missing"
    return f"{field}: {detail['msg']} (got {repr(detail['input'])[:80]})"


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise _Unreadable("invalid_field", f"time {time.isoformat()} lies outside the years 1 to 9999 in UTC") from None


def _misplaced(topic: str, event_type: str) -> tuple[Finding, ...]:
    if topic in RAW_TOPICS and topic != topic_of(event_type):
        return (Finding("misplaced", f"a {event_type} event stood on {topic}; its topic is {topic_of(event_type)}"),)
    return ()
