"""What people decide, as CloudEvents: for the topic ``decisions``, or as lines of a file that ``load`` reads.

with Publisher("localhost:9092", source="my-desk") as publisher:
    publisher.send_structured(forecast_event(Forecast(...)))
"""

from datetime import UTC, datetime
from typing import Any, Final

from publishers.sdk import content_id
from schemas.decisions import Decision, DecisionKind, Forecast, decision_type

SOURCE: Final = "dualtrack-decisions"
"""One for all commands: the identity of a forecast does not depend on who imports it, or from where."""

_SAYS_THE_SAME: Final = ("prediction", "reading", "forecaster", "probability", "made_at")


def forecast_event(forecast: Forecast, sent_at: datetime | None = None) -> dict[str, Any]:
    """A forecast. Its identity follows from who holds what about which reading, and since when: sent or imported twice,
    it lands once."""
    at_utc = forecast.model_copy(update={"made_at": forecast.made_at.astimezone(UTC)})
    data = at_utc.model_dump(mode="json", exclude_none=True)
    id = content_id(DecisionKind.FORECAST, {name: data[name] for name in _SAYS_THE_SAME})
    return _event(DecisionKind.FORECAST, id, data, sent_at)


def resolution_event(decision: Decision, sent_at: datetime | None = None) -> dict[str, Any]:
    """A resolution. Its identity holds its time, too: what was resolved, taken back and resolved again are three."""
    return dated_event(DecisionKind.RESOLVE, decision, sent_at)


def dated_event(kind: DecisionKind, decision: Decision, sent_at: datetime | None = None) -> dict[str, Any]:
    """A decision of any kind whose identity holds its time: to decide the same once more is another decision."""
    now = sent_at or datetime.now(UTC)
    data = decision.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    id = content_id(kind, {**data, "time": now.isoformat()})
    return _event(kind, id, data, now)


def _event(kind: DecisionKind, id: str, data: dict[str, Any], sent_at: datetime | None) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": decision_type(kind),
        "source": SOURCE,
        "id": id,
        "time": (sent_at or datetime.now(UTC)).isoformat(),
        "data": data,
    }
