"""Events and decisions by their identity, with who said it and where it came from."""

from typing import Any

from predictions.citations import citations, cited, identities_in
from tests.predictions.world import START, make_world


def test_events_and_decisions_are_found_by_identity_and_others_are_left_out() -> None:
    world = make_world()
    world.event("funding", "A", "2026-05", company="A", status="signed")
    world.connection.execute("UPDATE events SET publisher = 'Bloomberg', origin = 'a filing'")
    world.resolve("test", None, "met")
    found = citations(world.connection, [("test", "A"), ("test", "decision-2"), ("test", "none")])
    event, decision = found["test", "A"], found["test", "decision-2"]
    assert len(found) == 2
    assert (event["publisher"], event["origin"], event["status"]) == ("Bloomberg", "a filing", "signed")
    assert (event["topic"], event["partition"], event["offset"]) == ("signals.funding", 0, 1)
    assert event["known_at"] > START
    assert decision["title"] == "Ada: resolve as met"
    assert citations(world.connection, []) == {}


def test_what_an_item_says_itself_stays_and_its_further_events_are_cited_too() -> None:
    item = {"source": "s", "id": "a", "title": "as it was", "url": None, "also": [{"source": "s", "id": "b"}]}
    known: dict[tuple[str, str], dict[str, Any]] = {("s", "a"): {"title": "as it is", "url": "https://a"}}
    known["s", "b"] = {"title": "b", "offset": 7}
    assert identities_in([item, None]) == {("s", "a"), ("s", "b")}
    whole = cited(item, known)
    assert (whole["title"], whole["url"]) == ("as it was", "https://a")
    assert whole["also"] == [{"source": "s", "id": "b", "title": "b", "offset": 7}]
    assert cited({"source": "s", "id": "c"}, known) == {"source": "s", "id": "c"}
