"""The publisher SDK on the embedded broker: what arrives is what was sent, and what is wrong is refused before."""

import json
import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import confluent_kafka
import pytest
from kafka.errors import KafkaError

from dualtrack.broker.embedded import EmbeddedBroker
from publishers.sdk import (
    CONNECT_SECONDS,
    EventRefused,
    NotDelivered,
    Publisher,
    PublishError,
    content_id,
    partition_key,
)
from schemas.envelope import CONTENT_TYPE
from schemas.topics import DECISIONS, MAX_RAW_BYTES, RAW_TOPICS
from tests.factories import make_event

WHEN = datetime(2026, 4, 17, 9, 30, tzinfo=UTC)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(i_know_it_forgets=True) as running:
        running.create_topics(RAW_TOPICS)
        yield running


@pytest.fixture
def publisher(broker: EmbeddedBroker) -> Iterator[Publisher]:
    with Publisher(broker.bootstrap_servers, "my-desk", embedded=True, timeout_s=10) as opened:
        yield opened


def read_all(broker: EmbeddedBroker, count: int) -> list[Any]:
    """Every record on the raw topics and that of decisions, of which there should be so many."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "test"})
    try:
        places = [(topic, number) for topic in (*RAW_TOPICS, DECISIONS) for number in range(broker.partitions)]
        consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for topic, number in places])
        found = list(consumer.consume(count, timeout=10))
        return found + list(consumer.consume(1, timeout=0.2))
    finally:
        consumer.close()


def body(**fields: Any) -> dict[str, Any]:
    """A valid CloudEvent; ``fields`` replace or add to the event's own."""
    data = make_event("deal").model_dump(mode="json", exclude_unset=True)
    envelope = {"specversion": "1.0", "id": "one", "source": "tests", "type": "ai.dualtrack.deal.v1"}
    return {**envelope, "time": WHEN.isoformat(), "data": {**data, **fields}}


def test_a_typed_event_arrives_as_a_cloudevent_under_its_first_organisation(
    broker: EmbeddedBroker, publisher: Publisher
) -> None:
    sent = publisher.send(make_event("deal"), time=WHEN)
    assert publisher.flush() == 1
    (record,) = read_all(broker, 1)
    assert (sent.source, sent.topic) == ("my-desk", "signals.deal")
    assert (record.topic(), record.key()) == ("signals.deal", b"openai")
    assert record.headers() == [("content-type", CONTENT_TYPE.encode())]
    arrived = json.loads(record.value())
    assert arrived == {
        "specversion": "1.0",
        "type": "ai.dualtrack.deal.v1",
        "source": "my-desk",
        "id": sent.id,
        "time": "2026-04-17T09:30:00+00:00",
        "data": make_event("deal").model_dump(mode="json", exclude_unset=True),
    }


def test_every_type_goes_to_its_topic(broker: EmbeddedBroker, publisher: Publisher) -> None:
    for topic in RAW_TOPICS:
        assert publisher.send(make_event(topic.removeprefix("signals."))).topic == topic
    publisher.flush()
    assert sorted(record.topic() for record in read_all(broker, len(RAW_TOPICS))) == sorted(RAW_TOPICS)


def test_an_identity_follows_from_the_content(publisher: Publisher) -> None:
    first, again, other = (publisher.send(make_event("deal", title=title)) for title in ("A", "A", "B"))
    assert first.id == again.id != other.id
    assert publisher.send(make_event("deal", title="A"), id="mine").id == "mine"
    # It is the same in every process and every release: a retry after an upgrade is still a duplicate.
    assert content_id("deal", {"title": "A", "b": 1}) == content_id("deal", {"b": 1, "title": "A"})
    assert content_id("deal", {"title": "A"}) == "bb23cf744e2cfc92010d34f0b2c7c71a"


def test_without_an_organisation_the_source_is_the_key() -> None:
    assert partition_key(make_event("policy"), "my-desk") == b"my-desk"
    assert partition_key(make_event("deal"), "my-desk") == b"openai"


