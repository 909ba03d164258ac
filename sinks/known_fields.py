"""The fields of an event that the views read out of its JSON: those that its models know, and nothing else.

They are bounded by the models (names have 300 characters, lists some hundred items), whatever a publisher adds beside
them. ``events.data`` keeps everything.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from schemas.events import EVENTS, Event
from sinks.view_columns import Shape, shape_of, unwrapped


def known_fields(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the type adds to the common ones, as they were sent; those of all its versions together."""
    return {name: _pruned(data[name], shape) for name, shape in _shapes(event_type).items() if name in data}


@cache
def _shapes(event_type: str) -> Mapping[str, Shape]:
    found: dict[str, Shape] = {}
    for model in EVENTS:
        if model.event_type == event_type:
            own = {name: info for name, info in model.model_fields.items() if name not in Event.model_fields}
            found |= {name: shape_of(unwrapped(info)[0]) for name, info in own.items()}
    return found


def _pruned(value: Any, shape: Shape) -> Any:
    if isinstance(shape, dict) and isinstance(value, Mapping):
        return {name: _pruned(value[name], inner) for name, inner in shape.items() if name in value}
    if isinstance(shape, list) and isinstance(value, list | tuple):
        return [_pruned(item, shape[0]) for item in value]
    return value
