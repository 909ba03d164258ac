"""Signals: CloudEvents with identities that stay, written whole or not at all."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.steps.parse import parse
from publishers.sources.signal import Signal, midnight, slug, usd, write_signals
from publishers.sources.tables import SourceBroken
from schemas.events import Funding
from schemas.outcomes import Parsed
from schemas.records import RawRecord


def signal(id: str = "one") -> Signal:
    event = Funding.model_validate({"title": "t", "occurred_on": "2025-03-31", "company": "X", "amount": usd(1e10)})
    return Signal("test", id, datetime(2025, 4, 1, tzinfo=UTC), event)


def test_what_is_written_is_what_the_pipeline_reads(tmp_path: Path) -> None:
    assert write_signals([signal("one"), signal("zwölf")], tmp_path / "s.jsonl") == 2
    for offset, line in enumerate((tmp_path / "s.jsonl").read_bytes().splitlines()):
        outcome = parse(RawRecord("t", 0, offset, None, line, (), 1_776_000_000_000))
        assert isinstance(outcome, Parsed)
        assert outcome.event.money()["amount"].value == Decimal(10**10)
        assert outcome.reported_at == datetime(2025, 4, 1, tzinfo=UTC)


def test_only_what_is_known_is_said() -> None:
    assert json.loads(json.dumps(signal().as_body()))["data"].keys() == {"title", "occurred_on", "company", "amount"}


def test_a_source_that_breaks_half_way_leaves_nothing(tmp_path: Path) -> None:
    def breaking() -> Iterator[Signal]:
        yield signal()
        raise SourceBroken("line 2")

    with pytest.raises(SourceBroken):
        write_signals(breaking(), tmp_path / "s.jsonl")
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=300))
def test_a_slug_is_plain_and_short(text: str) -> None:
    made = slug(text)
    assert len(made) <= 120
    assert made.strip("abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
    assert slug(made) == made


def test_times_and_money_keep_what_people_read() -> None:
    assert midnight(date(2025, 1, 2)) == datetime(2025, 1, 2, tzinfo=UTC)
    assert usd(0.8756).value == Decimal("0.8756")
