"""Encode: what passed and what was rejected become records, each carrying the name of its input in its headers."""

from datetime import datetime
from typing import Final

from pydantic_core import to_json

from schemas import headers as names
from schemas.outcomes import Checked, Rejected, Stage
from schemas.records import Headers, OutRecord, RawRecord
from schemas.signals import ValidatedSignal
from schemas.topics import MAX_OUT_BYTES, REJECTED, VALIDATED

_ROOM_FOR_HEADERS: Final = 64 * 1024
_LONGEST_REASON: Final = 2_000
_CONNECTOR: Final = b"dualtrack-validate"
_MODULES: Final = {
    Stage.PARSE: "pipeline.steps.parse",
    Stage.ENRICH: "pipeline.steps.enrich",
    Stage.CLASSIFY: "pipeline.steps.classify",
    Stage.CHECK: "checks.runner",
    Stage.ENCODE: "pipeline.steps.encode",
    Stage.SETTLE: "pipeline.steps.decode",
}
_LONGEST_KEY: Final = 1_000
_SCORE_DIGITS: Final = 4


def encode_passed(checked: Checked) -> OutRecord | Rejected:
    """The record for ``signals.validated``; a rejection where it would be larger than a record may be."""
    parsed = checked.classified.parsed
    value = to_json(signal_of(checked))
    if len(value) > MAX_OUT_BYTES - _ROOM_FOR_HEADERS:
        reason = f"{len(value):,} bytes with its enrichment; at most {MAX_OUT_BYTES - _ROOM_FOR_HEADERS:,} are written"
        return Rejected(parsed.record, Stage.ENCODE, "too_large_enriched", reason)
    return OutRecord(VALIDATED, _key(checked), value, _input_headers(parsed.record))


def encode_rejected(rejected: Rejected, now: datetime) -> OutRecord:
    """The record for ``signals.rejected``: the original key, value and headers, untouched, plus the reason in headers.

    What no record may carry (a broker lets it in compressed, or with limits above Kafka's defaults) is cut, and a
    header says how large it was: losing its end is better than a worker that can never get past it.
    """
    record = rejected.record
    key, value, foreign = record.key, record.value or b"", _foreign(record.headers)
    size = max(len(key or b"") + len(value) + _size(foreign), record.cut_from or 0)
    headers = _error_headers(rejected, now) + _input_headers(record)
    if len(key or b"") + _size(foreign) > _ROOM_FOR_HEADERS // 2:
        key, foreign = (key or b"")[:_LONGEST_KEY], ()
    value = value[: MAX_OUT_BYTES - _ROOM_FOR_HEADERS]
    if size > len(key or b"") + len(value) + _size(foreign):
        headers += ((names.TRUNCATED_FROM, str(size).encode()),)
    return OutRecord(REJECTED, key, value, foreign + headers)


def signal_of(checked: Checked) -> ValidatedSignal:
    """The value of a validated record. Built without validation: every part was checked on the way."""
    classified = checked.classified
    enriched, parsed = classified.enriched, classified.parsed
    replay_of = parsed.record.header(names.REPLAY_OF)
    return ValidatedSignal.model_construct(
        envelope=parsed.envelope.model_dump(mode="json", exclude_unset=True),
        data=dict(parsed.data),
        event_type=parsed.event.event_type,
        version=parsed.event.version,
        occurred_first=parsed.event.occurred_on.first,
        occurred_last=parsed.event.occurred_on.last,
        occurred_precision=parsed.event.occurred_on.precision,
        reported_at=parsed.reported_at,
        orgs=enriched.orgs,
        money=enriched.money,
        track=classified.track,
        scores={track: round(score, _SCORE_DIGITS) for track, score in classified.scores.items()},
        evidence=classified.evidence,
        warnings=checked.warnings,
        content_hash=parsed.content_hash,
        replay_of=replay_of.decode(errors="replace") if replay_of else None,
    )


def _key(checked: Checked) -> bytes:
    """The topmost parent of the first organisation: what is about one organisation stays in order."""
    orgs = checked.classified.enriched.orgs
    if not orgs:
        return checked.classified.parsed.envelope.source.encode()
    first = next((org for org in orgs if org.id), orgs[0])
    return (first.parent or first.id or first.name.casefold()).encode()


def _input_headers(record: RawRecord) -> Headers:
    return (
        (names.INPUT_TOPIC, record.topic.encode()),
        (names.INPUT_PARTITION, str(record.partition).encode()),
        (names.INPUT_OFFSET, str(record.offset).encode()),
        (names.KNOWN_AT, str(round(record.timestamp.timestamp() * 1000)).encode()),
    )


def _size(headers: Headers) -> int:
    return sum(len(name.encode(errors="replace")) + len(value or b"") for name, value in headers)


def _foreign(headers: Headers) -> Headers:
    """The headers that the publisher wrote; ours, should it have sent such, would hide the true ones."""
    ours = names.ERROR_HEADERS | names.INPUT_HEADERS
    return tuple(header for header in headers if header[0] not in ours)


def _error_headers(rejected: Rejected, now: datetime) -> Headers:
    record = rejected.record
    return (
        (names.ERROR_TOPIC, record.topic.encode()),
        (names.ERROR_PARTITION, str(record.partition).encode()),
        (names.ERROR_OFFSET, str(record.offset).encode()),
        (names.ERROR_CONNECTOR, _CONNECTOR),
        (names.ERROR_TASK, str(record.partition).encode()),
        (names.ERROR_STAGE, rejected.stage.encode()),
        (names.ERROR_CLASS, _MODULES[rejected.stage].encode()),
        (names.ERROR_RULE, rejected.rule.encode()),
        (names.ERROR_REASON, rejected.reason[:_LONGEST_REASON].encode(errors="replace")),
        (names.ERROR_TIME, str(int(now.timestamp() * 1000)).encode()),
        # Always, so that ours is the last of its name, whatever a publisher wrote.
        (names.ERROR_NULL_VALUE, b"true" if record.value is None else b"false"),
    )
