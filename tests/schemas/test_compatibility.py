"""A new version must read every event that an older one read."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.compatibility import breaks
from schemas.events import BY_TYPE, EVENTS
from schemas.export import json_schemas

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event_type)
def test_events_of_every_released_version_are_still_read(event: Any) -> None:
    lines = (GOLDEN / f"{event.event_type}.v{event.version}.jsonl").read_text("utf-8").splitlines()
    assert lines
    for line in lines:
        written = json.loads(line)
        read = BY_TYPE[(event.event_type, event.version)].model_validate(written)
        kept = json.loads(read.model_dump_json(exclude_unset=True))
        assert kept.keys() == written.keys(), "a field was dropped"


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_the_schemas_of_today_read_what_the_released_ones_read(name: str) -> None:
    released = json.loads((GOLDEN / f"{name}.schema.json").read_text("utf-8"))
    assert breaks(released, json_schemas()[name]) == []


DEAL = json_schemas()["deal.v1"]


def changed(change: Any) -> dict[str, Any]:
    schema = copy.deepcopy(DEAL)
    change(schema)
    return schema


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda s: s["required"].append("amount"), "amount: is now required"),
        (lambda s: s["$defs"]["DealKind"]["enum"].remove("cloud"), "no longer accepts cloud"),
        (lambda s: s["properties"]["title"].update(minLength=5), "minLength"),
        (lambda s: s["properties"]["title"].update(type="integer"), "type was string"),
        (lambda s: s.update(additionalProperties=False), "unknown fields"),
        (lambda s: s["$defs"]["Party"]["required"].append("share"), "share: is now required"),
        (lambda s: s["$defs"]["Money"]["properties"]["currency"].update(pattern="^[A-Z]{4}$"), "pattern"),
    ],
)
def test_a_change_that_would_break_a_publisher_is_found(change: Any, found: str) -> None:
    assert any(found in trouble for trouble in breaks(DEAL, changed(change)))


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["properties"].update(note={"type": "string"}),
        lambda s: s["$defs"]["DealKind"]["enum"].append("barter"),
        lambda s: s["required"].remove("title"),
    ],
)
def test_a_change_that_only_widens_is_compatible(change: Any) -> None:
    assert breaks(DEAL, changed(change)) == []
