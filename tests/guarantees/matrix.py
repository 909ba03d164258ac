"""The promises and the faults: rows and columns of ``docs/guarantees.md``.

A test proves cells by its mark: ``@pytest.mark.proves("one-outcome", "offsets-agree", under="settle-killed")``. The
names are the keys below; a mark with another name fails the collection.
"""

from typing import Final

PROMISES: Final = {
    "one-outcome": "Every input ends in exactly one counted outcome; the sum equals the input",
    "offsets-agree": "Rows and offsets agree at every moment, also right after the fault",
    "alerts": "An alert is sent at least once, and not twice to the same receiver",
    "rejections": "A rejection is byte-identical to its input and can be replayed",
    "order": "What is about one organisation lands in the order of the log",
    "memory": "Memory stays bounded",
    "single-writer": "One process at a time writes the store",
}

FAULTS: Final = {
    "validate-killed": "kill -9 of validate",
    "settle-killed": "kill -9 of settle",
    "both-killed": "kill -9 of both workers at once",
    "broker-killed": "kill -9 of the broker, started again",
    "broker-restarted": "the broker stopped and started under load",
    "rebalance": "workers join and leave while batches are in flight",
    "network-cut": "the network between workers and broker cut and mended",
    "store-locked": "the DuckDB file locked by another process",
    "disk-full": "the disk of the store full",
    "rule-raises": "a Great Expectations rule that raises",
    "slow-sink": "a sink that takes seconds for a batch",
    "signals": "SIGTERM and Ctrl-C",
    "clock-jumps": "the clock jumps forward and back",
    "poison": "poison messages on every topic",
    "burst": "a burst of ten times the load",
    "log-gap": "a log that no longer reaches back to the stored offset",
    "checkpoint-in-copy": "a checkpoint due while the snapshot is copied",
    "other-version": "a database file of an older and of a newer version",
}

AUDITED: Final = ("one-outcome", "offsets-agree", "alerts", "rejections", "order", "memory", "single-writer")
"""What ``Scene.audit`` (``tests.faults.scene``) holds against the store, the logs, the receivers and the processes."""

EXPLAINED: Final[dict[tuple[str, str], str]] = {}
"""Cells without a test, and why: (promise, fault) to one sentence."""
