"""Which predictions a rule is about, and what it tells where it does not say."""

import pytest

from predictions.alert_rules import MILESTONES, Rule
from tests.predictions.world import UNICORNS, define

TAGGED = define(UNICORNS).model_copy(update={"tags": ("chips", "price")})


@pytest.mark.parametrize(
    ("rule", "is_about"),
    [
        ({}, True),
        ({"predictions": ["test"]}, True),
        ({"predictions": ["other"]}, False),
        ({"tags": ["price"]}, True),
        ({"tags": ["other"]}, False),
        ({"predictions": ["other"], "tags": ["chips"]}, True),
        ({"when": {"event_type": "deal"}}, False),
    ],
)
def test_a_rule_is_about_what_it_names(rule: dict[str, object], is_about: bool) -> None:
    assert Rule.model_validate({"id": "a", **rule}).is_about(TAGGED) is is_about


def test_what_is_told_where_a_rule_does_not_say() -> None:
    assert Rule(id="a").told == MILESTONES
    assert Rule.model_validate({"id": "a", "when": {"event_type": "deal"}}).told == ("match", "retracted")
