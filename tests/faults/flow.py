"""A steady flow of numbered inputs of every kind, and what must become of each."""

import json
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Any, Final, Self

from publishers.sdk import Publisher
from schemas.decisions import DecisionKind, decision_type
from schemas.envelope import CONTENT_TYPE, event_type_name
from schemas.topics import DECISIONS

SOURCE: Final = "tests/faults"
PRICED: Final = "Router Works"
"""The company whose price moves prediction p3b."""


@dataclass
class Sent:
    """What was published, by what must become of it."""

    good: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    bad: list[bytes | None] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    tellings: int = 0
    """How often the first evidence of p3b was given or taken back: so many alerts are due to each receiver."""

    @property
    def landed(self) -> int:
        return len(self.good) + len(self.decisions)

    @property
    def total(self) -> int:
        return self.landed + len(self.duplicates) + len(self.bad)


class Flow:
    """Publishes numbered inputs at a steady pace: of ten, seven are good, two are duplicates, one is bad.

    With ``everything`` some of the good ones are decisions, and some give prediction p3b its first evidence or take it
    back, which is an alert each. A thread of its own, from entering the block to ``end`` or to the block's end.
    """

    def __init__(
        self,
        servers: str,
        per_second: float,
        seed: int = 1,
        *,
        patience: float = 30.0,
        embedded: bool = True,
        everything: bool = False,
        telling_seconds: float = 0.5,
    ) -> None:
        """A flow to that broker.

        Args:
            servers: where to publish.
            per_second: inputs.
            seed: of what it chooses.
            patience: seconds to wait for a broker that is gone.
            embedded: it is the try-out broker.
            everything: decisions and tellings too.
            telling_seconds: least time between two tellings, at any load: milestones are rare.
        """
        self.sent = Sent()
        self.per_second = per_second
        """May be changed at any time."""
        self._servers = servers
        self._patience = patience
        self._embedded = embedded
        self._everything = everything
        self._random = random.Random(seed)
        self._bodies: list[dict[str, Any]] = []
        self._telling_seconds = telling_seconds
        self._next_telling = 0.0
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="flow", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(self._patience)

    def end(self) -> Sent:
        """Publish no more; what was published and confirmed by the broker."""
        self._over.set()
        self._thread.join(self._patience + 30)
        assert not self._thread.is_alive(), "the publisher hangs"
        if self._error is not None:
            raise self._error
        return self.sent

    def _run(self) -> None:
        try:
            with Publisher(self._servers, SOURCE, embedded=self._embedded, timeout_s=self._patience) as publisher:
                for number in count():
                    self._publish(publisher, number)
                    if self._over.wait(1 / self.per_second):
                        return
        # Raised again by ``end``, in the test's own thread.
        except BaseException as error:
            self._error = error

    def _publish(self, publisher: Publisher, number: int) -> None:
        sent = self.sent
        if number % 10 == 9:
            value = bad_value(number)
            publisher.send_raw("signals.deal", value)
            sent.bad.append(value)
        elif number % 10 in (4, 7):
            body = self._random.choice(self._bodies)
            if self._random.random() < 0.5:  # the same identity with other content
                body = {**body, "data": {**body["data"], "summary": f"again, as number {number}"}}
            publisher.send_structured(body)
            sent.duplicates.append(str(body["id"]))
        elif self._everything and number % 50 == 21:
            publisher.send_raw(DECISIONS, decision(number), headers=(("content-type", CONTENT_TYPE.encode()),))
            sent.decisions.append(f"decision-{number}")
        elif self._everything and number % 20 == 11 and time.monotonic() > self._next_telling:
            body = price_body(sent.tellings)
            publisher.send_structured(body)
            sent.tellings += 1
            self._next_telling = time.monotonic() + self._telling_seconds
            sent.good.append(str(body["id"]))
        else:
            body = good_body(number)
            publisher.send_structured(body)
            self._bodies.append(body)
            sent.good.append(str(body["id"]))


def price_body(telling: int) -> dict[str, Any]:
    """By turns a price that is the first evidence of p3b, and its retraction: of one company, so in this order."""
    number, retracts = divmod(telling, 2)
    data: dict[str, Any] = {
        "title": f"{PRICED} is worth 1.3 billion, number {number}",
        "occurred_on": "2026-04-18",
        "company": PRICED,
        "valuation": {"value": "1300000000", "currency": "USD"},
        "sector": "inference cost",
    }
    if retracts:
        data |= {"retracts": {"source": SOURCE, "id": f"price-{number}"}, "title": f"It is not, number {number}"}
    name = f"retraction-{number}" if retracts else f"price-{number}"
    return _body(name, "funding", data)


def decision(number: int) -> bytes:
    """A person's forecast."""
    data = {"by": "a tester", "prediction": "p1a", "reading": "literal", "forecaster": "a tester", "probability": 0.3}
    data |= {"made_at": "2026-04-17T09:30:00Z", "why": f"number {number}"}
    return json.dumps(_body(f"decision-{number}", "", data) | {"type": decision_type(DecisionKind.FORECAST)}).encode()


def _body(id: str, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": event_type_name(event_type, 1),
        "time": datetime(2026, 4, 17, 9, 30, tzinfo=UTC).isoformat(),
        "data": data,
    }


def good_body(number: int) -> dict[str, Any]:
    """The CloudEvent with this number; its type and organisation, so its topic and partition, follow from it."""
    who = f"Company {number % 37}"
    of_type: tuple[tuple[str, dict[str, Any]], ...] = (
        ("funding", {"company": who, "amount": {"value": "2000000", "currency": "USD"}}),
        ("metric", {"subject": who, "metric": "revenue", "value": 30_000_000, "unit": "USD"}),
        ("incident", {"system": f"A chatbot of {who}", "severity": "minor"}),
        ("headline", {"published_on": "2026-04-16"}),
    )
    event_type, fields = of_type[number % len(of_type)]
    data = {"title": f"Number {number} about {who}", "occurred_on": "2026-04-16", "urls": ["https://example.org/1"]}
    return _body(f"number-{number}", event_type, {**data, **fields})


def bad_value(number: int) -> bytes:
    """Bytes that validate must reject, each time for another reason."""
    body = good_body(number)
    without_title = {**body, "data": {name: value for name, value in body["data"].items() if name != "title"}}
    return (
        b"no JSON, number %d" % number,
        json.dumps({**body, "type": "ai.dualtrack.gossip.v1"}).encode(),
        json.dumps(without_title).encode(),
    )[number // 10 % 3]
