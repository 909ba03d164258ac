"""The engine: verdicts by rule, whatever order Great Expectations answers in."""

import pytest

from checks.engine import Engine, Failing, Unknown
from checks.frame import frame_of
from checks.rule import REJECT, Expect, Rule, at_least, at_most
from tests.checks.flaky import UNLUCKY
from tests.factories import make_classified

SHORT = Rule("test.short", REJECT, "title_length", at_most(4), "long")
LUCKY = Rule("test.lucky", REJECT, "title_length", Expect("tests.checks.flaky:ExpectColumnValuesToBeLucky"), "unlucky")
LONG = Rule("test.long", REJECT, "title_length", at_least(2), "short")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine((SHORT, LUCKY, LONG))


def test_each_rule_gets_its_own_verdict_beside_one_that_raises(engine: Engine) -> None:
    frame = frame_of([make_classified(title="x" * length) for length in (1, 3, UNLUCKY)])
    verdicts = engine.evaluate(frame)
    assert verdicts["test.short"] == Failing((2,))
    assert verdicts["test.long"] == Failing((0,))
    lucky = verdicts["test.lucky"]
    assert isinstance(lucky, Unknown)
    assert "13 is unlucky" in lucky.message
    assert "\n" not in lucky.message


def test_one_rule_alone(engine: Engine) -> None:
    frame = frame_of([make_classified(title="x")])
    assert engine.evaluate_one(LONG, frame) == Failing((0,))
    assert engine.evaluate_one(SHORT, frame) == Failing(())


def test_expectations_that_name_no_rows_say_nothing() -> None:
    largest = Rule("test.max", REJECT, "title_length", Expect("ExpectColumnMaxToBeBetween", {"max_value": 1}), "")
    verdicts = Engine((largest,)).evaluate_rows(frame_of([make_classified(title="xxx")]))
    assert verdicts == {"test.max": Unknown("it names no rows: only expectations on the values of a column do")}
