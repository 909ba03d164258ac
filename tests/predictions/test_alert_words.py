"""A rule in words."""

import pytest

from predictions.alert_rules import Rule
from predictions.alert_words import rule_in_words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"kinds": ["met"]}, "Of every prediction: met. To topic and file."),
        (
            {"predictions": ["p1a"], "kinds": ["deadline", "stale"], "receivers": ["chat"], "at_most_per_hour": 2},
            "Of p1a: the deadline in 90, 30 or 7 days, no event for 90 days. To chat. At most 2 an hour to each; what "
            "is beyond comes later, in one digest.",
        ),
        (
            {"predictions": ["p1a", "p1b"], "tags": ["chips", "price"], "kinds": ["near miss"]},
            "Of the predictions p1a and p1b and the predictions tagged chips or price: near miss. To topic and file.",
        ),
        (
            {
                "when": {"event_type": ["deal", "model-release"], "organisation": "OpenAI", "amount_usd_at_least": 1e9},
                "template": {"title": "x"},
            },
            "Of every deal or model release that names OpenAI, of 1,000,000,000 USD or more: that it landed, what no "
            "longer holds. To topic and file. With a title of its own.",
        ),
        (
            {"when": {"event_type": "deal", "sql": "status =\n 'signed'"}},
            "Of every deal where status = 'signed': that it landed, what no longer holds. To topic and file.",
        ),
    ],
)
def test_a_rule_in_words(rule: dict[str, object], words: str) -> None:
    assert rule_in_words(Rule.model_validate({"id": "a", **rule}), ("topic", "file")) == words
