"""Decisions among the lines of a file: they go past validate, as on Kafka, where they have a topic of their own."""

from typing import Final

from pydantic_core import from_json

from schemas import headers as names
from schemas.decisions import DECISION_TYPE_PREFIX
from schemas.records import OutRecord, RawRecord
from schemas.topics import DECISIONS, MAX_RAW_BYTES

_FILE: Final = "file:"
"""In the topic of what was loaded from a file, and of its replays; no topic of Kafka has a colon."""


def is_decision(record: RawRecord) -> bool:
    """Is it a line of a file that holds a decision, well formed or not?"""
    value = record.value or b""
    # Looked for as text first: reading every line of a large file twice would take its time.
    if _FILE not in record.topic or DECISION_TYPE_PREFIX.encode() not in value or len(value) > MAX_RAW_BYTES:
        return False
    try:
        body = from_json(value)
    except ValueError:
        return False
    return isinstance(body, dict) and str(body.get("type", "")).startswith(DECISION_TYPE_PREFIX)


def on_its_topic(record: RawRecord) -> OutRecord:
    """The decision as settle reads it, under the name of its line."""
    place = {
        names.INPUT_TOPIC: record.topic,
        names.INPUT_PARTITION: str(record.partition),
        names.INPUT_OFFSET: str(record.offset),
    }
    foreign = tuple(header for header in record.headers if header[0] not in names.INPUT_HEADERS)
    headers = tuple((name, text.encode()) for name, text in place.items())
    return OutRecord(DECISIONS, record.key, record.value or b"", (*foreign, *headers))
