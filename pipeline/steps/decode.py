"""Decode: records that settle read become what it works on, each under the name of its raw record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from pipeline.steps.content import content_hash
from pipeline.steps.parse import parse_envelope
from schemas import headers as names
from schemas.decisions import DecisionKind, decision_model, kind_of_type
from schemas.envelope import Envelope
from schemas.events import BY_TYPE
from schemas.outcomes import Rejected, Stage
from schemas.records import InputName, RawRecord, RecordBatch
from schemas.settling import ArrivedDecision, ArrivedRejection, ArrivedSignal, Delivery, SettleBatch
from schemas.signals import ValidatedSignal
from schemas.topics import DECISIONS, REJECTED

_LARGEST_PARTITION: Final = 2**31 - 1
_LARGEST_OFFSET: Final = 2**63 - 2
_MOST_DIGITS: Final = 20

Arrived = ArrivedSignal | ArrivedRejection | ArrivedDecision


@dataclass(frozen=True, slots=True)
class _Read:
    """A record that was read: the input that it brings, and how it came."""

    record: RawRecord
    input: InputName
    known_at: datetime
    via: Delivery


def decode(records: RecordBatch, next_offsets: Mapping[tuple[str, int], int] | None = None) -> SettleBatch:
    """Decode a batch. What cannot be decoded is a rejection of settle's own: it lands too, and is counted.

    ``next_offsets`` overrides those that follow from the records, which then stand on no log: each is its input.
    """
    arrived = [_decode_one(_read(record, on_log=next_offsets is None)) for record in records]
    return SettleBatch(
        signals=tuple(item for item in arrived if isinstance(item, ArrivedSignal)),
        rejections=tuple(item for item in arrived if isinstance(item, ArrivedRejection)),
        decisions=tuple(item for item in arrived if isinstance(item, ArrivedDecision)),
        next_offsets=_next_offsets(records) if next_offsets is None else next_offsets,
    )


def _read(record: RawRecord, *, on_log: bool) -> _Read:
    """The raw record's name and timestamp from the headers; the record's own where somebody wrote none or nonsense.

    On the log a decision is its own input, whatever its headers say; one from a file is named as its line.
    """
    name, known_at = record.name, record.timestamp
    if record.topic != DECISIONS or not on_log:
        topic, partition, offset = (
            _text(record, header) for header in (names.INPUT_TOPIC, names.INPUT_PARTITION, names.INPUT_OFFSET)
        )
        known_at = _time(record.header(names.KNOWN_AT)) or known_at
        if topic and _is_number(partition, _LARGEST_PARTITION) and _is_number(offset, _LARGEST_OFFSET):
            name = InputName(topic, int(partition), int(offset))
    place = record.name if on_log else name
    return _Read(record, name, known_at, Delivery(record.timestamp, place.topic, place.partition, place.offset))


def _decode_one(read: _Read) -> Arrived:
    if read.record.topic == REJECTED:
        return _rejection(read)
    if read.record.topic == DECISIONS:
        return _decision(read)
    return _signal(read)


def _signal(read: _Read) -> ArrivedSignal | ArrivedRejection:
    """A validated signal, read with suspicion: validate wrote it, unless somebody else put it on the topic."""
    record = read.record
    try:
        signal = ValidatedSignal.model_validate_json(record.value or b"")
        Envelope.model_validate(signal.envelope)
        BY_TYPE[(signal.event_type, signal.version)].model_validate(signal.data)
    except ValidationError as error:
        reason = f"not a validated signal: {error.errors(include_url=False)[0]['msg']}"
    except KeyError:
        reason = f"not a validated signal: there is no {signal.event_type} of version {signal.version}"
    else:
        return ArrivedSignal(read.input, read.via, read.known_at, _replaying(signal, record))
    return _own_rejection(read, Rejected(record, Stage.SETTLE, "not_a_validated_signal", reason))


def _rejection(read: _Read) -> ArrivedRejection:
    record = read.record
    stage = _text(record, names.ERROR_STAGE)
    return ArrivedRejection(
        input=read.input,
        via=read.via,
        known_at=read.known_at,
        key=record.key,
        value=_original_value(record),
        headers=tuple(h for h in record.headers if h[0] not in names.ERROR_HEADERS | names.INPUT_HEADERS),
        stage=next((known for known in Stage if known == stage), Stage.SETTLE),
        rule=_text(record, names.ERROR_RULE) or "unknown",
        reason=_text(record, names.ERROR_REASON) or "the record on the rejected topic gave no reason",
        rejected_at=_time(record.header(names.ERROR_TIME)) or record.timestamp,
        replay_of=_replay_of(record),
    )


def _decision(read: _Read) -> ArrivedDecision | ArrivedRejection:
    record = read.record
    parsed = parse_envelope(record)
    if isinstance(parsed, Rejected):
        return _own_rejection(read, parsed)
    envelope, data = parsed
    kind = kind_of_type(envelope.type)
    if kind is None:
        known = ", ".join(f"ai.dualtrack.decision.{name}.v1" for name in DecisionKind)
        reason = f"type {envelope.type!r} is no decision; known: {known}"
        return _own_rejection(read, Rejected(record, Stage.SETTLE, "unknown_decision", reason))
    try:
        decision = decision_model(kind).model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = f"data.{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        return _own_rejection(read, Rejected(record, Stage.SETTLE, "invalid_decision", reason))
    return ArrivedDecision(
        input=read.input,
        via=read.via,
        known_at=read.known_at,
        source=envelope.source,
        id=envelope.id,
        kind=kind,
        decision=decision,
        reported_at=envelope.time or record.timestamp,
        envelope=envelope.model_dump(mode="json", exclude_unset=True),
        data=data,
        content_hash=content_hash(envelope.type, data),
        replay_of=_replay_of(record),
    )


def _own_rejection(read: _Read, rejected: Rejected) -> ArrivedRejection:
    """A rejection of settle's own, dated by the log: a rebuild must find the same."""
    record = read.record
    return ArrivedRejection(
        input=read.input,
        via=read.via,
        known_at=read.known_at,
        key=record.key,
        value=record.value,
        headers=record.headers,
        stage=Stage.SETTLE,
        rule=rejected.rule,
        reason=rejected.reason,
        rejected_at=record.timestamp,
        replay_of=_replay_of(record),
    )


