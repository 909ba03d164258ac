"""What the views read of an event: the fields of its models, and nothing that a publisher added."""

import json

import pytest
from pydantic_core import from_json

from schemas.events import EVENTS, Event
from sinks.arrow_rows import json_text
from sinks.duckdb_sink import DuckDBSink
from sinks.known_fields import known_fields
from tests.sinks.builders import DATA, LANDED_AT, arrived, batch


def test_what_no_model_knows_is_left_out_at_any_depth() -> None:
    data = {
        "title": "common",
        "kind": "licence",
        "parties": [{"name": "Acme", "role": "buyer", "padding": "x" * 1000}, {"name": "Chip Co", "role": "seller"}],
        "amount": {"value": 1, "currency": "USD", "more": [1]},
        "padding": "x" * 1000,
    }
    assert known_fields("deal", data) == {
        "kind": "licence",
        "parties": [{"name": "Acme", "role": "buyer"}, {"name": "Chip Co", "role": "seller"}],
        "amount": {"value": 1, "currency": "USD"},
    }


@pytest.mark.parametrize("model", EVENTS, ids=lambda model: f"{model.event_type}-{model.version}")
def test_every_own_field_of_every_model_is_kept(model: type[Event]) -> None:
    own = {name for name in model.model_fields if name not in Event.model_fields}
    assert known_fields(model.event_type, dict.fromkeys(model.model_fields)).keys() >= own


def test_a_store_of_large_events_is_read_in_little_memory(sink: DuckDBSink) -> None:
    """Where the views read the events whole, this took ten times their size: over a gigabyte."""
    padding = "x" * 400_000
    for start in range(0, 300, 50):
        with sink.transaction() as transaction:
            found = [arrived(number, padding=padding) for number in range(start, start + 50)]
            transaction.land(batch(*found), LANDED_AT)
    with sink.reader() as connection:
        connection.execute("SET memory_limit = '400MB'")
        assert connection.execute("SELECT count(*), any_value(parties) FROM deals WHERE kind LIKE 'c%'").fetchall() == [
            (
                300,
                DATA["deal"]["parties"]
                and [{"name": "Acme AI", "role": "buyer"}, {"name": "Chip Co", "role": "supplier"}],
            )
        ]
        kept = connection.execute("SELECT data FROM events LIMIT 1").fetchall()[0][0]
    assert from_json(kept)["padding"] == padding
    assert len(json_text(known_fields("deal", json.loads(kept)))) < 1000
