"""The limit on rejections: which batch is one too many, over batches and over time."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from pipeline.limits import RejectLimit, RejectLimitConfig
from pipeline.steps.encode import encode_rejected
from schemas.faults import TerminalFault, TooManyRejections
from schemas.outcomes import Rejected, Stage
from schemas.records import OutRecord, RawRecord
from tests.factories import make_record

NOW = datetime(2026, 4, 18, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def batch(outcomes: str, first: int = 0) -> tuple[list[RawRecord], list[OutRecord]]:
    """One input for each letter: a good one for ``.``, a bad one for another."""
    records = [make_record(b"x", offset=first + number) for number in range(len(outcomes))]
    rules = {"p": (Stage.PARSE, "not_json"), "c": (Stage.CHECK, "common.money-negative")}
    rejected = [
        encode_rejected(Rejected(record, *rules[letter], "because"), NOW)
        for record, letter in zip(records, outcomes, strict=True)
        if letter != "."
    ]
    return records, rejected


def feed(limit: RejectLimit, batches: Sequence[str]) -> int:
    """How many batches passed before one was too many."""
    first = 0
    for number, outcomes in enumerate(batches):
        try:
            limit.check(*batch(outcomes, first))
        except TooManyRejections:
            return number
        first += len(outcomes)
    return len(batches)


def test_it_is_off_by_default() -> None:
    assert feed(RejectLimit(RejectLimitConfig()), ["p" * 1000] * 3) == 3


def test_a_share_counts_once_enough_were_seen() -> None:
    limit = RejectLimit(RejectLimitConfig(share=0.1))
    assert feed(limit, ["p" * 100, "p" * 99, "p"]) == 2


def test_exactly_the_share_passes_and_one_more_does_not() -> None:
    limit = RejectLimit(RejectLimitConfig(share=0.1))
    assert feed(limit, [("." * 9 + "p") * 100]) == 1
    assert feed(limit, ["." * 9 + "p", "." * 9 + "p", "p"]) == 2


def test_the_window_slides_over_batches() -> None:
    limit = RejectLimit(RejectLimitConfig(share=0.5, window=400, at_least=200))
    assert feed(limit, ["." * 200, "p" * 200, "." * 200, "p" * 200]) == 4
    assert feed(limit, ["p"]) == 0, "201 of 400"


def test_a_burst_inside_one_large_batch_does_not_hide_behind_what_follows() -> None:
    limit = RejectLimit(RejectLimitConfig(share=0.5, window=400))
    assert feed(limit, ["." * 1000 + "p" * 300 + "." * 3000]) == 0


def test_a_share_of_zero_allows_none() -> None:
    assert feed(RejectLimit(RejectLimitConfig(share=0.0)), ["." * 1000, "." * 500 + "c"]) == 1


def test_a_rate_looks_back_a_minute_of_the_clock() -> None:
    clock = Clock()
    limit = RejectLimit(RejectLimitConfig(per_minute=10), clock)
    assert feed(limit, ["p" * 10]) == 1
    clock.seconds += 59.9
    with pytest.raises(TooManyRejections, match="11 inputs were rejected within a minute"):
        limit.check(*batch("p", 10))
    clock.seconds += 60.0
    assert feed(limit, ["p" * 9]) == 1


def test_the_message_says_how_many_why_and_what_to_do() -> None:
    limit = RejectLimit(RejectLimitConfig(share=0.2))
    with pytest.raises(TerminalFault) as raised:
        limit.check(*batch("." * 160 + "p" * 10 + "c" * 31))
    said = str(raised.value)
    assert said.startswith("41 of the last 201 inputs were rejected, 20.4%; DUALTRACK_REJECT_LIMIT_SHARE allows 20.0%.")
    assert "Most often check/common.money-negative (31 of 41), for example signals.deal/0/200" in said
    assert "raise or unset the limit" in said
