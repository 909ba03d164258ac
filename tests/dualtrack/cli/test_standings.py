"""How evidence and its sources read."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from dualtrack.cli.standings import judged_by, source_of, title_of_cause, told_evidence, told_values

EVENT: dict[str, Any] = {
    "source": "desk",
    "id": "a",
    "title": "A lab rents chips",
    "occurred_on": date(2026, 5, 1),
    "status": "signed",
    "publisher": "Reuters",
    "origin": "a filing",
    "reported_at": datetime(2026, 5, 2, tzinfo=UTC),
    "topic": "signals.deal",
    "partition": 1,
    "offset": 7,
}


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (EVENT, "Reuters after a filing (signed), reported 2026-05-02; input signals.deal/1/7"),
        ({**EVENT, "origin": "Reuters"}, "Reuters (signed), reported 2026-05-02; input signals.deal/1/7"),
        ({"source": "desk", "id": "a"}, "desk"),
    ],
)
def test_a_source_is_told_as_far_as_it_is_known(item: dict[str, Any], told: str) -> None:
    assert source_of(item) == told


def test_values_are_told_and_what_nobody_says_is_said() -> None:
    values = {"price_usd": 1.3e9, "lab_holds": None, "firm": True, "occurred_on": "2026-05-01"}
    assert told_values(values).startswith(
        "price_usd = 1,300,000,000, lab_holds = nobody says, firm = true, occurred_on"
    )
    assert judged_by({"values": values}).endswith("firm = true")
    assert judged_by({}) == ""


def test_evidence_of_two_events_names_both_with_their_sources() -> None:
    other = {
        "source": "desk",
        "id": "b",
        "title": "The other half",
        "occurred_on": date(2026, 4, 1),
        "publisher": "CNBC",
    }
    told = told_evidence({**EVENT, "also": [other], "url": "https://example.org/a"}).plain.splitlines()
    assert told[0] == "2026-05-01 A lab rents chips"
    assert told[1] == "with 2026-04-01 The other half; CNBC"
    assert told[-1] == "https://example.org/a"


def test_the_cause_is_named_by_its_title_or_by_its_identity() -> None:
    cause = {"source": "desk", "id": "a"}
    assert title_of_cause({"cause": {**cause, "title": "A", "occurred_on": date(2026, 5, 1)}}, {}) == "A (2026-05-01)"
    assert title_of_cause({"cause": {**cause, "title": "Ada: resolve as met"}}, {}) == "Ada: resolve as met"
    assert title_of_cause({"cause": cause}, {}) == "desk#a"
    assert title_of_cause({"cause": cause}, {("desk", "a"): "B"}) == "B"
    assert title_of_cause({"cause": None}, {}) == ""
