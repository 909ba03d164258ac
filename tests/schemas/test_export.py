"""The generated schemas: fresh, valid, and true to the models."""

import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from dualtrack.schema_files import COMMITTED, schema_files, stale_schemas
from schemas.export import json_schemas
from schemas.topics import ALL_TOPICS


def test_the_committed_schemas_are_fresh() -> None:
    assert stale_schemas() == [], "run `make schemas`"


def test_a_stale_a_missing_and_a_superfluous_file_are_found(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    for name, content in schema_files().items():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "deal.v1.json").write_text("{}")
    (folder / "metric.v1.json").unlink()
    (folder / "barter.v1.json").write_text("{}")
    assert stale_schemas(folder) == ["barter.v1.json", "deal.v1.json", "metric.v1.json"]


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_each_is_a_valid_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((COMMITTED / f"{name}.json").read_text("utf-8")))


def test_the_asyncapi_document_has_every_topic_and_its_references_lead_somewhere() -> None:
    document = YAML(typ="safe").load((COMMITTED / "asyncapi.yaml").read_text("utf-8"))
    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == set(ALL_TOPICS)
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in document["channels"]
    references = [part.split("'")[0] for part in str(document).split("'$ref': './")[1:]]
    assert references
    assert all((COMMITTED / reference).is_file() for reference in references)
