"""Criteria over one selection of rows, measured row by row as they come and go."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from predictions.candidates import Candidate
from predictions.criteria import CountDistinct, Exists, Latest, Leader, Share, Sql, Sum
from predictions.measure import Ledger, Measure, Newest, first_rows, number, waiting_for


class CountTally:
    """``count_distinct``, ``exists`` and ``sql``: how many different groups have a row that holds."""

    def __init__(self, criterion: CountDistinct | Exists | Sql) -> None:
        self._criterion = criterion
        self._ledger = Ledger()
        self._groups: Counter[str | None] = Counter()

    def add(self, row: Candidate) -> None:
        """A row became known."""
        self._ledger.add(row)
        if row.holds:
            self._groups[row.group] += 1

    def drop(self, row: Candidate) -> None:
        """A row was taken back."""
        self._ledger.drop(row)
        if row.holds:
            self._groups[row.group] -= 1
            if not self._groups[row.group]:
                del self._groups[row.group]

    def measure(self, *, final: bool) -> Measure:
        """A group that is counted already is no longer listed as waiting."""
        low = len(self._groups)
        evidence = first_rows(self._ledger.holding)
        if isinstance(self._criterion, Exists):
            pending = self._ledger.pending if not low else {}
            met: bool | None = True if low else None if any(row.is_open for row in pending) else False
            words = "seen" if low else "not seen"
            return Measure(met, float(bool(low)), float(bool(low)), 1.0, evidence, waiting_for(pending), words)
        high = low + self._possible()
        met = self._criterion.judge(low, high, final=final)
        words = f"{low} {self._criterion.of_target()} {self._criterion.unit}"
        waiting = waiting_for(row for row in self._ledger.pending if row.group not in self._groups)
        target = self._criterion.target
        return Measure(met, self._criterion.progress(low), float(low), target, evidence, waiting, words)

    def _possible(self) -> int:
        """How many more groups there would be if every unknown turned out well."""
        rows = [row for row in self._ledger.pending if row.is_open and row.group not in self._groups]
        nameless = sum(row.group is None for row in rows)
        return nameless + len({row.group for row in rows if row.group is not None})


class SumTally:
    """``sum``: the total, over the newest row of each where ``per`` says whose."""

    def __init__(self, criterion: Sum) -> None:
        self._criterion = criterion
        self._ledger = Ledger()
        self._newest = Newest()

    def add(self, row: Candidate) -> None:
        """A row became known."""
        self._ledger.add(row)
        if row.holds:
            self._newest.add(self._key(row), row)

    def drop(self, row: Candidate) -> None:
        """A row was taken back."""
        self._ledger.drop(row)
        if row.holds:
            self._newest.drop(self._key(row), row)

    def _key(self, row: Candidate) -> object:
        return row.entity if self._criterion.per and row.entity is not None else row

    def measure(self, *, final: bool) -> Measure:
        """Added up in decimals, so that the order of arrival leaves no trace."""
        total = float(sum(Decimal(str(row.value or 0)) for row in self._newest.of.values()))
        open_rows = [row for row in self._ledger.pending if row.is_open]
        more = sum(float("inf") if row.value is None else max(row.value, 0.0) for row in open_rows)
        met = self._criterion.judge(total, total + more, final=final)
        words = f"{number(total)} {self._criterion.of_target()} {self._criterion.unit}".rstrip()
        evidence = first_rows(row for row in self._ledger.holding if self._newest.of.get(self._key(row)) is row)
        waiting = waiting_for(self._ledger.pending)
        return Measure(met, self._criterion.progress(total), total, self._criterion.target, evidence, waiting, words)


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
        waiting = waiting_for(self._ledger.pending)
        if not newest:
            return Measure(None, 0.0, None, rule.target, (), waiting, "no value yet")
        verdicts = {rule.holds(row.value or 0.0) for row in newest}
        met = verdicts.pop() if len(verdicts) == 1 else None
        shown = max(newest, key=lambda row: row.newest_by)
        value = shown.value or 0.0
        words = f"{number(value)} against {rule.in_words()} {rule.unit}".rstrip()
        if len(newest) > 1:
            words += f"; holds in {sum(rule.holds(row.value or 0.0) for row in newest)} of {len(newest)} series"
        evidence = first_rows(sorted(newest, key=lambda row: row.began))
        progress = rule.progress(value) if met is not None else min(rule.progress(value), 0.99)
        return Measure(met, progress, value, rule.target, evidence, waiting, words)


class ShareTally:
    """``share``: of all things, how many (by their newest row) satisfy the conditions."""

    def __init__(self, criterion: Share) -> None:
        self._criterion = criterion
        self._newest = Newest()
        self._ledger = Ledger()
        self._all = 0

    def add(self, row: Candidate) -> None:
        """A row became known."""
        if row.entity is not None:
            self._change(row, add=True)

    def drop(self, row: Candidate) -> None:
        """A row was taken back."""
        if row.entity is not None:
            self._change(row, add=False)

    def _change(self, row: Candidate, *, add: bool) -> None:
        before = self._newest.of.get(row.entity)
        (self._newest.add if add else self._newest.drop)(row.entity, row)
        after = self._newest.of.get(row.entity)
        if before is not after:
            if before is not None:
                self._ledger.drop(before)
            if after is not None:
                self._ledger.add(after)

    def measure(self, *, final: bool) -> Measure:
        """Unknown things could fall on either side: the verdict needs both ends to agree."""
        rule, everything = self._criterion, len(self._newest.of)
        waiting, evidence = waiting_for(self._ledger.pending), first_rows(self._ledger.holding)
        if everything < rule.minimum:
            words = f"{everything} {rule.unit} tracked, {rule.minimum} needed for a share"
            return Measure(None, 0.0, None, rule.target, evidence, waiting, words)
        yes = len(self._ledger.holding)
        unsure = sum(row.is_open for row in self._ledger.pending)
        share = round(yes / everything, 4)
        ends = {rule.holds(yes / everything), rule.holds((yes + unsure) / everything)}
        met = ends.pop() if len(ends) == 1 else None
        words = f"{yes} of {everything} {rule.unit} ({share:.0%}) against {rule.in_words()}"
        return Measure(met, rule.progress(share), share, rule.target, evidence, waiting, words)


class LeaderTally:
    """``leader``: in each group, the one with the highest measure, judged."""

    def __init__(self, criterion: Leader) -> None:
        self._criterion = criterion
        self._newest = Newest()

    def add(self, row: Candidate) -> None:
        """A row became known; one without a group, a name or a measure cannot compete."""
        if None not in (row.group, row.entity, row.value):
            self._newest.add((row.group, row.entity), row)

    def drop(self, row: Candidate) -> None:
        """A row was taken back."""
        if None not in (row.group, row.entity, row.value):
            self._newest.drop((row.group, row.entity), row)

    def measure(self, *, final: bool) -> Measure:
        """A group without a leader, or one about whom a fact is missing, could still turn out either way."""
        rule, leaders = self._criterion, sorted(self._leaders(), key=lambda row: row.began)
        evidence = first_rows(row for row in leaders if row.holds)
        failed = sum(bool(row.failing) for row in leaders)
        met = rule.judge(len(evidence), max(rule.out_of - failed, len(evidence)), final=final)
        words = f"{len(evidence)} {rule.of_target()} {rule.unit}; leaders are known in {len(leaders)}"
        progress = rule.progress(len(evidence))
        return Measure(met, progress, float(len(evidence)), rule.target, evidence, waiting_for(leaders), words)

    def _leaders(self) -> Iterator[Candidate]:
        groups: dict[str | None, list[Candidate]] = {}
        for row in self._newest.of.values():
            groups.setdefault(row.group, []).append(row)
        for rows in groups.values():
            if len(rows) >= self._criterion.minimum:
                yield max(rows, key=lambda row: (row.value or 0.0, row.entity or ""))
