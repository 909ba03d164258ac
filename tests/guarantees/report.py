"""Writes ``docs/guarantees.md`` from the matrix and the marks: ``python -m tests.guarantees.report``."""

from typing import Final

from tests.guarantees.marks import ROOT, cells, marks
from tests.guarantees.matrix import EXPLAINED, FAULTS, PROMISES

PAGE: Final = ROOT / "docs" / "guarantees.md"

HEAD: Final = """\
<!-- Written by `make guarantees` from tests/guarantees/matrix.py and the marks on the tests; a test compares them. -->
# What is guaranteed, and what proves it

Rows are promises, columns are faults that a test really injects, almost all of them on a real Apache Kafka with real
processes. A number names a test below; `–` is a cell without one, explained below. `make test` prints how many cells
its run has proven (a skipped test proves none); CI fails where one is missing.

Most cells are proven by one audit at the end of each test (`tests/faults/scene.py`): it compares every record that
stands on the broker with every row of the store, every alert with what each receiver got, and what was seen of the
processes while the test ran (who held the store's lock, how much memory they took). What each receiver of alerts is
promised in detail: [alerts.md](alerts.md); the bounds of memory: [operations-memory.md](operations-memory.md).
"""


def page() -> str:
    """The whole page."""
    proven = cells(marks())
    tests = sorted({test for found in proven.values() for test in found})
    number = {test: index for index, test in enumerate(tests, 1)}
    letters = {fault: chr(ord("A") + index) for index, fault in enumerate(FAULTS)}
    lines = [HEAD, f"| | {' | '.join(letters.values())} |", f"|---|{'---|' * len(letters)}"]
    for promise, words in PROMISES.items():
        found = [" ".join(str(number[test]) for test in proven.get((promise, fault), ())) or "–" for fault in FAULTS]
        lines.append(f"| {words} | {' | '.join(found)} |")
    lines += ["", "Faults:", *(f"- **{letters[fault]}** {words}" for fault, words in FAULTS.items())]
    lines += ["", "Tests:", *(f"{number[test]}. `{test}`" for test in tests)]
    if EXPLAINED:
        lines += ["", "Cells without a test:"]
        for (promise, fault), why in EXPLAINED.items():
            lines.append(f"- *{PROMISES[promise]}* under *{FAULTS[fault]}*: {why}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
