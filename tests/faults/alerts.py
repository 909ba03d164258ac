"""Were people told of every milestone, and of none twice?"""

import json
from collections import Counter
from collections.abc import Iterable

import confluent_kafka

from dualtrack.settings import Settings
from dualtrack.tools import reading
from schemas.faults import Fault
from schemas.topics import PREDICTIONS_CHANGED
from sinks.alerts import IDEMPOTENCY_KEY
from sinks.receivers import FILE, TOPIC, WEBHOOK
from tests.faults.flow import Sent
from tests.faults.webhook import Webhook


def undelivered(settings: Settings) -> int:
    """How many alerts wait in the outbox, as a reader sees it."""
    try:
        with reading(settings) as connection:
            sql = """
                SELECT count(*) FROM outbox o ANTI JOIN (FROM deliveries WHERE delivered) d
                ON o."key" = d."key" AND o.receiver = d.receiver
            """
            return int(connection.execute(sql).fetchall()[0][0])
    except Fault:
        return 0


def check_alerts(settings: Settings, sent: Sent, servers: str, webhook: Webhook, crashes: int) -> None:
    """Every telling reached every receiver; the file has none twice, others repeat a key after a crash at most."""
    with reading(settings) as connection:
        outbox = connection.execute('SELECT "key", receiver FROM outbox').fetchall()
        told = connection.execute(
            "SELECT count(*) FROM outbox WHERE receiver = 'file' AND prediction = 'p3b' AND reading = 'literal'"
        ).fetchall()[0][0]
    assert told == sent.tellings, f"{sent.tellings} tellings are due, {told} were queued"
    due = {name: {key for key, receiver in outbox if receiver == name} for name in (FILE, TOPIC, WEBHOOK)}
    assert due[FILE] == due[TOPIC] == due[WEBHOOK]
    lines = settings.alerts_file.read_text().splitlines() if settings.alerts_file.exists() else []
    _check(FILE, due[FILE], (json.loads(line)["key"] for line in lines), repeats=0)
    _check(WEBHOOK, due[WEBHOOK], (key for key, _ in webhook.received), repeats=crashes)
    _check(TOPIC, due[TOPIC], _keys_on_topic(servers), repeats=None if crashes else 0)


def _check(receiver: str, due: set[str], keys: Iterable[str], repeats: int | None) -> None:
    """``repeats``: how many may have come again; None where a whole round may have."""
    told = Counter(keys)
    assert told.keys() == due, f"{receiver}: {len(due - told.keys())} of {len(due)} alerts have not arrived"
    again = told.total() - len(told)
    assert repeats is None or again <= repeats, f"{receiver}: {again} alerts came again, at most {repeats} may"


def _keys_on_topic(servers: str) -> list[str]:
    consumer = confluent_kafka.Consumer({"bootstrap.servers": servers, "group.id": "alerts-reader"})
    try:
        place = confluent_kafka.TopicPartition(PREDICTIONS_CHANGED, 0, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=10)
        consumer.assign([place])
        keys: list[str] = []
        while len(keys) < end:
            messages = consumer.consume(500, timeout=10)
            assert messages, "the alerts on the topic cannot be read"
            for message in messages:
                assert message.error() is None, message.error()
                headers = dict(message.headers() or ())
                keys.append(bytes(headers[IDEMPOTENCY_KEY]).decode())  # type: ignore[arg-type]
        return keys
    finally:
        consumer.close()
