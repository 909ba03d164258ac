"""A criterion as a sentence, for people who do not read SQL."""

from collections.abc import Iterator
from typing import Any

from predictions.criteria import CountDistinct, Criterion, Exists, Latest, Leader, Leaf, Sequence, Share, Sql, Sum
from predictions.criterion import compile_reading
from predictions.definition import IN_WINDOW, Definition, Reading
from predictions.parts import Threshold
from predictions.possible import threshold_of
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


def explanation(definition: Definition, reading: Reading) -> dict[str, Any]:
    """How a reading is judged: in sentences, and as the queries that do it, each with its place in the reading."""
    return {
        "reading": reading.id,
        "description": reading.description,
        "deadline": reading.deadline,
        "criterion": criterion_sentence(definition, reading),
        "sentences": list(_sentences(definition, reading)),
        "queries": [
            {"place": ".".join(map(str, query.path)), "conditions": list(query.conditions), "sql": query.sql}
            for query in compile_reading(definition, reading)
        ],
    }


def general_rules(definition: Definition) -> list[str]:
    """What goes for every reading of a definition, in sentences."""
    rule = definition.near_miss_rule
    near = "and no other" if rule.allow_unknown else "and all others hold"
    near = f"A near miss is an event that fails one condition, {near}"
    if rule.except_:
        words = [definition.conditions[name].words if name != IN_WINDOW else "the window" for name in rule.except_]
        near += f"; not where that one is: {'; '.join(words)}"
    return [
        "Each condition is true, false, or unknown where nobody has said. An event of which none is false and some are "
        "unknown is waited for; while such events could decide it, the verdict is unknown.",
        "A date as vague as a month or a year that reaches over an edge of the window is unknown too.",
        f"{near}.",
    ]


def _sentences(definition: Definition, reading: Reading) -> Iterator[str]:
    yield f"Holds when {criterion_sentence(definition, reading)}."
    yield from dict.fromkeys(_rules(reading.criterion))
    about = {leaf.about: leaf.view for _, leaf in reading.leaves() if leaf.about}
    yield from (f"Only rows of {view} are looked at where: {_one_line(sql)}." for sql, view in about.items())
    yield from _calendar(definition, reading)
    if reading.annulled_if:
        criterion = reading.annulled_if.criterion
        by = f"when {_criterion(definition, reading, criterion)}" if criterion else "when a person says so"
        yield f"Annulled, never missed, if {reading.annulled_if.words}: {by}."


def _rules(criterion: Criterion) -> Iterator[str]:
    """What a threshold is measured against, and what is never mixed."""
    value = criterion.kind_of_value()
    if isinstance(value, tuple):
        for child in value:
            yield from _rules(child)
    match value:
        case CountDistinct() | Sql():
            yield f"Things are told apart by: {_one_line(value.of)}."
        case Sum() if value.per:
            yield f"Of each {_one_line(value.per)} only the newest row is added."
        case Latest():
            yield "The newest row is the one that lies latest in the world; of one day, the one that became known last."
            if value.within:
                yield f"Series are never mixed: {_one_line(value.within)}. Where they differ, it is unknown."
        case Share():
            yield (
                f"The denominator is all {value.unit}, told apart by: {_one_line(value.of)}; each counts by its newest "
                f"row in the window. With fewer than {value.minimum} the share is unknown."
            )
        case Leader():
            yield (
                f"In each {_one_line(value.per)} leads the {_one_line(value.who)} with the highest "
                f"{_one_line(value.by)}, where at least {value.minimum} compete. {value.out_of} {value.unit} count, "
                "those of which nothing is known included."
            )
        case Sequence() if value.within:
            yield f"Both steps are of one series, one denominator: {_one_line(value.within)}."
    yield from _progress(threshold_of(value))


def _progress(rule: Threshold | None) -> Iterator[str]:
    if rule is None:
        return
    if rule.start is not None:
        yield f"Progress runs from {rule.start:g} to {rule.target:g}."
    if rule.below is not None and not isinstance(rule, Latest | Share):
        yield "What only grows has not stayed below anything before the deadline: until then it is unknown."


def _calendar(definition: Definition, reading: Reading) -> Iterator[str]:
    if definition.is_late(reading):
        yield (
            f"The deadline, {reading.deadline}, lay before the prediction, {definition.made_on}: the state is late; "
            "the verdict says how the world turned out."
        )
    else:
        yield (
            f"After the deadline, {reading.deadline}, it is missed where it does not hold, open while facts are "
            "missing that could decide it, and unresolvable where nothing is there to wait for."
        )


def _one_line(sql: str) -> str:
    return " ".join(sql.split())


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
