"""Every topic, once; with the size limits that keep a record acceptable at every station."""

from typing import Final

EVENT_TYPES: Final = (
    "deal",
    "model-release",
    "benchmark",
    "funding",
    "metric",
    "incident",
    "policy",
    "headline",
)
"""Names of event types as topics and CloudEvents types write them."""

RAW_TOPICS: Final = tuple(f"signals.{name}" for name in EVENT_TYPES)
VALIDATED: Final = "signals.validated"
REJECTED: Final = "signals.rejected"
DECISIONS: Final = "decisions"
PREDICTIONS_CHANGED: Final = "predictions.changed"

VALIDATE_READS: Final = RAW_TOPICS
SETTLE_READS: Final = (VALIDATED, REJECTED, DECISIONS)
ALL_TOPICS: Final = (*RAW_TOPICS, VALIDATED, REJECTED, DECISIONS, PREDICTIONS_CHANGED)

MAX_RAW_BYTES: Final = 512 * 1024
"""Largest value of a raw record. The publisher refuses more, and validate rejects more."""

MAX_OUT_BYTES: Final = 2 * 1024 * 1024
"""Largest record that a worker writes. Above any raw record that a broker with Kafka's default limit (1 MiB)
accepts, so that a rejection, which carries the original bytes, always fits."""


def topic_of(event_type: str) -> str:
    """The raw topic of an event type; raises KeyError for an unknown one."""
    if event_type not in EVENT_TYPES:
        raise KeyError(event_type)
    return f"signals.{event_type}"


def event_type_of_label(label: str) -> str:
    """Map a label as files write it (``model_release``) to the event type (``model-release``)."""
    return label.replace("_", "-")
