"""Near misses: rows that fail exactly one condition, and which; apart from them, those that lack exactly one fact."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from predictions.candidates import Candidate
from predictions.criteria import CountDistinct, Criterion, Leader, Leaf, Sql
from predictions.criteria import Sequence as SequenceCriterion
from predictions.definition import Definition, Path, Reading
from predictions.measure import AFTER_FIRST, Newest, Waiting
from predictions.standing import Words
from predictions.values import Judged

Item = dict[str, Any]


def near_misses(definition: Definition, reading: Reading, rows: Iterable[Judged]) -> list[Item]:
    """All among the rows of a reading, newest first.

    ``kind`` is ``near miss`` or ``unknown``, and ``condition`` the one that is lacking, with the values behind it.
    A thing that counts already by another event is marked ``counts_already``. Where every row counts (a share, a
    leader) only the newest row of each thing is looked at, and of a group its leader.
    """
    live = [item for item in rows if item.row.ended_at is None]
    words = Words(definition, reading)
    looked_at = [item for selected in _by_selection(live).values() for item in _standing_rows(selected)]
    found = [_item(item, words, counted) for item, counted in _nearly(looked_at)]
    found += [_item(item, words, counted=False) for item in _too_early(reading.criterion, ("criterion",), live)]
    return sorted(_once(found), key=lambda item: (item["occurred_on"], item["source"], item["id"]), reverse=True)


def _once(items: Iterable[Item]) -> Iterable[Item]:
    """Two parts of a criterion may look at the same row: it counts already where it does in all of them."""
    found: dict[tuple[Any, ...], Item] = {}
    for item in items:
        names = (item["source"], item["id"], item.get("group"), item.get("entity"), item["condition"]["name"])
        seen = found.setdefault(names, item)
        seen["counts_already"] = seen["counts_already"] and item["counts_already"]
    return found.values()


def _by_selection(rows: Iterable[Judged]) -> dict[Path, list[Judged]]:
    found: dict[Path, list[Judged]] = {}
    for item in rows:
        found.setdefault(item.row.path, []).append(item)
    return found


def _standing_rows(rows: Sequence[Judged]) -> Sequence[Judged]:
    """The rows of one selection that stand for something."""
    leaf = rows[0].leaf
    if not leaf.every_row:
        return rows
    newest = Newest()
    for item in rows:
        if item.row.entity is not None:
            newest.add((item.row.group, item.row.entity), item.row)
    standing = set(newest.of.values())
    if isinstance(leaf, Leader):
        standing = set(_leaders(leaf, standing))
    return [item for item in rows if item.row in standing]


def _leaders(leaf: Leader, rows: Iterable[Candidate]) -> Iterator[Candidate]:
    groups: dict[str, list[Candidate]] = {}
    for row in rows:
        if row.group is not None and row.value is not None:
            groups.setdefault(row.group, []).append(row)
    for competing in groups.values():
        if len(competing) >= leaf.minimum:
            yield max(competing, key=lambda row: (row.value or 0.0, row.entity or ""))


def _nearly(rows: Iterable[Judged]) -> Iterator[tuple[Judged, bool]]:
    """Rows that lack one thing, and whether what they are about counts already."""
    rows = list(rows)
    counted = {(item.row.path, item.row.group) for item in rows if item.row.holds and _counts_groups(item.leaf)}
    for item in rows:
        if item.row.is_near_miss or (item.row.is_open and len(item.row.unknown) == 1):
            yield item, (item.row.path, item.row.group) in counted


def _counts_groups(leaf: Leaf) -> bool:
    return isinstance(leaf, CountDistinct | Sql)


def _too_early(criterion: Criterion, path: Path, rows: Sequence[Judged]) -> Iterator[Judged]:
    """Second steps of a sequence, true in themselves, in series that have not shown the first."""
    here = (*path, criterion.key)
    value = criterion.kind_of_value()
    if isinstance(value, SequenceCriterion):
        begun = {item.row.group for item in rows if item.row.path == (*here, "first") and item.row.holds}
        for item in rows:
            if item.row.path == (*here, "then") and item.row.holds and item.row.group not in begun:
                yield item
    elif isinstance(value, tuple):
        for index, child in enumerate(value):
            yield from _too_early(child, (*here, index), rows)


def _item(judged: Judged, words: Words, counted: bool) -> Item:
    row = judged.row
    lacking = row.failing or row.unknown or (AFTER_FIRST,)
    item = words.waiting(Waiting(row, lacking, near_miss=not row.is_open))
    (condition,) = item.pop("conditions")
    values = judged.values.get(condition["name"], {})
    return {**item, "condition": {**condition, "values": values}, "counts_already": counted}
