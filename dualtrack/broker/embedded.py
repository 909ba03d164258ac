"""A Kafka broker inside this process, for the demo and fast tests only: it keeps the last 5 MB of a partition.

It is librdkafka's own mock cluster. Older records are dropped **without a word**, nothing is written to disk, and
there is no admin API; so it never replaces a real broker, and asking for it takes an explicit acknowledgement.
As a process of its own: ``python -m dualtrack.broker.embedded --i-know-it-forgets --port-file FILE``.
"""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import confluent_kafka

logger = logging.getLogger(__name__)

PARTITIONS = 4
"""Of every topic: the mock cluster's own number; librdkafka has no setting for it."""

KEPT_BYTES = 5 * 1024 * 1024
"""Of every partition; what is older is gone."""

WARNING = (
    f"Embedded broker, for the demo and tests: it keeps the last {KEPT_BYTES // 1024**2} MB of a partition and drops "
    "older records without a word; everything is gone when this process ends."
)


class EmbeddedBroker:
    """An in-process Kafka broker that lives as long as this object, to be used as a context manager.

    Topics appear on first use, each with ``PARTITIONS`` partitions. Delivery guarantee: none beyond the process and
    the last 5 MB of a partition. Clients need ``topic_allow_declare=False`` (Faust), ``api_version=(2, 0)`` and
    ``enable_idempotence=False`` (kafka-python).
    """

    def __init__(self, *, i_know_it_forgets: bool) -> None:
        if not i_know_it_forgets:
            raise ValueError(f"{WARNING} Say i_know_it_forgets=True to use it nevertheless.")
        self.partitions = PARTITIONS
        self.bootstrap_servers = ""
        self._owner: confluent_kafka.Producer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and say what it is; ``bootstrap_servers`` is known from here on."""
        logger.warning(WARNING)
        # The cluster belongs to this client and ends with it. The client's own log would repeat what is said above.
        quiet = logging.getLogger(f"{__name__}.librdkafka")
        quiet.setLevel(logging.CRITICAL)
        owner = confluent_kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": ""}, logger=quiet)
        brokers = owner.list_topics(timeout=10).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        self._owner = owner

    def stop(self) -> None:
        """End it; its records are gone."""
        self._owner = None
        self.bootstrap_servers = ""

    def create_topics(self, topics: Sequence[str]) -> None:
        """Make sure that these topics exist."""
        if self._owner is None:
            raise RuntimeError("The embedded broker is not running.")
        for topic in topics:
            self._owner.list_topics(topic, timeout=10)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker until SIGTERM or SIGINT; its address goes into the port file once it listens."""
    parser = argparse.ArgumentParser(prog="python -m dualtrack.broker.embedded", description=WARNING)
    parser.add_argument("--i-know-it-forgets", action="store_true", help="say that a try-out broker is what you want")
    parser.add_argument("--port-file", type=Path, required=True, help="file to write host:port to")
    parser.add_argument("--topic", action="append", default=[], help="topic to create; may be repeated")
    options = parser.parse_args(arguments)
    if not options.i_know_it_forgets:
        parser.error(f"{WARNING} Add --i-know-it-forgets to use it nevertheless.")
    sys.stderr.write(f"{WARNING}\n")
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before librdkafka starts its threads, so that they inherit it and sigwait gets the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with EmbeddedBroker(i_know_it_forgets=True) as broker:
        broker.create_topics(options.topic)
        # Written under another name first: whoever waits for the file must not read half of it.
        draft = options.port_file.with_suffix(".tmp")
        draft.write_text(broker.bootstrap_servers)
        draft.replace(options.port_file)
        signal.sigwait(ends)
    return 0


if __name__ == "__main__":
    sys.exit(main())
