"""Does a Kafka answer, and does it let us in? Asked through librdkafka before anything is started."""

import logging
import time
from collections.abc import Mapping

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from schemas.faults import BrokerRefused, BrokerUnreachable

_ASK_SECONDS = 1.0
"""A refused connection is told between two questions, and librdkafka itself would go on trying for ever."""


def topics_of(bootstrap_servers: str, security: Mapping[str, str], seconds: float) -> set[str]:
    """Names of the topics. Raises BrokerRefused at once, BrokerUnreachable when nobody answered in time."""
    client, errors = quiet_client(bootstrap_servers, security)
    deadline = time.monotonic() + seconds
    while True:
        remaining = deadline - time.monotonic()
        try:
            return set(client.list_topics(timeout=max(0.1, min(_ASK_SECONDS, remaining))).topics)
        except KafkaException as exc:
            client.poll(0)
            _raise_refusal(bootstrap_servers, errors)
            if remaining <= _ASK_SECONDS:
                met = [error for error in errors if error.code() != KafkaError._ALL_BROKERS_DOWN]
                told = (met[-1] if met else exc.args[0]).str()
                raise BrokerUnreachable(
                    f"No Kafka broker answers at {bootstrap_servers} (tried for {seconds:.0f} s: {told})"
                ) from None


def quiet_client(
    bootstrap_servers: str, security: Mapping[str, str]
) -> tuple[confluent_kafka.Producer, list[KafkaError]]:
    """A client that logs nothing, and what it has met with; the list grows whenever it is polled."""
    quiet = logging.getLogger(f"{__name__}.librdkafka")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    errors: list[KafkaError] = []
    options = {"bootstrap.servers": bootstrap_servers, "error_cb": errors.append, **security}
    return confluent_kafka.Producer(options, logger=quiet), errors


def _raise_refusal(bootstrap_servers: str, errors: list[KafkaError]) -> None:
    for error in errors:
        told = error.str()
        if error.code() == KafkaError._AUTHENTICATION:
            raise BrokerRefused(
                f"Kafka at {bootstrap_servers} does not let us in ({told}): correct DUALTRACK_KAFKA_USERNAME, "
                "DUALTRACK_KAFKA_PASSWORD(_FILE) and DUALTRACK_KAFKA_SASL_MECHANISM"
            )
        # A listener that only hangs up may be about to come up; the deadline says when that is over.
        if (error.code() == KafkaError._SSL and "isconnected" not in told) or "SSL alert" in told:
            raise BrokerRefused(
                f"no TLS with Kafka at {bootstrap_servers} ({told}): its certificate must be for that host name and "
                "from an authority in DUALTRACK_KAFKA_CA_FILE, and a broker that asks for ours needs "
                "DUALTRACK_KAFKA_CERT_FILE"
            )
