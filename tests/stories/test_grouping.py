"""What joins a story, what begins one, and what people's decisions do to them."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stories.grouping import Report, StoryDecision, decide, group, standing

DAY = date(2026, 4, 1)


def report(number: int, day: int = 0, days: int = 0, key: str = "deal", **details: str) -> Report:
    first = DAY + timedelta(days=day)
    return Report(number, f"desk#{number:03}", key, 30, first, first + timedelta(days=days), details)


def sets(reports: list[Report]) -> list[set[int]]:
    found: dict[int, set[int]] = {}
    for hash, story in group(reports).items():
        found.setdefault(story.first.hash, set()).add(hash)
    return list(found.values())


def test_reports_within_the_days_are_one_story_counted_from_its_first() -> None:
    assert sets([report(1), report(2, 30), report(3, 31)]) == [{1, 2}, {3}]


def test_a_chain_of_reports_does_not_drift() -> None:
    assert sets([report(number, 20 * number) for number in range(4)]) == [{0, 1}, {2, 3}]


def test_a_vague_first_report_is_open_until_its_last_day() -> None:
    assert sets([report(1, 0, days=29), report(2, 59), report(3, 60)]) == [{1, 2}, {3}]


def test_a_detail_that_is_not_stated_keeps_nobody_out() -> None:
    assert sets([report(1, 0, round="a"), report(2, 1), report(3, 2, round="b"), report(4, 3)]) == [{1, 2, 4}, {3}]


def test_another_key_is_another_story() -> None:
    assert sets([report(1), report(2, key="funding")]) == [{1}, {2}]


@given(
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from([0, 0, 29]), st.sampled_from(["", "a", "b"]))), st.randoms()
)
def test_the_order_of_arrival_does_not_matter_and_no_story_outlasts_its_days(made: list[Any], random: Any) -> None:
    reports = [report(n, day, days, **({"round": text} if text else {})) for n, (day, days, text) in enumerate(made)]
    grouped = group(reports)
    shuffled = random.sample(reports, len(reports))
    assert {hash: story.first.hash for hash, story in group(shuffled).items()} == {
        hash: story.first.hash for hash, story in grouped.items()
    }
    for one in reports:
        first = grouped[one.hash].first
        assert first.order <= one.order
        assert one.occurred_on <= first.occurred_until + timedelta(days=30)
    for story in sets(reports):
        assert len({one.details["round"] for one in reports if one.hash in story and one.details}) <= 1


def decision(order: int, *events: int, apart: tuple[int, ...] | None = None, back: int | None = None) -> StoryDecision:
    return StoryDecision((order,), ("desk", f"d{order}"), events, apart, ("desk", f"d{back}") if back else None)


APART = [report(1), report(2, 1), report(3, 50), report(4, 51)]
"""Two stories: 1 and 2, 3 and 4."""


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([], [{1, 2}, {3, 4}]),
        ([decision(1, 2, 3)], [{1, 2, 3, 4}]),
        ([decision(1, 2, apart=(1,))], [{1}, {2}, {3, 4}]),
        ([decision(1, 1, apart=(2,))], [{1}, {2}, {3, 4}]),
        ([decision(1, 2, 3), decision(2, 3, apart=(1, 2, 4))], [{1, 2, 4}, {3}]),
        ([decision(1, 2, apart=(1,)), decision(2, 2, 4)], [{1}, {2, 3, 4}]),
        ([decision(1, 2, apart=(3, 4))], [{1, 2}, {3, 4}]),  # It was not in that story.
        ([decision(1, 2, 99)], [{1, 2}, {3, 4}]),  # Nobody has seen the other event yet.
        ([decision(1, 2, 3), decision(2, back=1)], [{1, 2}, {3, 4}]),
        ([decision(1, 2, 3), decision(2, back=1), decision(3, back=2)], [{1, 2, 3, 4}]),
        ([decision(1, back=2), decision(2, 2, 3)], [{1, 2, 3, 4}]),  # Only what is earlier can be taken back.
    ],
)
def test_decisions_win_in_their_order(decisions: list[StoryDecision], expected: list[set[int]]) -> None:
    grouped = group(APART)
    found = decide(grouped, {report.hash: report.hash for report in APART}, standing(reversed(decisions)))
    assert sorted(map(sorted, set(found.values()))) == sorted(map(sorted, expected))
