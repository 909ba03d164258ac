"""Criteria over one selection of rows, measured row by row as they come and go."""

from collections import Counter
from decimal import Decimal

from predictions.candidates import Candidate
from predictions.criteria import CountDistinct, Latest, Sql, Sum
from predictions.measure import Ledger, Measure, Newest, Queue, first_rows, number


class CountTally:
    """``count_distinct`` and ``sql``: how many different groups have a row that holds."""

    def __init__(self, criterion: CountDistinct | Sql) -> None:
        self._criterion = criterion
        self._holding: dict[Candidate, None] = {}
        self._counted: Counter[str | None] = Counter()
        self._groups = 0
        """How many groups count: asked after every single event."""
        self._pending: dict[str | None, dict[Candidate, None]] = {}
        self._waiting = Queue()
        """Pending rows of groups that do not count yet."""
        self._possible: Counter[str | None] = Counter()
        """Of those, the rows that could still turn out well, by group."""

    def add(self, row: Candidate) -> None:
        """A row became known; the first that holds for a group ends the waiting for it."""
        if row.holds:
            self._holding[row] = None
            self._counted[row.group] += 1
            if self._counted[row.group] == 1:
                self._groups += 1
                for other in self._pending.get(row.group, ()):
                    self._hide(other)
        elif row.is_open or row.is_near_miss:
            self._pending.setdefault(row.group, {})[row] = None
            if not self._counted[row.group]:
                self._show(row)

    def drop(self, row: Candidate) -> None:
        """A row was taken back; with the last that held for a group, the waiting begins again."""
        if row in self._holding:
            del self._holding[row]
            self._counted[row.group] -= 1
            if not self._counted[row.group]:
                self._groups -= 1
                for other in self._pending.get(row.group, ()):
                    self._show(other)
        elif row in self._pending.get(row.group, ()):
            del self._pending[row.group][row]
            if not self._counted[row.group]:
                self._hide(row)

    def _show(self, row: Candidate) -> None:
        self._waiting.add(row)
        if row.is_open:
            self._possible[row.group] += 1

    def _hide(self, row: Candidate) -> None:
        self._waiting.drop(row)
        if row.is_open:
            self._possible[row.group] -= 1
            if not self._possible[row.group]:
                del self._possible[row.group]

    def measure(self, *, final: bool) -> Measure:
        """A group that is counted already is no longer listed as waiting."""
        rule = self._criterion
        low = self._groups
        # Rows whose group nobody has named may each be about another one.
        nameless = self._possible[None]
        high = low + len(self._possible) - (nameless > 0) + nameless
        words = f"{low} {rule.of_target()} {rule.unit}"
        met = rule.judge(low, high, final=final)
        evidence = first_rows(self._holding)
        return Measure(met, rule.progress(low), float(low), rule.target, evidence, self._waiting.first(), words)


class ExistsTally:
    """``exists``: whether any row holds."""

    def __init__(self) -> None:
        self._ledger = Ledger()

    def add(self, row: Candidate) -> None:
        """A row became known."""
        self._ledger.add(row)

    def drop(self, row: Candidate) -> None:
        """A row was taken back."""
        self._ledger.drop(row)

    def measure(self, *, final: bool) -> Measure:
        """Once one is seen, nothing more is waited for."""
        if self._ledger.holding:
            return Measure(True, 1.0, 1.0, 1.0, first_rows(self._ledger.holding), (), "seen")
        met = None if self._ledger.pending.open else False
        return Measure(met, 0.0, 0.0, 1.0, (), self._ledger.pending.first(), "not seen")


class SumTally:
    """``sum``: the total, over the newest row of each where ``per`` says whose.

    Added up in decimals, so that the order of arrival leaves no trace.
    """

    def __init__(self, criterion: Sum) -> None:
        self._criterion = criterion
        self._ledger = Ledger()
        self._newest = Newest()
        self._total = Decimal(0)
        self._more = Decimal(0)
        """What open rows would add at most; those without a number are counted apart."""
        self._numberless = 0

    def add(self, row: Candidate) -> None:
        """A row became known."""
        self._ledger.add(row)
        self._change(row, add=True)

    def drop(self, row: Candidate) -> None:
        """A row was taken back."""
        self._ledger.drop(row)
        self._change(row, add=False)

    def _change(self, row: Candidate, *, add: bool) -> None:
        if row.is_open:
            sign = 1 if add else -1
            self._numberless += sign * (row.value is None)
            self._more += sign * max(_decimal(row), Decimal(0))
        elif row.holds:
            key = row.entity if self._criterion.per and row.entity is not None else row
            before = self._newest.of.get(key)
            (self._newest.add if add else self._newest.drop)(key, row)
            after = self._newest.of.get(key)
            self._total += (_decimal(after) if after else 0) - (_decimal(before) if before else 0)

    def measure(self, *, final: bool) -> Measure:
        """Rows that an unknown keeps out could all come in."""
        rule, total = self._criterion, float(self._total)
        high = float("inf") if self._numberless else float(self._total + self._more)
        met = rule.judge(total, high, final=final)
        words = f"{number(total)} {rule.of_target()} {rule.unit}".rstrip()
        evidence = first_rows(row for row in self._ledger.holding if self._counts(row))
        return Measure(met, rule.progress(total), total, rule.target, evidence, self._ledger.pending.first(), words)

    def _counts(self, row: Candidate) -> bool:
        key = row.entity if self._criterion.per and row.entity is not None else row
        return self._newest.of.get(key) is row


def _decimal(row: Candidate) -> Decimal:
    return Decimal(str(row.value or 0))


class LatestTally:
    """``latest``: the newest value of each series."""

    def __init__(self, criterion: Latest) -> None:
        self._criterion = criterion
        self._ledger = Ledger()
        self._newest = Newest()

    def add(self, row: Candidate) -> None:
        """A row became known."""
        self._ledger.add(row)
        if row.holds:
            self._newest.add(row.group, row)

    def drop(self, row: Candidate) -> None:
        """A row was taken back."""
        self._ledger.drop(row)
        if row.holds:
            self._newest.drop(row.group, row)

    def measure(self, *, final: bool) -> Measure:
        """Met where all series agree; where they differ, it holds under some sources only: unknown."""
        rule, newest = self._criterion, list(self._newest.of.values())
        nearly = self._ledger.pending.first()
        if not newest:
            return Measure(None, 0.0, None, rule.target, (), nearly, "no value yet")
        verdicts = {rule.holds(row.value or 0.0) for row in newest}
        met = verdicts.pop() if len(verdicts) == 1 else None
        shown = max(newest, key=lambda row: row.newest_by)
        value = shown.value or 0.0
        words = f"{number(value)} against {rule.in_words()} {rule.unit}".rstrip()
        if len(newest) > 1:
            words += f"; holds in {sum(rule.holds(row.value or 0.0) for row in newest)} of {len(newest)} series"
        evidence = first_rows(sorted(newest, key=lambda row: row.began))
        progress = rule.progress(value) if met is not None else min(rule.progress(value), 0.99)
        return Measure(met, progress, value, rule.target, evidence, nearly, words)
