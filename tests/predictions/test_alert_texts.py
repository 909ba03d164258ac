"""Texts of one's own: they read the alert and nothing else, and one that fails loses no alert."""

import logging

import pytest

from predictions.alert_rules import Rule, Template
from predictions.alert_texts import LONGEST_TITLE, AlertTexts, usd
from tests.sinks.builders import alert

RULE = Rule(id="a")
OF_EVENTS = Rule.model_validate({"id": "a", "when": {"event_type": "deal"}})


def test_a_template_reads_the_alert_and_its_event() -> None:
    told = alert().model_copy(update={"evidence": ({"title": "A deal", "amount_usd": 6.6e9},)})
    named = AlertTexts().apply(
        Template(title="{{ kind }}: {{ event.title }}", body="{{ event.amount_usd | usd }}"), told
    )
    assert (named.title, named.body) == ("met: A deal", "6.6 billion USD")
    assert named.key == told.key


@pytest.mark.parametrize(
    "text",
    [
        "{{ nosuch }}",
        "{{ title",
        "{{ ''.__class__.__mro__ }}",
        "{{ title.nosuch.nosuch }}",
        "{{ range(10 ** 9) | list }}",
        "{{ 1 / 0 }}",
        "{% include 'other' %}",
        "{{ evidence.append(1) }}",
    ],
)
def test_what_fails_or_reaches_out_is_refused(text: str) -> None:
    assert AlertTexts().refusal(text, RULE).startswith("the template fails: ")


def test_what_only_events_have_is_refused_in_a_rule_about_predictions() -> None:
    text = "{{ event.amount_usd | usd }}"
    assert AlertTexts().refusal(text, OF_EVENTS) == ""
    assert "amount_usd" in AlertTexts().refusal(text, RULE)


def test_an_alert_without_an_event_is_told_with_a_gap() -> None:
    told = alert().model_copy(update={"evidence": ()})
    assert AlertTexts().apply(Template(title="{{ event.title }}|{{ kind }}"), told).title == "|met"


def test_a_template_that_fails_on_an_alert_leaves_the_plain_title(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    named = AlertTexts().apply(
        Template(title="{{ 1 / progress }}", body="b"), alert().model_copy(update={"progress": 0})
    )
    assert (named.title, named.body) == ("It happened", "b")
    assert "fails" in caplog.text


def test_a_title_has_an_end() -> None:
    assert len(AlertTexts().apply(Template(title="{{ 'x' * 9999 }}"), alert()).title) == LONGEST_TITLE


def test_amounts_in_words() -> None:
    assert [usd(value) for value in (None, 5, 2_500_000, 1e9, 1.4e12)] == [
        "an unknown amount",
        "5 USD",
        "2.5 million USD",
        "1 billion USD",
        "1.4 trillion USD",
    ]
