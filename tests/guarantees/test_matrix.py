"""The matrix is whole, its page is not stale, and a skipped or failed test covers nothing."""

from typing import Any

import pytest

from tests.guarantees.coverage import Coverage
from tests.guarantees.marks import WrongMark, cells, checked, marks
from tests.guarantees.matrix import EXPLAINED, FAULTS, PROMISES
from tests.guarantees.report import PAGE, page


def report(outcome: Any) -> pytest.TestReport:
    proves = [("proves", "order poison")]
    return pytest.TestReport("test_x", ("x", 1, "x"), {}, outcome, None, "call", user_properties=proves)


def test_every_cell_has_a_test_or_an_explanation() -> None:
    proven = cells(marks())
    empty = [
        (promise, fault)
        for promise in PROMISES
        for fault in FAULTS
        if (promise, fault) not in proven and (promise, fault) not in EXPLAINED
    ]
    assert empty == []
    assert not EXPLAINED.keys() & proven.keys(), "explained as empty, and proven"
    assert all(promise in PROMISES and fault in FAULTS for promise, fault in EXPLAINED)


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text("utf-8") == page(), "write it anew: make guarantees"


@pytest.mark.parametrize(("promises", "fault"), [(("no-promise",), "poison"), (("order",), "no-fault"), ((), "poison")])
def test_a_mark_that_names_no_cell_is_refused(promises: tuple[str, ...], fault: str) -> None:
    with pytest.raises(WrongMark):
        checked("test_x", promises, fault)


@pytest.mark.parametrize(("outcome", "proven"), [("passed", True), ("failed", False), ("skipped", False)])
def test_only_a_test_that_passed_covers_its_cell(outcome: str, proven: bool) -> None:
    coverage = Coverage()
    coverage.pytest_runtest_logreport(report(outcome))
    assert (("order", "poison") not in coverage.missing) == proven


def test_a_cell_that_one_test_lost_is_not_proven_by_another() -> None:
    coverage = Coverage()
    for outcome in ("passed", "failed"):
        coverage.pytest_runtest_logreport(report(outcome))
    assert ("order", "poison") in coverage.missing
