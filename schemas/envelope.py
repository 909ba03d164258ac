"""The CloudEvents 1.0 envelope that every event travels in, structured or binary.

Specification: CloudEvents 1.0.2, "Context Attributes" and the Kafka protocol binding.
"""

import re
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

CONTENT_TYPE: Final = "application/cloudevents+json"
TYPE_PATTERN: Final = re.compile(r"^ai\.dualtrack\.(?P<event>[a-z-]+)\.v(?P<version>[1-9][0-9]*)$")


class Envelope(BaseModel):
    """Who says it and when: the CloudEvents context attributes. Unknown attributes (extensions) are kept.

    ``(source, id)`` is the identity of an event: a second record with the same pair is a duplicate.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    specversion: Literal["1.0"] = Field(description="Version of CloudEvents; only 1.0 is read.")
    id: str = Field(min_length=1, max_length=512, description="Unique within the source.")
    source: str = Field(min_length=1, max_length=512, description="Who publishes it: a URI or a short name.")
    type: str = Field(description="ai.dualtrack.<event>.v<version>")
    time: AwareDatetime | None = Field(
        default=None, description="When the publisher learnt it, with a time zone; missing: the record's timestamp."
    )
    subject: str | None = Field(default=None, max_length=512)
    datacontenttype: str | None = None
    dataschema: str | None = None


class StructuredEvent(Envelope):
    """The structured mode: the envelope with the event under ``data``, as one JSON object."""

    data: dict[str, JsonValue]


def event_type_name(event: str, version: int = 1) -> str:
    """The CloudEvents ``type`` of an event: ``deal`` gives ``ai.dualtrack.deal.v1``."""
    return f"ai.dualtrack.{event}.v{version}"


def split_type(cloudevents_type: str) -> tuple[str, int] | None:
    """``ai.dualtrack.deal.v1`` gives ``("deal", 1)``; None when it has another form."""
    match = TYPE_PATTERN.match(cloudevents_type)
    return (match["event"], int(match["version"])) if match else None


Attributes = dict[str, Any]
"""Context attributes as they were received, extensions included, before they are checked."""
