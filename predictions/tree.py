"""Criteria made of others: ``sequence``, ``all_of``, ``any_of``; and the tally for any criterion."""

from collections.abc import Iterable

from predictions.candidates import Candidate
from predictions.comparisons import LeaderTally, ShareTally
from predictions.criteria import CountDistinct, Criterion, Exists, Latest, Leader, Leaf, Sequence, Share, Sql, Sum
from predictions.definition import Path
from predictions.measure import (
    AFTER_FIRST,
    Ledger,
    Measure,
    Newest,
    Tally,
    Waiting,
    first_rows,
    listed,
)
from predictions.tallies import CountTally, ExistsTally, LatestTally, SumTally


def tally_of(criterion: Criterion, path: Path) -> Tally:
    """The tally that measures a criterion; ``path`` is where it stands in the reading."""
    here = (*path, criterion.key)
    value = criterion.kind_of_value()
    if isinstance(value, Sequence):
        return SequenceTally(value, here)
    if isinstance(value, tuple):
        children = tuple(tally_of(child, (*here, index)) for index, child in enumerate(value))
        places = tuple((*here, index) for index in range(len(value)))
        return GroupTally(children, places, every=criterion.key == "all_of")
    return _leaf_tally(value)


def _leaf_tally(leaf: Leaf | None) -> Tally:
    match leaf:
        case CountDistinct() | Sql():
            return CountTally(leaf)
        case Exists():
            return ExistsTally()
        case Sum():
            return SumTally(leaf)
        case Latest():
            return LatestTally(leaf)
        case Share():
            return ShareTally(leaf)
        case Leader():
            return LeaderTally(leaf)
    raise TypeError(f"no tally for {leaf!r}")


class GroupTally:
    """``all_of`` and ``any_of`` with three-valued logic."""

    def __init__(self, children: tuple[Tally, ...], places: tuple[Path, ...], *, every: bool) -> None:
        self._children = children
        self._places = places
        self._every = every

    def add(self, row: Candidate) -> None:
        """Hand a row to the child whose selection it belongs to."""
        self._child(row).add(row)

    def drop(self, row: Candidate) -> None:
        """Take a row from the child that has it."""
        self._child(row).drop(row)

    def _child(self, row: Candidate) -> Tally:
        return next(
            child for child, place in zip(self._children, self._places, strict=True) if row.path[: len(place)] == place
        )

    def measure(self, *, final: bool) -> Measure:
        """``all_of`` counts the parts that hold; ``any_of`` shows the part that has come furthest."""
        parts = [child.measure(final=final) for child in self._children]
        evidence = first_rows(sorted((row for part in parts for row in part.evidence), key=_arrival))
        waiting = _once(sorted((item for part in parts for item in part.waiting), key=lambda item: _arrival(item.row)))
        words = "; ".join(part.words for part in parts)
        verdicts = [part.met for part in parts]
        if self._every:
            met = False if False in verdicts else None if None in verdicts else True
            progress = round(sum(part.progress for part in parts) / len(parts), 4)
            done = float(verdicts.count(True))
            return Measure(met, progress, done, float(len(parts)), evidence, listed(waiting), words)
        met = True if True in verdicts else None if None in verdicts else False
        best = max(parts, key=lambda part: part.progress)
        if met:
            waiting = ()
        return Measure(met, best.progress, best.observed, best.target, evidence, listed(waiting), words)


def _once(items: Iterable[Waiting]) -> tuple[Waiting, ...]:
    """Without repeats: two parts may wait for the same fact about the same event."""
    seen = {(item.row.source, item.row.id, item.row.group, item.conditions): item for item in items}
    return tuple(seen.values())


def _arrival(row: Candidate) -> tuple[object, ...]:
    return row.began, row.source, row.id, row.group or "", row.entity or ""


class SequenceTally:
    """``sequence``: within one series, ``first`` and on a later day ``then``."""

    def __init__(self, criterion: Sequence, path: Path) -> None:
        self._criterion = criterion
        self._first_path = (*path, "first")
        self._first = Ledger()
        self._then = Ledger()
        # Of each series the earliest possible first step and the last possible second one, facts willing.
        self._starts = Newest(lambda row: -row.occurred_on.toordinal())
        self._ends = Newest(lambda row: row.occurred_until.toordinal())

    def add(self, row: Candidate) -> None:
        """A row became known."""
        is_first = row.path == self._first_path
        (self._first if is_first else self._then).add(row)
        if not row.failing:
            (self._starts if is_first else self._ends).add(row.group, row)

    def drop(self, row: Candidate) -> None:
        """A row was taken back."""
        is_first = row.path == self._first_path
        (self._first if is_first else self._then).drop(row)
        if not row.failing:
            (self._starts if is_first else self._ends).drop(row.group, row)

    def measure(self, *, final: bool) -> Measure:
        """A series that never showed the first step cannot resolve it; without series, it has not happened."""
        begun = {row.group for row in self._first.holding}
        pairs = self._pairs(list(self._first.holding), list(self._then.holding))
        if pairs:
            evidence = first_rows(dict.fromkeys(row for pair in pairs for row in pair))
            return Measure(True, 1.0, 2.0, 2.0, evidence, (), "first one, then the other")
        met: bool | None = False
        if self._could_hold() or (self._criterion.within and not begun):
            met = None
        waiting = self._waiting(begun)
        evidence = first_rows(self._first.holding)
        if not begun:
            words = "no series has shown the first step" if self._criterion.within else "the first step is not seen"
            return Measure(met, 0.0, 0.0, 2.0, evidence, waiting, words)
        return Measure(met, 0.5, 1.0, 2.0, evidence, waiting, "the first step is seen, the second is not")

    def _pairs(self, firsts: list[Candidate], thens: list[Candidate]) -> list[tuple[Candidate, Candidate]]:
        """For each later row the earliest one before it, in the same series and surely on an earlier day."""
        earliest: dict[str | None, Candidate] = {}
        for row in firsts:
            known = earliest.get(row.group)
            if known is None or row.occurred_until < known.occurred_until:
                earliest[row.group] = row
        return [
            (earliest[row.group], row)
            for row in thens
            if row.group in earliest and earliest[row.group].occurred_until < row.occurred_on
        ]

    def _could_hold(self) -> bool:
        """Whether it would hold if unknown facts, and dates that are too vague, turned out well."""
        return any(
            group in self._ends.of and start.occurred_on < self._ends.of[group].occurred_until
            for group, start in self._starts.of.items()
        )

    def _waiting(self, begun: set[str | None]) -> tuple[Waiting, ...]:
        """Without a series, a first step is waited for until it is seen, and a second only from then on."""
        one_series = self._criterion.within is None
        early = [Waiting(row, (AFTER_FIRST,), near_miss=True) for row in self._then.holding if row.group not in begun]
        firsts = self._first.pending.first(lambda row: row.group not in begun) if not (one_series and begun) else ()
        thens = self._then.pending.first(lambda row: row.group in begun) if begun else ()
        everything = sorted((*early, *firsts, *thens), key=lambda item: _arrival(item.row))
        return listed(everything)
