"""Whom a disagreement of sources concerns, and when it is a new one."""

from datetime import UTC, datetime

import pytest

from predictions.alert_rules import Rule
from predictions.conflicts import Conflict, Statement, told_of_conflicts
from tests.predictions.world import UNICORNS, define, make_world

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def conflict(*values: str, story: str = "s", about: str = "amount") -> Conflict:
    said = tuple(Statement("test", f"e{number}", "A", value, "funding") for number, value in enumerate(values))
    return Conflict(story, about, said, NOW)


def test_the_same_values_in_any_order_are_the_same_disagreement() -> None:
    assert conflict("1", "2").key == conflict("2", "1").key == conflict("1", "2", "2").key
    others = (conflict("1", "3"), conflict("1", "2", "3"), conflict("1", "2", story="t"), conflict("1", "2", about="x"))
    assert len({conflict("1", "2").key, *(one.key for one in others)}) == 5


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"kinds": ["source conflict"]}, 1),
        ({"kinds": ["met"]}, 0),
        ({"kinds": ["source conflict"], "predictions": ["other"]}, 0),
        ({"kinds": ["source conflict"], "when": {"event_type": "funding"}}, 1),
        ({"kinds": ["source conflict"], "when": {"event_type": "deal"}}, 0),
    ],
)
def test_it_is_told_where_the_prediction_stands_on_it_or_the_type_fits(rule: dict[str, object], told: int) -> None:
    definition = define(UNICORNS)
    world = make_world(definition)
    world.event("funding", "e0", "2026-05-01", company="A", valuation=2e9)
    world.evaluate()
    found = list(
        told_of_conflicts(
            world.connection, [conflict("1", "2")], [Rule.model_validate({"id": "a", **rule})], [definition]
        )
    )
    assert len(found) == told


def test_what_no_evidence_cites_concerns_no_prediction() -> None:
    definition = define(UNICORNS)
    world = make_world(definition)
    world.evaluate()
    rules = [Rule.model_validate({"id": "a", "kinds": ["source conflict"]})]
    assert list(told_of_conflicts(world.connection, [conflict("1", "2")], rules, [definition])) == []
