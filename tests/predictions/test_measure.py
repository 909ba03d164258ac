"""Lists that are cut short: near misses do not crowd out the facts on which the state hangs."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.candidates import Candidate, Moment
from predictions.measure import MAX_WAITING, Queue, listed, waiting
from tests.predictions.world import define, make_world

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LEAD = "  lead: {words: the lead is another one, sql: \"lead <> 'a'\"}"


def row(number: int, *verdicts: bool | None) -> Candidate:
    return Candidate(
        path=(),
        source="test",
        id=str(number),
        title="",
        occurred_on=date(2026, 6, 1),
        occurred_until=date(2026, 6, 1),
        url=None,
        began=Moment(NOW, offset=number),
        ended_at=None,
        reported_at=NOW,
        also=(),
        group=None,
        entity=None,
        value=None,
        shown={},
        verdicts=dict(zip("abc", verdicts, strict=False)),
    )


NEAR, ONE_FACT, TWO_FACTS = (False, True, True), (None, True, True), (None, None, True)
ROWS = st.lists(st.tuples(st.sampled_from([NEAR, ONE_FACT, TWO_FACTS]), st.booleans()), max_size=60)


@given(ROWS)
def test_a_queue_lists_those_that_lack_least_and_a_missing_fact_where_there_is_one(
    kinds: list[tuple[tuple[bool | None, ...], bool]],
) -> None:
    queue, there = Queue(), []
    for number, (verdicts, stays) in enumerate(kinds):
        candidate = row(number, *verdicts)
        queue.add(candidate)
        if stays:
            there.append(candidate)
        else:
            queue.drop(candidate)
    order = sorted(there, key=lambda one: (len(one.unknown) + len(one.failing), one.began))
    found = [item.row for item in queue.first()]
    assert queue.open == sum(one.is_open for one in there)
    assert len(found) == min(len(there), MAX_WAITING)
    assert found[: MAX_WAITING - 1] == order[: MAX_WAITING - 1]
    assert any(one.is_open for one in found) == any(one.is_open for one in there)


def test_a_short_list_stays_as_it_is() -> None:
    items = [waiting(row(number, *NEAR)) for number in range(MAX_WAITING)]
    assert listed(items) == tuple(items)
    assert listed([*items, items[0]]) == tuple(items)


@pytest.mark.parametrize(
    "criterion",
    [
        "{exists: {from: facts_funding, where: [firm, large, lead]}}",
        "{count_distinct: {from: facts_funding, of: company, where: [firm, large, lead], at_least: 1}}",
        "{all_of: [{exists: {from: facts_funding, where: [firm, large, lead]}}]}",
        "{sequence: {first: {from: facts_funding, where: [firm, large, lead]}, then: {from: facts_policy}}}",
    ],
)
def test_a_missing_fact_keeps_a_reading_open_however_many_near_misses_there_are(criterion: str) -> None:
    world = make_world(define(criterion, conditions=LEAD))
    for number in range(MAX_WAITING + 5):
        world.event("funding", f"near{number}", "2026-06-01", company=f"c{number}", valuation=1e6, lead="b")
    world.event("funding", "unknown", "2026-06-01", company="X")
    if "policy" in criterion:
        world.event("policy", "law", "2026-07-01", jurisdiction="X", instrument="Y")
    world.evaluate(datetime(2027, 6, 1, tzinfo=UTC))
    standing = world.stands("test", "main")
    assert (standing.state, standing.verdict) == ("open", "unknown")
    assert len(standing.waiting) == MAX_WAITING
