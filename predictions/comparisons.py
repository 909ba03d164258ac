"""Criteria in which every row counts, those that fail too: ``share`` and ``leader``."""

from collections.abc import Iterator

from predictions.candidates import Candidate
from predictions.criteria import Leader, Share
from predictions.measure import Ledger, Measure, Newest, first_rows, listed, waiting


class ShareTally:
    """``share``: of all things, how many (by their newest row) satisfy the conditions."""

    def __init__(self, criterion: Share) -> None:
        self._criterion = criterion
        self._newest = Newest()
        self._ledger = Ledger()

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
        nearly, evidence = self._ledger.pending.first(), first_rows(self._ledger.holding)
        if everything < rule.minimum:
            words = f"{everything} {rule.unit} tracked, {rule.minimum} needed for a share"
            return Measure(None, 0.0, None, rule.target, evidence, nearly, words)
        yes = len(self._ledger.holding)
        unsure = self._ledger.pending.open
        share = round(yes / everything, 4)
        ends = {rule.holds(yes / everything), rule.holds((yes + unsure) / everything)}
        met = ends.pop() if len(ends) == 1 else None
        words = f"{yes} of {everything} {rule.unit} ({share:.0%}) against {rule.in_words()}"
        return Measure(met, rule.progress(share), share, rule.target, evidence, nearly, words)


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
        nearly = [waiting(row) for row in leaders if row.is_open or row.is_near_miss]
        return Measure(met, progress, float(len(evidence)), rule.target, evidence, listed(nearly), words)

    def _leaders(self) -> Iterator[Candidate]:
        groups: dict[str | None, list[Candidate]] = {}
        for row in self._newest.of.values():
            groups.setdefault(row.group, []).append(row)
        for rows in groups.values():
            if len(rows) >= self._criterion.minimum:
                yield max(rows, key=lambda row: (row.value or 0.0, row.entity or ""))
