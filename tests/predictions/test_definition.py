"""What a definition may say, what it means by default, and what its hash covers."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from predictions.criteria import Criterion
from predictions.definition import Definition, Milestone
from predictions.parts import Threshold
from tests.predictions.world import UNICORNS, define


def test_the_window_runs_from_the_prediction_to_the_deadline() -> None:
    definition = define(UNICORNS)
    window = definition.window(definition.reading("main"))
    assert (window.from_, window.to) == (date(2026, 4, 17), date(2027, 4, 17))


def test_a_window_without_an_end_ends_at_the_deadline() -> None:
    definition = define(UNICORNS, reading="    window: {from: 2026-06-01}")
    assert definition.window(definition.reading("main")).to == date(2027, 4, 17)


def test_the_deadline_is_the_last_instant_of_its_day() -> None:
    closes = define(UNICORNS).reading("main").closes_at
    assert closes == datetime(2027, 4, 17, 23, 59, 59, 999999, tzinfo=UTC)


def test_an_unknown_reading_is_named_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="it has: main"):
        define(UNICORNS).reading("horizon")


def test_a_criterion_has_exactly_one_kind() -> None:
    both = {"exists": {"from": "facts_deal"}, "all_of": [{"exists": {"from": "facts_deal"}}]}
    with pytest.raises(ValidationError, match="exactly one of: count_distinct, exists, sum"):
        Criterion.model_validate(both)
    with pytest.raises(ValidationError, match="exactly one of"):
        Criterion.model_validate({})


def test_a_threshold_has_exactly_one_bound() -> None:
    with pytest.raises(ValidationError, match="exactly one threshold"):
        Threshold.model_validate({"at_least": 1, "below": 2})


@pytest.mark.parametrize(
    ("bound", "low", "high", "final", "verdict"),
    [
        ({"at_least": 2}, 2, 2, False, True),
        ({"at_least": 2}, 1, 2, False, None),
        ({"at_least": 2}, 1, 1, False, False),
        ({"above": 2}, 2, 2, True, False),
        ({"below": 3}, 2, 2, False, None),
        ({"below": 3}, 2, 2, True, True),
        ({"below": 3}, 2, 3, True, None),
        ({"below": 3}, 3, 3, False, False),
    ],
)
def test_the_verdict_on_a_quantity(
    bound: dict[str, float], low: float, high: float, final: bool, verdict: bool | None
) -> None:
    assert Threshold.model_validate(bound).judge(low, high, final=final) is verdict


def test_progress_is_1_only_where_the_threshold_holds() -> None:
    assert Threshold(at_least=2).progress(1) == 0.5
    assert Threshold(above=2).progress(2) == 0.99
    assert Threshold(below=70, start=90).progress(80) == 0.5
    assert Threshold(below=70).progress(80) == 0
    assert Threshold(below=70).progress(69) == 1


def test_a_milestone_has_one_trigger() -> None:
    with pytest.raises(ValidationError, match="exactly one of: progress, state"):
        Milestone(name="half")


def test_the_hash_covers_what_is_judged_and_no_wording() -> None:
    first = define(UNICORNS)
    reworded = define(UNICORNS.replace("unicorns", "large companies"), reading="    note: another word")
    assert reworded.hash == first.hash
    assert define(UNICORNS.replace("at_least: 2", "at_least: 3")).hash != first.hash
    stricter = Definition.model_validate(
        first.model_dump(by_alias=True) | {"conditions": {n: {"sql": "TRUE", "words": "x"} for n in first.conditions}}
    )
    assert stricter.hash != first.hash


def test_the_hash_covers_the_helper_views() -> None:
    stories = "{count_distinct: {from: frontier_stories, of: lab, at_least: 1}}"
    parts = "{count_distinct: {from: lab_designer_stories, of: lab, at_least: 1}}"
    assert define(stories).hash != define(parts).hash


def test_a_definition_survives_being_stored_as_json() -> None:
    sequence = "{sequence: {within: metric, first: {from: facts_metric}, then: {from: facts_metric}}}"
    for definition in (define(UNICORNS), define(sequence)):
        again = Definition.model_validate_json(definition.model_dump_json(by_alias=True, exclude_none=True))
        assert again.model_dump() == definition.model_dump()
        assert again.hash == definition.hash
