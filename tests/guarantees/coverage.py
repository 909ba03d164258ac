"""What a run has proven: counted from its outcomes, printed at its end, demanded where CI asks for it."""

import os
from typing import Final

import pytest

from tests.guarantees.marks import checked
from tests.guarantees.matrix import EXPLAINED, FAULTS, PROMISES

REQUIRE: Final = "DUALTRACK_TEST_REQUIRE_KAFKA"
"""Set by CI: every cell must be proven by a run of everything."""

Cell = tuple[str, str]


class Coverage:
    """A plugin of pytest."""

    def __init__(self) -> None:
        self.claimed: set[Cell] = set()
        self.proven: set[Cell] = set()
        self.lost: set[Cell] = set()
        """Of tests that failed or were skipped."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note on each test which cells it is about; a wrong name stops the collection."""
        for item in items:
            for mark in item.iter_markers("proves"):
                found = checked(item.nodeid, tuple(mark.args), str(mark.kwargs.get("under")))
                item.user_properties += [("proves", f"{promise} {found.fault}") for promise in found.promises]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test that passed; one that was skipped or failed covers nothing."""
        named = [str(value).split() for name, value in report.user_properties if name == "proves"]
        cells = {(promise, fault) for promise, fault in named}
        self.claimed |= cells
        if report.when == "call" and report.passed:
            self.proven |= cells
        elif not report.passed:
            self.lost |= cells

    @property
    def missing(self) -> list[Cell]:
        """Cells that have neither been proven nor are explained."""
        wanted = {(promise, fault) for promise in PROMISES for fault in FAULTS} - EXPLAINED.keys()
        return sorted(wanted - (self.proven - self.lost))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what the run covered."""
        if not self.claimed:
            return
        cells = len(PROMISES) * len(FAULTS)
        proven = len(self.proven - self.lost)
        terminalreporter.section("guarantees")
        terminalreporter.write_line(f"{proven} of {cells} cells proven by this run, {len(EXPLAINED)} explained")
        for promise, fault in sorted(self.lost):
            terminalreporter.write_line(f"not proven: {promise} under {fault}", red=True)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """In CI a run of everything fails where a cell lost its test."""
        selected = session.config.getoption("-k") or session.config.getoption("-m") or session.config.args != ["tests"]
        if os.environ.get(REQUIRE) and not selected and self.missing:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            told = ", ".join(f"{promise} under {fault}" for promise, fault in self.missing[:10])
            print(f"\nerror: {len(self.missing)} cells of docs/guarantees.md were not proven: {told}")  # noqa: T201
