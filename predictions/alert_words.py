"""A rule in words, for whoever wants to know what it does without reading YAML."""

from collections.abc import Sequence

from predictions.alert_rules import EventQuery, Kind, Rule


def rule_in_words(rule: Rule, receivers: Sequence[str]) -> str:
    """``Of every prediction: met, missed. To topic, file. ...``; ``receivers``: who is told where it names nobody."""
    told = ", ".join(_kind_in_words(rule, kind) for kind in rule.told)
    sentences = [f"{_about(rule)}: {told}.", f"To {_list(rule.receivers or receivers) or 'nobody'}."]
    if rule.at_most_per_hour is not None:
        sentences.append(f"At most {rule.at_most_per_hour} an hour to each; what is beyond comes later, in one digest.")
    own = [part for part in ("title", "body") if getattr(rule.template, part) is not None]
    if own:
        sentences.append(f"With a {' and a '.join(own)} of its own.")
    return " ".join(sentences)


def _about(rule: Rule) -> str:
    if rule.when is not None:
        return f"Of {query_in_words(rule.when)}"
    parts = []
    if rule.predictions:
        parts.append(f"the predictions {_list(rule.predictions)}" if len(rule.predictions) > 1 else rule.predictions[0])
    if rule.tags:
        parts.append(f"the predictions tagged {_list(rule.tags, 'or')}")
    return f"Of {' and '.join(parts)}" if parts else "Of every prediction"


def query_in_words(query: EventQuery) -> str:
    """``every deal that names openai, of 1,000,000,000 USD or more, where status = 'signed'``"""
    text = f"every {_list([name.replace('-', ' ') for name in query.event_type], 'or')}"
    conditions = []
    if query.organisation is not None:
        conditions.append(f"that names {query.organisation}")
    if query.amount_usd_at_least is not None:
        conditions.append(f"of {query.amount_usd_at_least:,.0f} USD or more")
    if query.sql is not None:
        conditions.append(f"where {' '.join(query.sql.split())}")
    return ", ".join([f"{text} {conditions[0]}", *conditions[1:]]) if conditions else text


def _kind_in_words(rule: Rule, kind: Kind) -> str:
    if kind == "deadline":
        days = [str(days) for days in sorted({*rule.deadline_in_days}, reverse=True)]
        return f"the deadline in {_list(days, 'or')} days"
    if kind == "stale":
        return f"no event for {rule.stale_after_days} days"
    if kind == "retracted":
        return "what no longer holds"
    return {"match": "that it landed", "source conflict": "sources that disagree"}.get(kind, kind)


def _list(names: Sequence[str], joint: str = "and") -> str:
    *rest, last = names or ("",)
    return f"{', '.join(rest)} {joint} {last}" if rest else last
