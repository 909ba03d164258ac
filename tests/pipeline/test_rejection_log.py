"""Rejections in the log: with the input and the event's identity as fields, and never a flood."""

import logging

import pytest

from pipeline.rejection_log import MOST_LINES, WINDOW_SECONDS, RejectionLog, fields_of
from pipeline.steps.encode import encode_rejected
from schemas.outcomes import Rejected, Stage
from schemas.records import Headers, OutRecord, RawRecord
from tests.factories import KNOWN_AT


def rejected(value: bytes | None, reason: str = "a reason", headers: Headers = ()) -> OutRecord:
    record = RawRecord("signals.deal", 3, 17, None, value, headers, 1)
    return encode_rejected(Rejected(record, Stage.PARSE, "not_json", reason), KNOWN_AT)


@pytest.mark.parametrize(
    ("value", "headers", "identity"),
    [
        (b'{"source": "desk", "id": "7", "data": {}}', (), ("desk", "7")),
        (b"{}", (("ce_id", b"8"), ("ce_source", b"wire")), ("wire", "8")),
        (b"no JSON", (), (None, None)),
        (b'["source", "id"]', (), (None, None)),
        (b'{"source": 1, "id": null}', (), (None, None)),
        (None, (), (None, None)),
        (b"\xff\xfe", (("ce_id", b"\xff"),), (None, "\ufffd")),
    ],
)
def test_a_line_has_the_input_and_the_identity_as_fields(
    value: bytes | None, headers: Headers, identity: tuple[str | None, str | None]
) -> None:
    fields = fields_of(rejected(value, headers=headers))
    assert (fields["source"], fields["id"]) == identity
    assert (fields["topic"], fields["partition"], fields["offset"]) == ("signals.deal", 3, 17)
    assert (fields["stage"], fields["rule"], fields["reason"]) == ("parse", "not_json", "a reason")


def test_nobody_outside_writes_lines_of_our_log() -> None:
    fields = fields_of(rejected(b'{"id": "1\\n2026 CRITICAL forged", "source": "x"}', "a\nb\r\nc" + "d" * 1000))
    assert fields["id"] == "1 2026 CRITICAL forged"
    assert fields["reason"].startswith("a b c")
    assert len(fields["reason"]) == 300


def test_a_flood_is_counted_and_not_listed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    log = RejectionLog(lambda: now)
    for _ in range(3):
        log.tell([rejected(b"x")] * 1000)
    assert len(caplog.records) == MOST_LINES
    now += WINDOW_SECONDS
    log.tell([rejected(b"x")])
    told = [record.getMessage() for record in caplog.records[MOST_LINES:]]
    assert told == [
        f"{3000 - MOST_LINES} more rejections, not told one by one: dualtrack rejections list",
        "rejected signals.deal/3/17 (parse, not_json): a reason",
    ]
    assert vars(caplog.records[-1])["offset"] == 17
