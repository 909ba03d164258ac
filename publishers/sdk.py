"""The publisher SDK: typed events in, confirmed records on the raw topics out (kafka-python).

    with Publisher("localhost:9092", source="my-desk") as publisher:
        publisher.send(Deal(title=..., occurred_on=..., kind="cloud", parties=[...]))

``send`` checks before it sends; leaving the block waits until Kafka has confirmed every event.
"""

import hashlib
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from publishers.connecting import failures_kept, told
from schemas.decisions import Decision, DecisionKind, decision_model, decision_type, kind_of_type
from schemas.envelope import CONTENT_TYPE, StructuredEvent, event_type_name, split_type
from schemas.events import BY_TYPE, Event
from schemas.topics import DECISIONS, EVENT_TYPES, MAX_RAW_BYTES, topic_of

CONNECT_SECONDS: Final = 8.0
"""Longest wait for a broker to answer at all."""

_MOST_ERRORS_TOLD: Final = 5

_MOST_WAITING: Final = 10_000
"""Events on their way before ``send`` waits for their confirmation: bounds memory."""


class PublishError(Exception):
    """An event was not published; the message says which and why."""


class EventRefused(PublishError):
    """An event was refused before it was sent: it is wrong, or too large."""


class NotDelivered(PublishError):
    """Kafka did not confirm an event in time. Sending it again is safe: its identity stays the same."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An event on its way: its identity and where it will stand."""

    source: str
    id: str
    topic: str


