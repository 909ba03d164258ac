"""Who is told what after a batch: the changes of predictions, the events that landed and the hour of the day, held
against the rules, in the transaction that caused them.

Every alert has a key that says what happened, not when it was noticed; the outbox takes each key once for each
receiver. So batches, a restart and a store that was made anew tell nobody anything twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Final

import duckdb

from predictions.alert_file import check_rules, load_rules
from predictions.alert_rules import AlertRules, Rule
from predictions.alert_texts import AlertTexts
from predictions.conflicts import SOURCE_CONFLICT, Conflicts, no_conflicts, told_of_conflicts
from predictions.definition import Definition
from predictions.evaluate import Change
from predictions.milestones import alerts_of
from predictions.near_misses import NEAR_MISS, near_misses_of
from predictions.reminders import reminders
from predictions.robustness import with_robustness
from predictions.saved_queries import Found, SavedQueries
from schemas.alerts import NOBODY, Addressed, Alert
from sinks.duckdb_sink import Transaction
from sinks.views import arrived_facts

REMIND_EVERY: Final = timedelta(seconds=30)
"""How often deadlines that draw near, and silence, are looked for."""


class Teller:
    """Holds what happened against the rules. ``receivers``: who is told where a rule names nobody."""

    def __init__(
        self,
        receivers: Sequence[str],
        rules: AlertRules | None = None,
        definitions: Sequence[Definition] = (),
        conflicts: Conflicts = no_conflicts,
    ) -> None:
        self._all = rules or load_rules()
        self._rules = self._all.rules
        self._receivers = tuple(receivers)
        self._definitions = tuple(definitions)
        self._conflicts = conflicts
        self._queries = SavedQueries(self._rules, arrived_facts)
        self._texts = AlertTexts()
        self._limits: dict[str, int | None] = {rule.id: rule.at_most_per_hour for rule in self._rules}
        self._reminded_at: datetime | None = None
        self._by_clock = True

    @property
    def watches_events(self) -> bool:
        """Does some rule ask for single events?"""
        return any(rule.when is not None for rule in self._rules)

    def check(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Raise BrokenRules where the rules do not fit the views, the predictions or the receivers."""
        check_rules(connection, self._all, self._definitions, arrived_facts, self._receivers)

    def without_clock(self) -> "Teller":
        """The same for comparisons: what time alone brings is left to whoever the clock belongs to."""
        other = copy(self)
        other._by_clock = False
        return other

    def tell(
        self, transaction: Transaction, changes: Sequence[Change], now: datetime, arrived: str | None = None
    ) -> None:
        """Put what people are to hear into the outbox. ``arrived``: a condition over ``events``, true of what has just
        landed; None where nothing has."""
        addressed = [*self._of_predictions(transaction, changes)]
        if arrived is not None:
            addressed += self._of_events(transaction, arrived)
        if self._by_clock and (self._reminded_at is None or now - self._reminded_at >= REMIND_EVERY):
            self._reminded_at = now
            found = reminders(transaction.connection, self._definitions, self._rules, now)
            addressed += [self._addressed(rule, alert) for rule, alert in found]
        transaction.address(addressed, self._limits if self._by_clock else None, now)

    def _of_predictions(self, transaction: Transaction, changes: Sequence[Change]) -> Iterator[Addressed]:
        about = {
            change.definition.id: [rule for rule in self._rules if rule.is_about(change.definition)]
            for change in changes
        }
        told = transaction.told(about)
        for alert in with_robustness(transaction.connection, changes, alerts_of(changes, told)):
            by_rule = [self._addressed(rule, alert) for rule in about[alert.prediction] if alert.kind in rule.told]
            # Milestones are numbered by what the outbox holds: what nobody asks for is noted all the same.
            yield from by_rule or [Addressed(alert, (NOBODY,))]
        for change in changes:
            asking = [rule for rule in about[change.definition.id] if NEAR_MISS in rule.told]
            for alert in near_misses_of(change) if asking else ():
                yield from (self._addressed(rule, alert) for rule in asking)

    def _of_events(self, transaction: Transaction, arrived: str) -> Iterator[Addressed]:
        found = list(self._queries.found(transaction.connection, arrived))
        told = self._told_as_matches(transaction, found)
        for one in found:
            if one.alert.kind in one.rule.told:
                # What landed before there was the rule was never told: its end is no news.
                if one.alert.kind == "match" or "match" not in one.rule.told or one.match in told:
                    yield self._addressed(one.rule, one.alert)
            elif one.alert.kind == "match" and "stale" in one.rule.told:
                # Silence is counted from the last match, told or not.
                yield Addressed(one.alert, (NOBODY,), one.rule.id)
        # What nobody asks for is not looked for: it takes a look at every report of the stories that were touched.
        asked = any(SOURCE_CONFLICT in rule.told for rule in self._rules)
        conflicts = list(self._conflicts(transaction.connection, arrived)) if asked else []
        for rule, alert in told_of_conflicts(transaction.connection, conflicts, self._rules, self._definitions):
            yield self._addressed(rule, alert)

    @staticmethod
    def _told_as_matches(transaction: Transaction, found: Sequence[Found]) -> frozenset[str]:
        """Of the events that are gone: the keys of the matches that were told, or are about to be."""
        ended = {one.match for one in found if one.alert.kind != "match"}
        if not ended:
            return frozenset()
        rows = transaction.connection.execute(
            'SELECT DISTINCT "key" FROM outbox WHERE "key" IN (SELECT unnest(?::VARCHAR[]))', [sorted(ended)]
        ).fetchall()
        return frozenset(key for (key,) in rows) | {one.alert.key for one in found if one.alert.kind == "match"}

    def _addressed(self, rule: Rule, alert: Alert) -> Addressed:
        named = self._texts.apply(rule.template, alert.model_copy(update={"rule": rule.id}))
        receivers = self._receivers if rule.receivers is None else rule.receivers
        return Addressed(named, tuple(receivers), rule.id, rule.at_most_per_hour)


def landed_after(row: int) -> str:
    """The condition that a row of ``events`` came after that one."""
    return f"rowid > {row}"


def receivers_named(rules: AlertRules, otherwise: Iterable[str]) -> tuple[str, ...]:
    """Everybody whom some rule tells, in order."""
    default = tuple(otherwise)
    named = (name for rule in rules.rules for name in (default if rule.receivers is None else rule.receivers))
    return tuple(dict.fromkeys(named))
