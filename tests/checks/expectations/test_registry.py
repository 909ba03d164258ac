"""The registry of rules: nothing is forgotten, nothing is declared twice."""

import importlib
from collections import Counter
from pathlib import Path

import pytest

import checks.expectations
from checks.expectations import CHECKS, RULES
from checks.rule import Checks, Rule
from schemas.events import EVENTS
from tests.checks.expectations.examples import Examples

FOLDER = Path(checks.expectations.__file__).parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def examples_of(module: str) -> Examples:
    """The examples in the test file of that module; a missing file fails."""
    found: Examples = importlib.import_module(f"tests.checks.expectations.test_{module}").EXAMPLES
    return found


@pytest.mark.parametrize("module", MODULES)
def test_every_file_is_in_the_tuple(module: str) -> None:
    declared: Checks = importlib.import_module(f"checks.expectations.{module}").CHECKS
    assert declared in CHECKS


def test_every_event_type_has_its_checks() -> None:
    assert {checks.event for checks in CHECKS} == {None, *EVENTS}


def test_ids_and_columns_are_unique_and_named_for_their_type() -> None:
    columns = Counter(column for checks in CHECKS for column in checks.columns)
    ids = Counter(rule.id for rule in RULES)
    assert not [name for name, times in (columns + ids).items() if times > 1]
    for checks_ in CHECKS:
        prefix = "common" if checks_.event is None else checks_.event.event_type
        assert all(rule.id.startswith(f"{prefix}.") for rule in checks_.rules)
        assert {rule.column for rule in checks_.rules} == set(checks_.columns)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_an_example_under_its_id(rule: Rule) -> None:
    module = rule.id.partition(".")[0].replace("-", "_")
    assert rule.id in examples_of(module)


@pytest.mark.parametrize("module", MODULES)
def test_no_example_is_of_a_rule_that_is_gone(module: str) -> None:
    assert set(examples_of(module)) <= {rule.id for rule in RULES}
