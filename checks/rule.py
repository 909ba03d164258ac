"""A rule as data: which column, what is expected of it, how bad a failure is and what to tell people.

Nothing here imports great_expectations: an expectation is named, and resolved when the runner is opened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from schemas.events.base import Event
from schemas.outcomes import Classified

Cells = tuple[float | None, ...]
"""The values of some columns for one row. None: the column does not apply; expectations skip it."""

Explain = Callable[[float, Any, Classified], str]
"""Writes the reason from the value that failed, the event it was found in and the item that holds the event."""


class Severity(StrEnum):
    """What a failure does to an event."""

    REJECT = "reject"
    WARN = "warn"


REJECT: Final = Severity.REJECT
WARN: Final = Severity.WARN


@dataclass(frozen=True, slots=True)
class Expect:
    """An expectation by name: a class of great_expectations.expectations, or ``module:Class``, and its arguments."""

    name: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def between(low: float, high: float) -> Expect:
    """From ``low`` to ``high``, both included."""
    return Expect("ExpectColumnValuesToBeBetween", {"min_value": low, "max_value": high})


def at_least(low: float) -> Expect:
    """``low`` or more."""
    return Expect("ExpectColumnValuesToBeBetween", {"min_value": low})


def at_most(high: float) -> Expect:
    """``high`` or less."""
    return Expect("ExpectColumnValuesToBeBetween", {"max_value": high})


def none_of(*values: float) -> Expect:
    """Any value but these."""
    return Expect("ExpectColumnValuesToNotBeInSet", {"value_set": list(values)})


ABSENT: Final = Expect("ExpectColumnValuesToBeNull")
"""No value at all: for columns that mark what is wrong (a third cheaper than a comparison)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule over one column.

    ``reason`` is a template with ``{value}``, ``{event}`` and ``{item}``, or a function where a template is not enough.
    """

    id: str
    severity: Severity
    column: str
    expect: Expect
    reason: str | Explain

    def explain(self, value: float, item: Classified) -> str:
        """Why the rule failed for this event, in words for people."""
        if callable(self.reason):
            return self.reason(value, item.parsed.event, item)
        return self.reason.format(value=value, event=item.parsed.event, item=item)


@dataclass(frozen=True, slots=True)
class Checks:
    """What is checked of one event type (``event`` None: of all): its columns, how to read them, its rules.

    ``read`` gets the event and the item that holds it, and gives one cell per column, in the same order.
    """

    event: type[Event] | None
    columns: tuple[str, ...]
    read: Callable[[Any, Classified], Cells]
    rules: tuple[Rule, ...]
