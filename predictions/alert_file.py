"""Reading the file of alert rules; whatever is wrong with it is said with its line and what to change."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Final

import duckdb

from predictions.alert_rules import AlertRules
from predictions.alert_texts import AlertTexts
from predictions.definition import Definition, Path
from predictions.load import BrokenDefinition, parse_yaml
from predictions.saved_queries import Facts, refusal
from schemas.faults import TerminalFault

SHIPPED: Final = FilePath(__file__).with_name("alert_rules.yaml")


class BrokenRules(TerminalFault):
    """A file of alert rules that cannot be used; the message says where and what to change."""


def load_rules(file: FilePath | None = None) -> AlertRules:
    """The rules of the file, or those that dualtrack brings along. Raises BrokenRules."""
    path = file or SHIPPED
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise BrokenRules(f"{path}: cannot be read: {reason}") from error
    return parse_rules(text, str(path))


def parse_rules(text: str, file: str) -> AlertRules:
    """Rules from their YAML text; ``file`` is for messages. Raises BrokenRules."""
    try:
        rules, origin = parse_yaml(text, file, AlertRules, "alert rules are a mapping: `rules: ...`")
    except BrokenDefinition as error:
        raise BrokenRules(str(error)) from error.__cause__
    return rules.read_from(origin)


def check_rules(
    connection: duckdb.DuckDBPyConnection,
    rules: AlertRules,
    definitions: Sequence[Definition],
    facts: Facts,
    built_in: Sequence[str],
) -> None:
    """Do the rules fit the predictions, the views and the receivers that are set up? Raises BrokenRules for all that
    does not."""
    problems = [
        f"{rules.origin.at(path)}: {'.'.join(map(str, path))}: {reason}"
        for path, reason in (
            *_unknown_predictions(rules, definitions),
            *_receivers_not_set_up(rules, built_in),
            *_bad_texts(rules),
            *_bad_sql(connection, rules, facts),
        )
    ]
    if problems:
        raise BrokenRules("\n".join(problems))


def _unknown_predictions(rules: AlertRules, definitions: Sequence[Definition]) -> Iterator[tuple[Path, str]]:
    ids = [definition.id for definition in definitions]
    tags = sorted({tag for definition in definitions for tag in definition.tags})
    for index, rule in enumerate(rules.rules):
        for place, name in enumerate(rule.predictions):
            if name not in ids:
                yield ("rules", index, "predictions", place), _unknown("prediction", name, ids)
        for place, name in enumerate(rule.tags):
            if name not in tags:
                yield ("rules", index, "tags", place), _unknown("tag of a prediction", name, tags)


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"no {what} is called '{name}'; " + (f"did you mean '{near[0]}'?" if near else f"there are: {_list(known)}")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _receivers_not_set_up(rules: AlertRules, built_in: Sequence[str]) -> Iterator[tuple[Path, str]]:
    for index, rule in enumerate(rules.rules):
        for place, name in enumerate(rule.receivers or ()):
            if name not in rules.receivers and name not in built_in:
                advice = "set DUALTRACK_WEBHOOK_URL, or give it an entry of another name under `receivers`"
                yield ("rules", index, "receivers", place), f"'{name}' is not set up: {advice}"


def _bad_texts(rules: AlertRules) -> Iterator[tuple[Path, str]]:
    texts = AlertTexts()
    for index, rule in enumerate(rules.rules):
        for part in ("title", "body"):
            text = getattr(rule.template, part)
            if text is not None and (reason := texts.refusal(text, rule)):
                yield ("rules", index, "template", part), reason


def _bad_sql(connection: duckdb.DuckDBPyConnection, rules: AlertRules, facts: Facts) -> Iterator[tuple[Path, str]]:
    for index, rule in enumerate(rules.rules):
        if rule.when is None or rule.when.sql is None:
            continue
        for event_type in rule.when.event_type:
            if reason := refusal(connection, rule.when.sql, event_type, facts):
                yield ("rules", index, "when", "sql"), f"{event_type}: {reason}"
