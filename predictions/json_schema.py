"""The definition language as JSON Schema, so that an editor completes and checks it as one types.

Made from the models. What it refuses the models refuse too; they refuse more (names, windows, SQL): that is for `lint`.
"""

from typing import Any, Final

from predictions.criteria import Step
from predictions.definition import Definition
from predictions.parts import Threshold
from predictions.views import helper_views
from schemas.topics import EVENT_TYPES

FILE_NAME: Final = "prediction-definition.schema.json"

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TITLE: Final = "A prediction of dualtrack"
_NOT_TOLD: Final = frozenset({"title", "maxLength"})
"""Titles are made from names and say nothing; lengths are counted after spaces at the ends are left out."""


def definition_schema() -> dict[str, Any]:
    """The schema of a definition file."""
    schema: dict[str, Any] = _tidy(Definition.model_json_schema(by_alias=True))
    parts = schema["$defs"]
    for model in Threshold.__subclasses__():
        _threshold(parts[model.__name__])
    parts["Milestone"]["oneOf"] = [{"required": ["progress"]}, {"required": ["state"]}]
    parts["Criterion"] |= {"minProperties": 1, "maxProperties": 1}
    del parts[Step.__name__]["properties"]["within"]
    views = sorted([f"facts_{name.replace('-', '_')}" for name in EVENT_TYPES] + list(helper_views()))
    for part in parts.values():
        selected = part.get("properties", {}).get("from", {})
        if "pattern" in selected and part is not parts["Sql"]:
            # An editor offers the names; which there are is for the store to say.
            part["properties"]["from"] = {
                "anyOf": [{"enum": views}, {"type": "string", "pattern": selected.pop("pattern")}],
                "description": selected["description"],
            }
    # YAML reads a year as a number.
    made_on = schema["properties"]["made_on"]
    made_on["type"] = ["string", "integer"]
    return {"$schema": _DIALECT, "title": _TITLE, **schema}


def _threshold(part: dict[str, Any]) -> None:
    """Exactly one bound. Where others come in by ``<<``, null takes them back, and an editor sees the null."""
    bounds = ("at_least", "above", "below")
    for key in bounds:
        part["properties"][key]["type"] = ["number", "null"]
    part["oneOf"] = [{"required": [key], "properties": {key: {"type": "number"}}} for key in bounds]


def _tidy(value: Any, *, is_property_map: bool = False) -> Any:
    """Without what pydantic says about Python; optional keys are left out in a file, never null."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    if is_property_map:
        return {key: _tidy(item) for key, item in value.items()}
    found = {
        key: _tidy(item, is_property_map=key in ("properties", "$defs"))
        for key, item in value.items()
        if key not in _NOT_TOLD and item is not None
    }
    if "pattern" in found:
        # Spaces at the ends are left out before a value is looked at.
        found["pattern"] = f"^\\s*{found['pattern'].removeprefix('^').removesuffix('$')}\\s*$"
    choices = [item for item in found.pop("anyOf", []) if item != {"type": "null"}]
    if len(choices) == 1:
        return {**choices[0], **found}
    return {**found, "anyOf": choices} if choices else found