class Publisher:
    """Publishes events with identities that do not change on a retry. Delivery guarantee: at least once.

    Use as a context manager. Not safe to share between threads.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        source: str,
        *,
        embedded: bool = False,
        timeout_s: float = 30.0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Connect; raises PublishError that says what to do when no broker answers.

        Args:
            bootstrap_servers: ``host:port,host:port``.
            source: the CloudEvents source of events that are sent without an envelope.
            embedded: the broker is dualtrack's try-out broker, which knows neither idempotence nor newer versions.
            timeout_s: longest wait for a confirmation, seconds.
            options: further settings of kafka-python's producer, TLS and SASL among them.
        """
        servers = [server.strip() for server in bootstrap_servers.split(",") if server.strip()]
        if not servers:
            raise PublishError(f"{bootstrap_servers!r} is no address: write host:port,host:port")
        try_out = {"api_version": (2, 0), "enable_idempotence": False} if embedded else {}
        wait_ms = int(timeout_s * 1000)
        settings: dict[str, Any] = {
            "acks": "all",
            "linger_ms": 5,
            "max_request_size": MAX_RAW_BYTES + 64 * 1024,
            "bootstrap_timeout_ms": int(CONNECT_SECONDS * 1000),
            "max_block_ms": wait_ms,
            "delivery_timeout_ms": wait_ms,
            # kafka-python wants it below the delivery timeout.
            "request_timeout_ms": max(wait_ms // 3, 1),
        }
        try:
            with failures_kept() as failures:
                if embedded:
                    # With its version given, kafka-python does not ask the broker anything before the first event.
                    _knock(servers)
                self._producer = KafkaProducer(bootstrap_servers=servers, **{**settings, **try_out, **(options or {})})
        except (KafkaError, OSError) as error:
            why = told(failures, error, sasl="sasl_mechanism" in (options or {}))
            raise PublishError(_no_broker(bootstrap_servers, why, embedded=embedded)) from None
        except ValueError as error:
            raise PublishError(f"{bootstrap_servers!r} is no address ({error}): write host:port,host:port") from None
        self._source = source
        self._timeout_s = timeout_s
        self._waiting: list[tuple[Sent, Any]] = []

    def send(self, event: Event, *, id: str | None = None, time: datetime | None = None) -> Sent:
        """Send one event. Without ``id`` it is derived from the content, so that a retry is a duplicate.

        Raises EventRefused when the event is too large.
        """
        data = event.model_dump(mode="json", exclude_unset=True)
        body: dict[str, Any] = {
            "specversion": "1.0",
            "type": event_type_name(event.event_type, event.version),
            "source": self._source,
            "id": id or content_id(event.event_type, data),
            "time": (time or datetime.now(UTC)).isoformat(),
            "data": data,
        }
        _checked(body)
        return self._send_checked(event, body, _as_json(body))

    def send_structured(self, body: Mapping[str, Any]) -> Sent:
        """Send an event that is a CloudEvent already; raises EventRefused that names each wrong field."""
        return self._send_checked(_checked(body), body, _as_json(body))

    def send_json(self, text: bytes | str) -> Sent:
        """Send a CloudEvent that is JSON already, as it is; raises EventRefused that says what is wrong with it."""
        value = text.encode() if isinstance(text, str) else text
        try:
            body = from_json(value.decode(), allow_inf_nan=False)
        except UnicodeDecodeError as error:
            raise EventRefused(f"byte {error.start} is not UTF-8: send JSON encoded as UTF-8") from None
        except ValueError as error:
            raise EventRefused(f"not JSON (RFC 8259 has no NaN and no Infinity): {error}") from None
        if not isinstance(body, dict):
            raise EventRefused("a JSON object is needed: a CloudEvent with specversion, id, source, type and data")
        return self._send_checked(_checked(body), body, value.strip())

    def send_raw(
        self, topic: str, value: bytes | None, *, key: bytes | None = None, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> None:
        """Send bytes as they are, unchecked but for their size: for replays, and for trying out bad input."""
        if value is not None and len(value) > MAX_RAW_BYTES:
            raise EventRefused(_too_large(len(value)))
        if value is None and key is None:
            raise EventRefused("neither key nor value: kafka-python sends no such record")
        self._hand_over(Sent(self._source, "(raw)", topic), value, key, list(headers))

    def flush(self) -> int:
        """Wait until every event is confirmed; returns how many were. Raises NotDelivered for the first that is not."""
        waiting, self._waiting = self._waiting, []
        # What did not get out in time is told below.
        with suppress(KafkaError):
            self._producer.flush(timeout=self._timeout_s)
        open_ones = [(sent, future) for sent, future in waiting if not future.succeeded()]
        if open_ones:
            sent, future = open_ones[0]
            more = f"; nor {len(open_ones) - 1:,} others" if len(open_ones) > 1 else ""
            why = future.exception or f"no answer in {self._timeout_s:.0f} s"
            raise NotDelivered(_not_delivered(sent, why) + more)
        return len(waiting)

    def close(self) -> None:
        """Confirm what is on its way and close the connection."""
        try:
            self.flush()
        except BaseException:
            self._abandon()
            raise
        self._producer.close(timeout=self._timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            # Ctrl-C and the like: whoever asks for the end does not want to wait for a broker.
            self._abandon()
        else:
            self.close()

    def _abandon(self) -> None:
        """Close the connection at once, whatever is on its way."""
        # kafka-python's close() waits for that first, then raises and stays open, and says so again at exit.
        self._producer._sender.force_close()
        with suppress(KafkaError):
            self._producer.close(timeout=1)

    def _send_checked(self, event: Event | Decision, body: Mapping[str, Any], value: bytes) -> Sent:
        if len(value) > MAX_RAW_BYTES:
            raise EventRefused(f"{body['source']}#{body['id']}: {_too_large(len(value))}")
        topic = DECISIONS if isinstance(event, Decision) else topic_of(event.event_type)
        sent = Sent(str(body["source"]), str(body["id"]), topic)
        headers = [("content-type", CONTENT_TYPE.encode())]
        self._hand_over(sent, value, partition_key(event, sent.source), headers)
        return sent

    def _hand_over(self, sent: Sent, value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        try:
            future = self._producer.send(sent.topic, value=value, key=key, headers=headers)
        except KafkaError as error:
            raise NotDelivered(_not_delivered(sent, error)) from error
        self._waiting.append((sent, future))
        if len(self._waiting) >= _MOST_WAITING:
            self.flush()


def partition_key(event: Event | Decision, source: str) -> bytes:
    """First organisation of the event, else its source: what is about one, or about a prediction, stays in order."""
    names = (event.prediction,) if isinstance(event, Decision) else event.named_orgs()
    return (names[0].casefold() if names and names[0] else source).encode()


def content_id(event_type: str, data: Mapping[str, Any]) -> str:
    """An identity that follows from the content: the first 32 hex digits of its SHA-256."""
    canonical = json.dumps([event_type, data], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def _checked(body: Mapping[str, Any]) -> Event | Decision:
    """The event or decision in a CloudEvent; raises EventRefused that names each wrong field."""
    try:
        envelope = StructuredEvent.model_validate(dict(body))
        kind = kind_of_type(envelope.type)
        if kind is not None:
            return decision_model(kind).model_validate(envelope.data)
        named = split_type(envelope.type)
        model = BY_TYPE.get(named) if named else None
        if model is None:
            known = ", ".join((*map(event_type_name, EVENT_TYPES), *map(decision_type, DecisionKind)))
            raise EventRefused(f"type {envelope.type!r} is not known; known types: {known}")
        return model.model_validate(envelope.data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        # Where a field takes a string or an object of Python, what is wrong with the string says it all.
        details = [item for item in details if item["type"] != "is_instance_of"] or details
        inside = "" if error.title == StructuredEvent.__name__ else "data."
        told = [f"{inside}{_field(item['loc'])}: {item['msg']}" for item in details[:_MOST_ERRORS_TOLD]]
        if len(details) > _MOST_ERRORS_TOLD:
            told.append(f"and {len(details) - _MOST_ERRORS_TOLD} more")
        raise EventRefused("; ".join(told)) from None


def _field(location: tuple[int | str, ...]) -> str:
    """``parties.0.name``; without pydantic's names of the alternatives that it tried, which have brackets."""
    return ".".join(str(part) for part in location if "[" not in str(part))


def _as_json(body: Mapping[str, Any]) -> bytes:
    try:
        value = to_json(body)
    except PydanticSerializationError as error:
        raise EventRefused(f"this cannot be written as JSON: {error}") from None
    if b"NaN" in value or b"Infinity" in value:
        try:
            from_json(value, allow_inf_nan=False)
        except ValueError:
            raise EventRefused("a number is NaN or infinite, which JSON does not have: leave the field out") from None
    return value


def _knock(servers: list[str]) -> None:
    """Raises OSError or ValueError where nothing listens."""
    host, _, port = servers[0].rpartition(":")
    socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()


def _no_broker(bootstrap_servers: str, error: str, *, embedded: bool) -> str:
    if embedded:
        return f"the try-out broker at {bootstrap_servers} has ended ({error}): start it with `dualtrack up --embedded`"
    return (
        f"no Kafka answers at {bootstrap_servers} ({error}); start it, correct the address, "
        "or try out with `dualtrack up --embedded`"
    )


def _not_delivered(sent: Sent, error: Exception | str) -> str:
    return f"Kafka did not confirm {sent.source}#{sent.id} on {sent.topic} ({error}): sending it again is safe"


def _too_large(size: int) -> str:
    return f"{size:,} bytes; at most {MAX_RAW_BYTES:,} are accepted: shorten the summary, or move text behind a url"


__all__ = ["EventRefused", "NotDelivered", "PublishError", "Publisher", "Sent", "content_id"]
