"""The schemas as documents: one JSON Schema (2020-12) per model, and one AsyncAPI 3 document over all topics."""

from typing import Any, Final

from pydantic import BaseModel

from schemas.alerts import Alert
from schemas.decisions import Decision, Forecast
from schemas.envelope import CONTENT_TYPE, Envelope, event_type_name
from schemas.events import EVENTS
from schemas.signals import ValidatedSignal
from schemas.topics import DECISIONS, PREDICTIONS_CHANGED, REJECTED, VALIDATED, topic_of

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

OTHER_MODELS: Final[dict[str, type[BaseModel]]] = {
    "envelope": Envelope,
    "decision.v1": Decision,
    "decision.forecast.v1": Forecast,
    "validated-signal.v1": ValidatedSignal,
    "alert.v1": Alert,
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """File name without ending (``deal.v1``) to JSON Schema."""
    models = {f"{event.event_type}.v{event.version}": event for event in EVENTS} | OTHER_MODELS
    return {name: {"$schema": DIALECT, **model.model_json_schema(mode="validation")} for name, model in models.items()}


def asyncapi(version: str) -> dict[str, Any]:
    """The AsyncAPI 3.0 document: every topic, what stands on it, who reads and who writes it."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for event in EVENTS:
        name = f"{event.event_type}.v{event.version}"
        topic = topic_of(event.event_type)
        channels[topic] = _channel(topic, name, (event.__doc__ or "").strip(), _structured(name, event.event_type))
        operations[f"validate.reads.{event.event_type}"] = _operation("receive", topic)
    channels[VALIDATED] = _channel(
        VALIDATED, "validated-signal.v1", "Events that passed every check.", _plain("validated-signal.v1")
    )
    channels[REJECTED] = _channel(
        REJECTED,
        "rejection",
        "Inputs that were rejected: the original bytes; stage, rule and reason in __connect.errors.* headers.",
        {"contentType": "application/octet-stream", "payload": {"type": "string", "format": "binary"}},
    )
    channels[DECISIONS] = _channel(DECISIONS, "decision.v1", "What people decided.", _structured("decision.v1", None))
    forecast = {"name": "decision.forecast.v1", **_structured("decision.forecast.v1", "decision.forecast")}
    channels[DECISIONS]["messages"]["decision.forecast.v1"] = forecast
    channels[PREDICTIONS_CHANGED] = _channel(
        PREDICTIONS_CHANGED, "alert.v1", "Milestones of predictions, with their evidence.", _plain("alert.v1")
    )
    operations |= {
        "validate.writes.validated": _operation("send", VALIDATED),
        "validate.writes.rejected": _operation("send", REJECTED),
        "settle.reads.validated": _operation("receive", VALIDATED),
        "settle.reads.rejected": _operation("receive", REJECTED),
        "settle.reads.decisions": _operation("receive", DECISIONS),
        "settle.writes.changes": _operation("send", PREDICTIONS_CHANGED),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "dualtrack",
            "version": version,
            "description": "AI-industry signals: raw events in, validated and rejected records, prediction milestones.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
    }


def _channel(topic: str, message: str, description: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": description,
        "messages": {message: {"name": message, **body}},
    }


def _structured(schema: str, event_type: str | None) -> dict[str, Any]:
    """A CloudEvent in structured mode whose data follows that schema."""
    fixed = {"type": {"const": event_type_name(event_type)}} if event_type else {}
    return {
        "contentType": CONTENT_TYPE,
        "payload": {
            "allOf": [{"$ref": "./envelope.json"}],
            "type": "object",
            "required": ["data"],
            "properties": {**fixed, "data": {"$ref": f"./{schema}.json"}},
        },
    }


def _plain(schema: str) -> dict[str, Any]:
    return {"contentType": "application/json", "payload": {"$ref": f"./{schema}.json"}}


def _operation(action: str, topic: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}
