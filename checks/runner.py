"""The check of a micro-batch: which events may land, with which warnings, and which may not, and why."""

import gc
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from checks.engine import BrokenRule, Engine, Failing, Unknown
from checks.expectations import RULES
from checks.frame import blank_frame, frame_of
from checks.rule import REJECT, Rule
from schemas.faults import TerminalFault
from schemas.outcomes import Checked, Classified, Finding, Rejected, Stage

if TYPE_CHECKING:
    import pandas as pd

MOST_UNKNOWN_ROWS: Final = 50
"""A rule that raises for more rows of one batch than this is at fault itself."""


class WrongThread(TerminalFault):
    """The runner was used by another thread than the one that opened it: results would be wrong, silently."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The two outputs of the check, each in the order of the batch."""

    passed: tuple[Checked, ...] = ()
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class _Problem:
    """What one rule has against one row."""

    rule: Rule
    reason: str
    rejects: bool


_Problems = dict[int, list[_Problem]]
"""By position in the batch; per row in the order in which the rules are declared."""


class CheckRunner:
    """Runs all rules over micro-batches. Open and run it in one dedicated thread, off the event loop.

    A call costs a fixed 4 to 6 ms per rule and a few microseconds per event: make batches as large as latency allows.
    """

    def __init__(self, rules: tuple[Rule, ...] = RULES) -> None:
        ids = [rule.id for rule in rules]
        if len(set(ids)) < len(ids):
            raise ValueError(f"rules with the same id: {sorted({i for i in ids if ids.count(i) > 1})}")
        self._rules = rules
        self._engine: Engine | None = None
        self._thread: int | None = None
        self.on_run: Callable[[float], None] = lambda _: None
        """Told, after every batch, how many seconds its check took."""

    def open(self) -> None:
        """Import Great Expectations (seconds), build the suite, try every rule on a row without values.

        Raises BrokenRule for a rule that cannot be evaluated even there. To be called in the thread that runs it.
        """
        engine = Engine(self._rules)
        for rule, verdict in engine.evaluate_rows(blank_frame()).items():
            if isinstance(verdict, Unknown):
                raise BrokenRule(rule, verdict.message)
        self._engine, self._thread = engine, threading.get_ident()
        # The 400,000 objects of the imports live for ever: without this, each full collection walks them (190 ms).
        gc.collect()
        gc.freeze()

    def run(self, batch: Sequence[Classified]) -> CheckResult:
        """Check a micro-batch. Raises BrokenRule, and WrongThread in any thread but the one that opened the runner."""
        if self._engine is None or self._thread != threading.get_ident():
            raise WrongThread("CheckRunner: open() and run() belong in one thread, and open() comes first")
        if not batch:
            return CheckResult()
        begun = time.perf_counter()
        problems = self._problems(self._engine, batch, frame_of(batch))
        self.on_run(time.perf_counter() - begun)
        passed: list[Checked] = []
        rejected: list[Rejected] = []
        for row, item in enumerate(batch):
            found = problems.get(row, [])
            if any(problem.rejects for problem in found):
                rejected.append(_rejected(item, [problem for problem in found if problem.rejects]))
            else:
                passed.append(_checked(item, found))
        return CheckResult(tuple(passed), tuple(rejected))

    def _problems(self, engine: Engine, batch: Sequence[Classified], frame: "pd.DataFrame") -> _Problems:
        verdicts = engine.evaluate(frame)
        problems: _Problems = defaultdict(list)
        for rule in self._rules:
            verdict = verdicts[rule.id]
            failing, unknown = (verdict.rows, {}) if isinstance(verdict, Failing) else _isolate(engine, rule, frame)
            if failing:
                values = frame[rule.column].to_numpy()
                for row in failing:
                    reason = rule.explain(float(values[row]), batch[row])
                    problems[row].append(_Problem(rule, reason, rejects=rule.severity is REJECT))
            for row, message in unknown.items():
                # Whatever its severity: what could not be checked must not pass for checked.
                reason = f"the rule could not be evaluated: {message}"
                problems[row].append(_Problem(rule, reason, rejects=True))
        return problems


def _isolate(engine: Engine, rule: Rule, frame: "pd.DataFrame") -> tuple[tuple[int, ...], dict[int, str]]:
    """A rule raised: halve the batch until each row either has a verdict or is the one that makes it raise.

    Gives the rows that fail, and the rows that make it raise with what it said.
    """
    failing: list[int] = []
    unknown: dict[int, str] = {}
    parts = [(0, len(frame))]
    while parts:
        start, stop = parts.pop()
        verdict = engine.evaluate_one(rule, frame.iloc[start:stop].reset_index(drop=True))
        if isinstance(verdict, Failing):
            failing.extend(start + row for row in verdict.rows)
        elif stop - start > 1:
            middle = (start + stop) // 2
            parts += [(middle, stop), (start, middle)]
        else:
            unknown[start] = verdict.message
            if len(unknown) > MOST_UNKNOWN_ROWS or len(unknown) == len(frame) > 1:
                raise BrokenRule(rule.id, f"it raised for {len(unknown)} of {len(frame)} rows: {verdict.message}")
    return tuple(failing), unknown


def _checked(item: Classified, found: Sequence[_Problem]) -> Checked:
    """All warnings collected on the way, oldest first."""
    warnings = item.parsed.warnings + item.enriched.warnings
    return Checked(item, warnings + tuple(Finding(problem.rule.id, problem.reason) for problem in found))


def _rejected(item: Classified, found: Sequence[_Problem]) -> Rejected:
    """The first rule by declared order gives its name; the reason tells of all."""
    first = found[0]
    reason = first.reason if len(found) == 1 else "; ".join(f"{p.rule.id}: {p.reason}" for p in found)
    return Rejected(item.parsed.record, Stage.CHECK, first.rule.id, reason)
