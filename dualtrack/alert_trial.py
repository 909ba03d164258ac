"""A test alert, sent at once and marked as one; the outbox and the store know nothing of it."""

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dualtrack.alerting import check_rules_of, receivers_of
from dualtrack.settings import Settings
from dualtrack.tools import utc_now
from predictions.alert_rules import AlertRules
from predictions.alert_texts import AlertTexts
from schemas.alerts import Alert
from schemas.faults import DeliveryFailed, RecordRefused, TerminalFault
from sinks.alerts import record_of
from sinks.receivers import TOPIC, NotDelivered

TEST = "test"
ANSWER_SECONDS = 10.0


class NoSuchTarget(TerminalFault):
    """No rule or receiver of that name."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test alert."""

    receiver: str
    error: str | None

    @property
    def arrived(self) -> bool:
        return self.error is None


def try_receivers(settings: Settings, rule: str | None = None, receiver: str | None = None) -> Iterator[Trial]:
    """Send a test alert to each receiver: those of the rule, or the one, or all that some rule tells.

    Raises NoSuchTarget, BrokenRules, BadSecret.
    """
    rules = check_rules_of(settings)
    alert = _alert(rules, rule)
    targets = _targets(settings, rules, rule, receiver)
    receivers = receivers_of(settings, rules)
    for name in targets:
        if name == TOPIC:
            yield Trial(name, _sent_to_topic(settings, alert))
            continue
        try:
            receivers[name].send(alert)
            yield Trial(name, None)
        except NotDelivered as error:
            yield Trial(name, str(error))


def _targets(settings: Settings, rules: AlertRules, rule: str | None, receiver: str | None) -> Sequence[str]:
    from pipeline.telling import receivers_named

    named = _one_rule(rules, rule) if rule else rules
    found = receivers_named(named, settings.receivers())
    if receiver is None:
        return found
    known = found if rule else (*settings.receivers(), *rules.receivers)
    if receiver not in known:
        of = f" of the rule {rule}" if rule else ""
        raise NoSuchTarget(f"no receiver{of} is called {receiver!r}; there are: {', '.join(known)}")
    return (receiver,)


def _one_rule(rules: AlertRules, id: str) -> AlertRules:
    chosen = tuple(rule for rule in rules.rules if rule.id == id)
    if not chosen:
        raise NoSuchTarget(f"no rule is called {id!r}; there are: {', '.join(rule.id for rule in rules.rules)}")
    return rules.model_copy(update={"rules": chosen})


def _alert(rules: AlertRules, rule: str | None) -> Alert:
    alert = Alert(
        key=f"{TEST}-{uuid.uuid4()}",
        prediction=TEST,
        reading=TEST,
        kind=TEST,
        milestone=TEST,
        title="Test alert of dualtrack: nothing has happened",
        state=TEST,
        progress=0.0,
        known_at=utc_now(),
        evidence=(),
        rule=rule,
    )
    if rule is None:
        return alert
    named = AlertTexts().apply(_one_rule(rules, rule).rules[0].template, alert)
    # A text of the rule's own must not hide that this is a test.
    return named if named.title == alert.title else named.model_copy(update={"title": f"Test alert: {named.title}"})


def _sent_to_topic(settings: Settings, alert: Alert) -> str | None:
    from pipeline.delivery import Producer, ProducerConfig

    servers = settings.bootstrap_servers()
    if servers is None:
        return "no Kafka is configured: set DUALTRACK_KAFKA=host:port"
    config = ProducerConfig(
        servers,
        idempotent=not settings.uses_embedded(),
        timeout_seconds=ANSWER_SECONDS,
        security=settings.librdkafka(),
    )

    async def send() -> None:
        producer = Producer(config)
        try:
            await producer.send_all([record_of(alert)])
        finally:
            await producer.close()

    try:
        asyncio.run(send())
    except (DeliveryFailed, RecordRefused) as error:
        return str(error)
    return None
