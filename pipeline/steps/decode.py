"""Decode: records that settle read become what it works on, each under the name of its raw record."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from pydantic import ValidationError

from pipeline.steps.content import content_hash
from pipeline.steps.parse import parse_envelope
from schemas import headers as names
from schemas.decisions import Decision, DecisionKind, kind_of_type
from schemas.outcomes import Rejected, Stage
from schemas.records import InputName, RawRecord, RecordBatch
from schemas.settling import ArrivedDecision, ArrivedRejection, ArrivedSignal, SettleBatch
from schemas.signals import ValidatedSignal
from schemas.topics import DECISIONS, REJECTED

Arrived = ArrivedSignal | ArrivedRejection | ArrivedDecision


def decode(
    records: RecordBatch, now: datetime, next_offsets: Mapping[tuple[str, int], int] | None = None
) -> SettleBatch:
    """Decode a batch. What cannot be decoded is a rejection of settle's own: it lands too, and is counted.

    ``next_offsets`` overrides those that follow from the records.
    """
    arrived = [_decode_one(record, now) for record in records]
    return SettleBatch(
        signals=tuple(item for item in arrived if isinstance(item, ArrivedSignal)),
        rejections=tuple(item for item in arrived if isinstance(item, ArrivedRejection)),
        decisions=tuple(item for item in arrived if isinstance(item, ArrivedDecision)),
        next_offsets=_next_offsets(records) if next_offsets is None else next_offsets,
    )


def _decode_one(record: RawRecord, now: datetime) -> Arrived:
    if record.topic == REJECTED:
        return _rejection(record, now)
    if record.topic == DECISIONS:
        return _decision(record, now)
    return _signal(record, now)


def _signal(record: RawRecord, now: datetime) -> ArrivedSignal | ArrivedRejection:
    name, known_at = _input_of(record)
    try:
        return ArrivedSignal(name, known_at, ValidatedSignal.model_validate_json(record.value or b""))
    except ValidationError as error:
        reason = f"not a validated signal: {error.errors(include_url=False)[0]['msg']}"
        return _own_rejection(Rejected(record, Stage.SETTLE, "not_a_validated_signal", reason), now)


def _rejection(record: RawRecord, now: datetime) -> ArrivedRejection:
    name, known_at = _input_of(record)
    stage = _text(record, names.ERROR_STAGE)
    replay_of = record.header(names.REPLAY_OF)
    return ArrivedRejection(
        input=name,
        known_at=known_at,
        key=record.key,
        value=None if record.header(names.ERROR_NULL_VALUE) else record.value or b"",
        headers=tuple(h for h in record.headers if h[0] not in names.ERROR_HEADERS | names.INPUT_HEADERS),
        stage=next((known for known in Stage if known == stage), Stage.SETTLE),
        rule=_text(record, names.ERROR_RULE) or "unknown",
        reason=_text(record, names.ERROR_REASON) or "the record on the rejected topic gave no reason",
        rejected_at=_time(record.header(names.ERROR_TIME)) or now,
        replay_of=replay_of.decode(errors="replace") if replay_of else None,
    )


def _decision(record: RawRecord, now: datetime) -> ArrivedDecision | ArrivedRejection:
    read = parse_envelope(record)
    if isinstance(read, Rejected):
        return _own_rejection(read, now)
    envelope, data = read
    kind = kind_of_type(envelope.type)
    if kind is None:
        known = ", ".join(f"ai.dualtrack.decision.{name}.v1" for name in DecisionKind)
        reason = f"type {envelope.type!r} is no decision; known: {known}"
        return _own_rejection(Rejected(record, Stage.SETTLE, "unknown_decision", reason), now)
    try:
        decision = Decision.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = f"data.{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        return _own_rejection(Rejected(record, Stage.SETTLE, "invalid_decision", reason), now)
    return ArrivedDecision(
        input=record.name,
        known_at=record.timestamp,
        source=envelope.source,
        id=envelope.id,
        kind=kind,
        decision=decision,
        reported_at=envelope.time or record.timestamp,
        envelope=envelope.model_dump(mode="json", exclude_unset=True),
        data=data,
        content_hash=content_hash(envelope.type, data),
    )


def _own_rejection(rejected: Rejected, now: datetime) -> ArrivedRejection:
    record = rejected.record
    return ArrivedRejection(
        input=record.name,
        known_at=record.timestamp,
        key=record.key,
        value=record.value,
        headers=record.headers,
        stage=Stage.SETTLE,
        rule=rejected.rule,
        reason=rejected.reason,
        rejected_at=now,
    )


def _input_of(record: RawRecord) -> tuple[InputName, datetime]:
    """The raw record's name and timestamp from the headers; the record's own where somebody wrote none or nonsense."""
    topic, partition, offset = (
        _text(record, name) for name in (names.INPUT_TOPIC, names.INPUT_PARTITION, names.INPUT_OFFSET)
    )
    known_at = _time(record.header(names.KNOWN_AT)) or record.timestamp
    if topic and partition.isdecimal() and offset.isdecimal():
        return InputName(topic, int(partition), int(offset)), known_at
    return record.name, known_at


def _text(record: RawRecord, header: str) -> str:
    value = record.header(header)
    return value.decode(errors="replace") if value else ""


def _time(value: bytes | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(value) / 1000, UTC) if value else None
    except (ValueError, OverflowError):
        return None


def _next_offsets(records: Iterable[RawRecord]) -> dict[tuple[str, int], int]:
    """(topic, partition) to the offset after the last record read."""
    offsets: dict[tuple[str, int], int] = {}
    for record in records:
        place = (record.topic, record.partition)
        offsets[place] = max(offsets.get(place, 0), record.offset + 1)
    return offsets