def test_a_structured_event_and_json_arrive_as_they_are(broker: EmbeddedBroker, publisher: Publisher) -> None:
    structured = body(unknown_field={"kept": True})
    publisher.send_structured(structured)
    text = json.dumps({**structured, "id": "two", "traceparent": "x"}, indent=1)
    publisher.send_json(f" {text}\n")
    publisher.flush()
    first, second = sorted(read_all(broker, 2), key=lambda record: str(json.loads(record.value())["id"]))
    assert json.loads(first.value()) == structured
    assert second.value() == text.encode()
    assert {first.key(), second.key()} == {b"openai"}


def test_raw_bytes_arrive_byte_for_byte(broker: EmbeddedBroker, publisher: Publisher) -> None:
    publisher.send_raw("signals.deal", b"\xff\x00", key=b"k", headers=(("a", b"1"), ("a", b"2")))
    publisher.send_raw("signals.deal", b"")
    publisher.send_raw("signals.deal", None, key=b"tombstone")
    with pytest.raises(EventRefused, match="neither key nor value"):
        publisher.send_raw("signals.deal", None)
    assert publisher.flush() == 3
    found = {record.key(): (record.value(), record.headers()) for record in read_all(broker, 3)}
    assert found[b"k"] == (b"\xff\x00", [("a", b"1"), ("a", b"2")])
    assert found[None][0] == b""
    assert found[b"tombstone"][0] is None


@pytest.mark.parametrize("over", [0, 1])
def test_a_message_just_within_the_limit_is_sent_and_one_just_over_it_refused(
    broker: EmbeddedBroker, publisher: Publisher, over: int
) -> None:
    size = MAX_RAW_BYTES + over
    text = json.dumps(body(padding="x" * (size - len(json.dumps(body(padding=""))))))
    assert len(text) == size
    if over:
        with pytest.raises(EventRefused, match=r"tests#one: 524,289 bytes; at most 524,288 are accepted: shorten"):
            publisher.send_json(text)
        with pytest.raises(EventRefused, match="at most 524,288"):
            publisher.send_raw("signals.deal", text.encode())
    else:
        publisher.send_json(text)
        publisher.send_raw("signals.deal", text.encode())
    assert publisher.flush() == (0 if over else 2)
    if not over:
        assert [len(record.value()) for record in read_all(broker, 2)] == [size, size]


def without(name: str) -> dict[str, Any]:
    """The valid CloudEvent, without an attribute."""
    return {key: value for key, value in body().items() if key != name}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (without("id"), r"^id: Field required$"),
        (without("data"), r"^data: Field required$"),
        ({**body(), "id": 5}, r"^id: Input should be a valid string$"),
        ({**body(), "specversion": "0.3"}, r"^specversion: Input should be '1.0'$"),
        ({**body(), "time": "2026-04-17T09:30:00"}, r"^time: Input should have timezone info$"),
        ({**body(), "type": "ai.dualtrack.rumour.v1"}, r"^type 'ai.dualtrack.rumour.v1' is not known; known types: ai"),
        ({**body(), "type": "ai.dualtrack.deal.v9"}, r"^type 'ai.dualtrack.deal.v9' is not known"),
        ({**body(), "data": []}, r"^data: Input should be a valid dictionary$"),
        (body(title=""), r"^data.title: String should have at least 1 character$"),
        (body(occurred_on="soon"), r"^data.occurred_on: Value error, 'soon' is no date"),
        (body(parties=[{"name": 7, "role": "x"}]), r"^data.parties.0.name: Input should be a valid string"),
        (body(padding=math.nan), r"NaN or infinite"),
        (body(padding=object()), r"^data\.padding"),
    ],
)
def test_a_wrong_event_is_refused_with_the_field_named(
    broker: EmbeddedBroker, publisher: Publisher, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(EventRefused, match=told):
        publisher.send_structured(wrong)
    assert publisher.flush() == 0


def test_many_errors_are_told_in_part(publisher: Publisher) -> None:
    parties = [{"name": number, "role": "x"} for number in range(9)]
    with pytest.raises(EventRefused, match=r"data.parties.4.name: .*; and 5 more$"):
        publisher.send_structured(body(parties=parties))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "a JSON object is needed"),
        (b"\xff{}", "byte 0 is not UTF-8"),
        (json.dumps(body(capacity_gw=math.nan)), "has no NaN"),
    ],
)
def test_text_that_is_no_event_is_refused(publisher: Publisher, text: str | bytes, told: str) -> None:
    with pytest.raises(EventRefused, match=told):
        publisher.send_json(text)


