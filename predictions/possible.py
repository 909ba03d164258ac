"""What no event could ever bring about: windows without a day, thresholds out of reach, milestones of one name."""

from collections.abc import Iterable, Iterator

from predictions.criteria import CountDistinct, Criterion, Latest, Leader, Leaf, Sequence, Share, Sql
from predictions.definition import Definition, Path, Reading, Window
from predictions.parts import Threshold

Fault = tuple[Path, str]
"""Where something stands in the definition, and what is wrong with it."""


def impossible(definition: Definition) -> Iterator[Fault]:
    """Everything that can be told without SQL."""
    for index, reading in enumerate(definition.readings):
        here: Path = ("readings", index)
        window = definition.window(reading)
        yield from _window(here, reading, window)
        yield from _milestones(here, reading)
        for path, criterion in reading.criteria():
            yield from _criterion((*here, *path), criterion, window)


def _window(here: Path, reading: Reading, window: Window) -> Iterator[Fault]:
    if reading.window is None:
        return
    place = (*here, "window")
    first, last = window.from_, window.to
    if first and first > reading.deadline:
        yield (*place, "from"), f"the window starts on {first}, after the deadline, {reading.deadline}: no day is left"
    elif first and last and first > last:
        yield (*place, "from"), f"the window starts on {first} and ends before, on {last}: no day lies in it"
    elif last and last > reading.deadline:
        yield (
            (*place, "to"),
            f"the window ends on {last}, but the last day that counts is the deadline, {reading.deadline}",
        )


def _milestones(here: Path, reading: Reading) -> Iterator[Fault]:
    names = [milestone.name for milestone in reading.milestones]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (
                (*here, "milestones", index, "name"),
                f"two milestones are called '{name}': people could not tell which",
            )


def _criterion(path: Path, criterion: Criterion, window: Window) -> Iterator[Fault]:
    here = (*path, criterion.key)
    value = criterion.kind_of_value()
    if isinstance(value, tuple):
        for index, child in enumerate(value):
            yield from _criterion((*here, index), child, window)
        if criterion.key == "all_of":
            yield from _contradictions(here, value)
    elif isinstance(value, Sequence):
        steps = (value.first.window, value.then.window)
        if window.from_ and window.from_ == window.to and steps == ("reading", "reading"):
            yield here, f"both steps have to happen on {window.to}, and the second on a later day than the first"
    elif rule := threshold_of(value):
        yield from (((*here, threshold_key(rule)), message) for message in _threshold(rule))


def threshold_of(value: object) -> Threshold | None:
    """A criterion as its threshold, if it has one."""
    return value if isinstance(value, Threshold) else None


def threshold_key(rule: Threshold) -> str:
    """The key that the threshold stands under."""
    return "at_least" if rule.at_least is not None else "above" if rule.above is not None else "below"


def _threshold(rule: Threshold) -> Iterator[str]:
    if rule.start is not None and (rule.start == rule.target or rule.holds(rule.start)):
        yield f"`start` ({rule.start:g}) is there already ({rule.in_words()}): progress could not be told"
    most = _most(rule)
    if _never(rule, 0.0, most):
        what = "a share lies between 0 and 1: write 0.7 for 70 %" if isinstance(rule, Share) else _range(most)
        yield f"{rule.in_words()} can never be reached: {what}"
    elif most is not None and _always(rule, 0.0, most):
        yield f"{rule.in_words()} holds whatever happens: {_range(most)}"


def _most(rule: Threshold) -> float | None:
    """The highest value that it can have; None where values may be negative, or anything."""
    match rule:
        case Share():
            return 1.0
        case Leader():
            return float(rule.out_of)
        case CountDistinct() | Sql():
            return float("inf")
    return None


def _range(most: float | None) -> str:
    return "a count is 0 or more" if most in (None, float("inf")) else f"the value lies between 0 and {most:g}"


def _never(rule: Threshold, least: float, most: float | None) -> bool:
    if most is None:
        return False
    return not rule.holds(least if rule.below is not None else most)


def _always(rule: Threshold, least: float, most: float) -> bool:
    return rule.holds(least) and rule.holds(most)


def out_of_reach(rule: Leaf, distinct: int) -> str:
    """Why a criterion cannot hold where its rows are told apart by no more than so many values; empty where it can."""
    if isinstance(rule, CountDistinct | Sql) and _never(rule, 0.0, float(distinct)):
        return f"{rule.in_words()} can never be reached: this tells no more than {distinct} apart"
    if isinstance(rule, Share | Leader) and rule.minimum > distinct:
        return f"`minimum: {rule.minimum}` can never be reached: this tells no more than {distinct} apart"
    return ""


def _contradictions(here: Path, parts: Iterable[Criterion]) -> Iterator[Fault]:
    """Two thresholds over the same selection that exclude each other."""
    rules: list[tuple[int, str, Threshold]] = []
    for index, part in enumerate(parts):
        rule = threshold_of(part.kind_of_value())
        if rule is None or (isinstance(rule, Latest) and rule.within):
            continue
        for _, key, other in rules:
            if key == part.key and _selection(rule) == _selection(other) and _exclude(rule, other):
                yield (
                    (*here, index, key),
                    f"{rule.in_words()} and {other.in_words()} of the same can never hold together",
                )
        rules.append((index, part.key, rule))


def _selection(rule: Threshold) -> object:
    return rule.model_dump(exclude={"at_least", "above", "below", "start", "unit", "show"})


def _exclude(one: Threshold, other: Threshold) -> bool:
    low, high = (one, other) if one.below is None else (other, one)
    return low.below is None and high.below is not None and low.target >= high.target
