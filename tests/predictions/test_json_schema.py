"""The JSON Schema takes what we ship, and what it refuses the models refuse too."""

import copy
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from predictions.definition import Definition
from predictions.json_schema import FILE_NAME, definition_schema
from predictions.load import FOLDER
from predictions.parts import FROM_A_FILE
from predictions.yaml_tree import read_tree

OURS = sorted(FOLDER.rglob("*.yaml"))
TREES = [read_tree(file.read_text("utf-8")).value for file in OURS]
SCHEMA = jsonschema.Draft202012Validator(definition_schema())


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(definition_schema())


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.stem)
def test_ours_fit_and_name_it_for_editors(file: Any) -> None:
    text = file.read_text("utf-8")
    SCHEMA.validate(read_tree(text).value)
    comment, _, path = text.splitlines()[0].partition("=")
    assert comment == "# yaml-language-server: $schema"
    assert (file.parent / path).resolve() == FOLDER.parents[1] / "schemas" / "json" / FILE_NAME
    assert (file.parent / path).is_file()


def test_every_key_is_described() -> None:
    schema = definition_schema()
    parts = {"Definition": schema, **schema["$defs"]}
    assert [
        f"{name}.{key}"
        for name, part in parts.items()
        for key, item in part["properties"].items()
        if not item.get("description")
    ] == []


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Of everything in a tree, conditions that are named by the author left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in ((*path, key), *places(item, (*path, key)))]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 3000),
    st.floats(allow_nan=False),
    st.sampled_from(["", "x", "X y", "2026", "2026-04", "2026-04-17", "2026-Q5", "met", "any", "1", "a" * 201]),
    st.sampled_from(
        [[], {}, ["firm"], [{}], {"words": "x"}, {"exists": {"from": "facts_deal"}}, {"from": "2026-01-01"}]
    ),
).map(copy.deepcopy)  # What is drawn is changed further: without a copy, for all later examples.


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_what_the_schema_refuses_the_models_refuse(data: st.DataObject) -> None:
    tree = copy.deepcopy(data.draw(st.sampled_from(TREES)))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(tree)))
        parent = tree
        for key in path[:-1]:
            parent = parent[key]
        match data.draw(st.sampled_from(["replace", "drop", "add"])):
            case "replace":
                parent[path[-1]] = data.draw(VALUES)
            case "drop":
                del parent[path[-1]]
            case _ if isinstance(parent, dict):
                parent[data.draw(st.sampled_from(["within", "of", "at_least", "below", "form", "exists", "state"]))] = (
                    data.draw(VALUES)
                )
            case _:
                parent.append(data.draw(VALUES))
        if not places(tree):
            break
    if not SCHEMA.is_valid(tree):
        with pytest.raises(ValidationError):
            Definition.model_validate(json.loads(json.dumps(tree)), context=FROM_A_FILE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("deadlines",), "2027-01-01"),
        (("readings", 0, "deadline"), 20270101),
        (("readings", 0, "criterion"), {}),
        (("readings", 0, "criterion"), {"exists": {"from": "facts_deal"}, "any_of": []}),
        (("readings", 0, "criterion"), {"count_distinct": {"from": "facts_deal", "of": "a"}}),
        (("readings", 0, "criterion"), {"count_distinct": {"from": "facts_deal", "of": "a", "above": 1, "below": 2}}),
        (("readings", 0, "milestones"), [{"name": "a"}]),
        (("readings", 0, "milestones"), [{"name": "a", "progress": 2}]),
        (("conditions", "firm"), {"sql": "a"}),
        (("version",), "1"),
        (("version",), 0),
        (("near_miss",), {"allow_unknown": "yes"}),
        (("made_on",), "spring"),
    ],
)
def test_it_refuses(path: tuple[str | int, ...], value: Any) -> None:
    tree = copy.deepcopy(TREES[0])
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    assert not SCHEMA.is_valid(tree)
    with pytest.raises(ValidationError):
        Definition.model_validate(tree, context=FROM_A_FILE)


def test_a_year_is_a_number_in_yaml() -> None:
    tree = {**read_tree((FOLDER / "p1a_imitators.yaml").read_text("utf-8")).value, "made_on": 2026}
    SCHEMA.validate(tree)
    assert Definition.model_validate(tree).made_on.last.year == 2026