def test_what_a_typed_event_cannot_say_is_refused_too(publisher: Publisher) -> None:
    with pytest.raises(EventRefused, match="time: Input should have timezone info"):
        publisher.send(make_event("deal"), time=datetime(2026, 4, 17))  # noqa: DTZ001 - that is the mistake
    # Made without being checked, as a careless publisher may.
    careless = make_event("deal").model_copy(update={"title": ""})
    with pytest.raises(EventRefused, match=r"data.title: String should have at least 1 character"):
        publisher.send(careless)


def test_leaving_the_block_waits_for_every_confirmation(broker: EmbeddedBroker) -> None:
    with Publisher(broker.bootstrap_servers, "my-desk", embedded=True, options={"linger_ms": 300}) as publisher:
        for number in range(50):
            publisher.send(make_event("deal", title=str(number)))
    assert len(read_all(broker, 50)) == 50


def test_ctrl_c_does_not_wait_for_a_broker(broker: EmbeddedBroker) -> None:
    def interrupted() -> None:
        slow = {"linger_ms": 20_000, "delivery_timeout_ms": 60_000}
        with Publisher(broker.bootstrap_servers, "my-desk", embedded=True, options=slow) as publisher:
            publisher.send(make_event("deal"))
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - started < 5


def test_a_broker_that_goes_away_is_a_clear_error(broker: EmbeddedBroker) -> None:
    publisher = Publisher(broker.bootstrap_servers, "my-desk", embedded=True, timeout_s=2)
    publisher.send(make_event("deal", title="arrives"))
    assert publisher.flush() == 1
    broker.stop()
    started = time.monotonic()
    publisher.send(make_event("deal"), id="one")
    publisher.send(make_event("deal"), id="two")
    with pytest.raises(NotDelivered, match=r"did not confirm my-desk#one on signals.deal .*again is safe; nor 1"):
        publisher.flush()
    publisher.close()
    assert time.monotonic() - started < 10


def test_without_a_broker_there_is_a_clear_error_in_ten_seconds() -> None:
    assert CONNECT_SECONDS < 10
    started = time.monotonic()
    with pytest.raises(PublishError, match=r"no Kafka answers at 127.0.0.1:1 .*dualtrack up --embedded"):
        Publisher("127.0.0.1:1", "my-desk", options={"bootstrap_timeout_ms": 1_000})
    with pytest.raises(PublishError, match=r"the try-out broker at 127.0.0.1:1 has ended"):
        Publisher("127.0.0.1:1", "my-desk", embedded=True)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("address", ["", ",", "::::", "localhost:kafka", "localhost"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(PublishError, match=r"is no address.*write host:port,host:port"):
        Publisher(address, "my-desk", embedded=True)


def test_faults_have_one_family() -> None:
    assert issubclass(EventRefused, PublishError)
    assert issubclass(NotDelivered, PublishError)
    assert not issubclass(PublishError, KafkaError)


def decision(**data: Any) -> dict[str, Any]:
    fields = {"by": "ada", "prediction": "P1a", "outcome": "met", **data}
    return body() | {"type": "ai.dualtrack.decision.resolve.v1", "id": "d1", "data": fields}


def test_a_decision_goes_to_its_topic_under_its_prediction(broker: EmbeddedBroker, publisher: Publisher) -> None:
    sent = publisher.send_json(json.dumps(decision()))
    publisher.flush()
    assert sent.topic == "decisions"
    assert [(message.topic(), message.key()) for message in read_all(broker, 1)] == [("decisions", b"p1a")]


def test_a_wrong_decision_is_refused_with_the_field_named(publisher: Publisher) -> None:
    with pytest.raises(EventRefused, match=r"data\.outcome: Input should be"):
        publisher.send_structured(decision(outcome="won"))
    forecast = decision() | {"type": "ai.dualtrack.decision.forecast.v1"}
    with pytest.raises(EventRefused, match=r"data\.probability: Field required"):
        publisher.send_structured(forecast)
    with pytest.raises(EventRefused, match=r"ai\.dualtrack\.decision\.resolve\.v1"):
        publisher.send_structured(decision() | {"type": "ai.dualtrack.decision.guess.v1"})
