"""Titles and bodies of one's own, in Jinja2's sandbox: a template reads the alert, and nothing else."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from predictions.alert_rules import Rule, Template
from schemas.alerts import Alert

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

logger = logging.getLogger(__name__)

LONGEST_TITLE: Final = 300
LONGEST_BODY: Final = 10_000

_OF_A_PREDICTION: Final = {
    "source": "a source",
    "id": "an id",
    "title": "an event",
    "occurred_on": "2026-01-01",
    "occurred_until": "2026-01-01",
    "url": "https://example.org",
}
_OF_AN_EVENT: Final = {**_OF_A_PREDICTION, "event_type": "deal", "status": "announced", "amount_usd": 1.0}

_SAMPLE: Final = Alert(
    key="sample",
    prediction="p1a",
    reading="plain",
    kind="met",
    milestone="met",
    title="A title",
    state="met",
    progress=1.0,
    known_at=datetime(2026, 1, 1, tzinfo=UTC),
    evidence=(_OF_A_PREDICTION,),
    rule="sample",
)


class AlertTexts:
    """Applies templates. Jinja2 is imported for the first one."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, bool], Any] = {}

    def apply(self, template: Template, alert: Alert) -> Alert:
        """The alert with the rule's own texts. A template that fails on it leaves what it would have replaced: an
        alert is told in plain words rather than not at all."""
        update: dict[str, Any] = {}
        for part, longest in (("title", LONGEST_TITLE), ("body", LONGEST_BODY)):
            text = getattr(template, part)
            if text is None:
                continue
            rendered, reason = self._rendered(text, alert)
            if reason:
                logger.warning("the %s of the rule %s fails: %s", part, alert.rule, reason)
            elif rendered.strip():
                update[part] = rendered.strip()[:longest]
        return alert.model_copy(update=update) if update else alert

    def refusal(self, text: str, rule: Rule) -> str:
        """Why a template cannot be used; empty where it can. It is tried on an alert as the rule gives them."""
        evidence = _OF_A_PREDICTION if rule.when is None else _OF_AN_EVENT
        return self._rendered(text, _SAMPLE.model_copy(update={"evidence": (evidence,)}), strict=True)[1]

    def _rendered(self, text: str, alert: Alert, *, strict: bool = False) -> tuple[str, str]:
        try:
            if (text, strict) not in self._compiled:
                self._compiled[text, strict] = _environment(strict=strict).from_string(text)
            return self._compiled[text, strict].render(_shown(alert)), ""
        # A template is a program: whatever it does wrong is about its text, and must not stop settle.
        except Exception as error:
            return "", f"the template fails: {str(error) or type(error).__name__}"


def _environment(*, strict: bool) -> "SandboxedEnvironment":
    """Strict, a name that is not known is an error; otherwise it is empty: not every alert has an event."""
    from jinja2 import ChainableUndefined, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined if strict else ChainableUndefined)
    environment.globals = {"range": environment.globals["range"]}
    filters: dict[str, Callable[..., Any]] = {"usd": usd}
    environment.filters.update(filters)
    return environment


def _shown(alert: Alert) -> Mapping[str, Any]:
    """What a template may read: the fields of the alert, and ``event``, the first of its evidence."""
    fields = {name: getattr(alert, name) for name in type(alert).model_fields}
    return {**fields, "event": alert.evidence[0] if alert.evidence else {}}


def usd(value: Any) -> str:
    """``6.6 billion USD``, for templates."""
    if value is None:
        return "an unknown amount"
    if not isinstance(value, int | float | Decimal):
        return str(value)  # nothing, or the complaint that there is no such name
    amount = float(value)
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if abs(amount) >= size:
            return f"{amount / size:.3g} {word} USD"
    return f"{amount:,.0f} USD"
