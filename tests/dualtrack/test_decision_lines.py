"""Decisions in files: found by what they are, and on no topic of Kafka."""

import pytest
from pydantic_core import to_json

from dualtrack.decision_lines import is_decision, on_its_topic
from pipeline.steps.decode import decode
from schemas.records import RawRecord
from schemas.topics import DECISIONS

FILE = "file:0123"
DECISION = {
    "specversion": "1.0",
    "id": "1",
    "source": "desk",
    "type": "ai.dualtrack.decision.resolve.v1",
    "data": {"by": "ada", "why": "the filing", "prediction": "p1a", "outcome": "met"},
}


def record(value: object, topic: str = FILE, headers: tuple[tuple[str, bytes], ...] = ()) -> RawRecord:
    return RawRecord(
        topic, 0, 7, None, value if isinstance(value, bytes) else to_json(value), headers, 1_800_000_000_000
    )


@pytest.mark.parametrize(
    ("value", "topic", "is_one"),
    [
        (DECISION, FILE, True),
        (DECISION, "replay:1:file:0123", True),
        ({**DECISION, "type": "ai.dualtrack.decision.guess.v1"}, FILE, True),
        (DECISION, "signals.deal", False),
        (DECISION, DECISIONS, False),
        ({**DECISION, "type": "ai.dualtrack.deal.v1", "subject": "ai.dualtrack.decision.resolve.v1"}, FILE, False),
        (b'"ai.dualtrack.decision.resolve.v1"', FILE, False),
        (b'{"type": "ai.dualtrack.decision.resolve.v1"', FILE, False),
        (b"\xff ai.dualtrack.decision.", FILE, False),
        (b"", FILE, False),
    ],
)
def test_only_lines_of_files_whose_type_says_so(value: object, topic: str, is_one: bool) -> None:
    assert is_decision(record(value, topic)) is is_one


def test_it_lands_under_the_name_of_its_line_whatever_its_headers_said() -> None:
    out = on_its_topic(record(DECISION, headers=(("dualtrack-input-offset", b"99"), ("x", b"kept"))))
    assert (out.topic, out.headers[0]) == (DECISIONS, ("x", b"kept"))
    read = RawRecord(out.topic, 0, 0, out.key, out.value, out.headers, 1_800_000_000_000)
    (arrived,) = decode([read], next_offsets={}).decisions
    assert str(arrived.input) == f"{FILE}/0/7"
    (on_the_log,) = decode([read]).decisions
    assert str(on_the_log.input) == "decisions/0/0", "on the log nobody is believed about it"