def _replay_of(record: RawRecord) -> str | None:
    """The input whose rejection this record replays, as its header names it."""
    return _text(record, names.REPLAY_OF) or None


def _replaying(signal: ValidatedSignal, record: RawRecord) -> ValidatedSignal:
    """A validated record that settle itself refused once is replayed as it was: only the header names the old one."""
    return signal.model_copy(update={"replay_of": _replay_of(record)}) if signal.replay_of is None else signal


def _is_number(text: str, largest: int) -> bool:
    """Is it a number that the ledger can hold? Headers may say anything."""
    return text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS and int(text) <= largest


def _original_value(record: RawRecord) -> bytes | None:
    """The value that was rejected: validate writes no null and notes it; a stranger's record is what it is."""
    noted = record.header(names.ERROR_NULL_VALUE)
    if noted is None:
        return record.value
    return None if noted == b"true" else record.value or b""


def _text(record: RawRecord, header: str) -> str:
    value = record.header(header)
    return value.decode(errors="replace") if value else ""


def _time(value: bytes | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(value) / 1000, UTC) if value else None
    except (ValueError, OverflowError, OSError):
        return None


def _next_offsets(records: Iterable[RawRecord]) -> dict[tuple[str, int], int]:
    """(topic, partition) to the offset after the last record read."""
    offsets: dict[tuple[str, int], int] = {}
    for record in records:
        place = (record.topic, record.partition)
        offsets[place] = max(offsets.get(place, 0), record.offset + 1)
    return offsets
