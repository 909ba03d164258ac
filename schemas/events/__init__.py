"""The event types, each in a file of its own; EVENTS is the one list of them."""

from typing import Final

from schemas.events.base import Event
from schemas.events.benchmark import Benchmark
from schemas.events.deal import Deal
from schemas.events.funding import Funding
from schemas.events.headline import Headline
from schemas.events.incident import Incident
from schemas.events.metric import Metric
from schemas.events.model_release import ModelRelease
from schemas.events.policy import Policy

EVENTS: Final[tuple[type[Event], ...]] = (
    Deal,
    ModelRelease,
    Benchmark,
    Funding,
    Metric,
    Incident,
    Policy,
    Headline,
)

BY_TYPE: Final[dict[tuple[str, int], type[Event]]] = {(event.event_type, event.version): event for event in EVENTS}
"""(event type, version) to model; a new version of a type is a new row."""

__all__ = [
    "BY_TYPE",
    "EVENTS",
    "Benchmark",
    "Deal",
    "Event",
    "Funding",
    "Headline",
    "Incident",
    "Metric",
    "ModelRelease",
    "Policy",
]
