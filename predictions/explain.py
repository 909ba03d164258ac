"""A criterion as a sentence, for people who do not read SQL."""

from predictions.criteria import CountDistinct, Criterion, Exists, Latest, Leader, Leaf, Sequence, Share, Sql, Sum
from predictions.definition import Definition, Reading
from predictions.standing import window_in_words

_ROWS = {
    "query": "rows of the query",
    "metric": "values of metrics",
    "funding": "funding events",
    "policy": "policies",
    "frontier_stories": "stories of a lab and a designer of chips",
    "company_prices": "prices of whole companies",
}


def criterion_sentence(definition: Definition, reading: Reading) -> str:
    """``at least 2 labs among ..., where ...; it happened between ...``"""
    return _criterion(definition, reading, reading.criterion)


def _criterion(definition: Definition, reading: Reading, criterion: Criterion) -> str:
    value = criterion.kind_of_value()
    if isinstance(value, Sequence):
        first, then = (_selection(definition, reading, step) for step in (value.first, value.then))
        series = " within one and the same series" if value.within else ""
        return f"first {first}, and on a later day{series} {then}"
    if isinstance(value, tuple):
        joint = "; and " if criterion.key == "all_of" else "; or "
        return joint.join(_criterion(definition, reading, child) for child in value)
    return _leaf(value, _selection(definition, reading, value)) if value is not None else ""


def _leaf(leaf: Leaf, rows: str) -> str:
    match leaf:
        case CountDistinct() | Sql():
            return f"{leaf.in_words()} {leaf.unit} among {rows}"
        case Exists():
            return f"at least one of the {rows}"
        case Sum():
            return f"the sum over {rows} is {leaf.in_words()} {leaf.unit}".rstrip()
        case Latest():
            series = " (in every series)" if leaf.within else ""
            return f"the newest value{series} among {rows} is {leaf.in_words()} {leaf.unit}".rstrip()
        case Share():
            return f"the share of {leaf.unit} (at least {leaf.minimum}) that are {rows} is {leaf.in_words()}"
        case Leader():
            return f"in {leaf.in_words()} {leaf.unit} of {leaf.out_of} the leader is one of the {rows}"
    return rows


def _selection(definition: Definition, reading: Reading, leaf: Leaf) -> str:
    """Which rows are meant, and what has to hold for each."""
    name = leaf.view.removeprefix("facts_")
    rows = _ROWS.get(name, f"{name.replace('_', ' ')}s" if leaf.view != name else name.replace("_", " "))
    conditions = [definition.conditions[name].words for name in leaf.where]
    window = definition.window(reading)
    if leaf.window == "until":
        window = window.model_copy(update={"from_": None})
    if leaf.window != "any" and (window.from_ or window.to):
        conditions.append(window_in_words(window))
    return f"{rows} where {'; '.join(conditions)}" if conditions else rows
