"""Raw records that show what happens to input that is wrong, and to input that is only odd.

``BAD_INPUTS`` must be rejected, each for its own reason. ``ODD_INPUTS`` look suspicious and must land (or count as
duplicates). Both are records as they stand on a log, so that nothing on the way to Kafka can mend them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from schemas.envelope import CONTENT_TYPE, event_type_name
from schemas.outcomes import Outcome, Stage
from schemas.records import Headers
from schemas.topics import MAX_RAW_BYTES, topic_of

SEED: Final = Path(__file__).parent / "seed"
SOURCE: Final = "demo/bad-inputs"
STRUCTURED: Final[Headers] = (("content-type", CONTENT_TYPE.encode()),)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawInput:
    """One record to be written to a raw topic as it is."""

    name: str
    topic: str
    make: Callable[[], bytes | None]
    """Gives the value. A function, because some are large and some are read from the seed."""
    key: bytes | None = None
    headers: Headers = STRUCTURED
    explanation: str

    @property
    def value(self) -> bytes | None:
        """The record's value, made on demand."""
        return self.make()


@dataclass(frozen=True, slots=True, kw_only=True)
class BadInput(RawInput):
    """A record that must be rejected, at this stage and by this rule."""

    expected_stage: Stage
    expected_rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OddInput(RawInput):
    """A record that is no mistake, although it looks like one."""

    expected_outcome: Outcome
    expected_warning: str | None = None


def event(type: str, id: str, data: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """A structured CloudEvent; ``envelope`` replaces or adds attributes."""
    attributes = {
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": event_type_name(type),
        "time": "2026-04-17T12:00:00Z",
    }
    return {**attributes, **envelope, "data": data}


def deal(**fields: Any) -> dict[str, Any]:
    """The data of a plain, valid deal; ``fields`` replace or add to it."""
    plain = {
        "title": "A demonstration deal between OpenAI and Cerebras",
        "occurred_on": "2026-04-16",
        "kind": "compute supply",
        "parties": [{"name": "OpenAI", "role": "lab"}, {"name": "Cerebras Systems", "role": "designer"}],
    }
    return {**plain, **fields}


def funding(**fields: Any) -> dict[str, Any]:
    """The data of a plain, valid funding round; ``fields`` replace or add to it."""
    return {"title": "A demonstration round", "occurred_on": "2026-04-16", "company": "Groq", **fields}


def _json(value: dict[str, Any]) -> Callable[[], bytes]:
    return lambda: json.dumps(value).encode()


def _bytes(value: bytes) -> Callable[[], bytes]:
    return lambda: value


def _of_size(id: str, size: int) -> Callable[[], bytes]:
    """A valid event of exactly ``size`` bytes; a field that no schema knows holds the padding."""

    def make() -> bytes:
        empty = json.dumps(event("deal", id, deal(padding=""))).encode()
        return empty.replace(b'"padding": ""', b'"padding": "' + b"x" * (size - len(empty)) + b'"')

    return make


@cache
def _seed_event(file: str, id: str) -> str:
    """One line of the seed, as it stands there."""
    for line in (SEED / file).read_text(encoding="utf-8").splitlines():
        if json.loads(line)["id"] == id:
            return line
    raise KeyError(id)


_REPEATED: Final = ("deals.jsonl", "openai-cerebras-compute-20bn")


def _repeated() -> bytes:
    return _seed_event(*_REPEATED).encode()


def _altered() -> bytes:
    altered = json.loads(_seed_event(*_REPEATED))
    altered["data"]["amount"]["value"] *= 10
    return json.dumps(altered, ensure_ascii=False).encode()


DEALS: Final = topic_of("deal")
FUNDING: Final = topic_of("funding")

BAD_INPUTS: Final[tuple[BadInput, ...]] = (
    BadInput(
        name="not-json",
        topic=DEALS,
        make=_bytes(b"OpenAI signs with Cerebras, 20 bn, tbc"),
        expected_stage=Stage.PARSE,
        expected_rule="not_json",
        explanation="A line of text from a chat instead of a JSON object.",
    ),
    BadInput(
        name="not-utf8",
        topic=DEALS,
        make=_bytes('{"specversion": "1.0", "title": "Übernahme"}'.encode("latin-1")),
        expected_stage=Stage.PARSE,
        expected_rule="not_utf8",
        explanation="JSON in Latin-1: the umlaut is one byte that UTF-8 does not know.",
    ),
    BadInput(
        name="wrong-types",
        topic=DEALS,
        make=_json(event("deal", "wrong-types", deal(parties="OpenAI and Cerebras", amount="20 billion"))),
        expected_stage=Stage.PARSE,
        expected_rule="invalid_field",
        explanation="Parties and amount are sentences; a list and an object with a number are needed.",
    ),
    BadInput(
        name="unknown-event-type",
        topic=DEALS,
        make=_json(event("rumour", "unknown-event-type", deal())),
        expected_stage=Stage.PARSE,
        expected_rule="unknown_event_type",
        explanation="There is no event type `rumour`; how firm a deal is stands in its status.",
    ),
    BadInput(
        name="missing-field",
        topic=FUNDING,
        make=_json(event("funding", "missing-field", {"title": "Somebody raised money", "occurred_on": "2026-04-16"})),
        expected_stage=Stage.PARSE,
        expected_rule="missing_field",
        explanation="A funding round without a company.",
    ),
    BadInput(
        name="date-in-1875",
        topic=DEALS,
        make=_json(event("deal", "date-in-1875", deal(occurred_on="1875-04-16"))),
        expected_stage=Stage.CHECK,
        expected_rule="common.occurred-too-early",
        explanation="A well-formed date in the wrong century.",
    ),
    BadInput(
        name="date-in-2190",
        topic=DEALS,
        make=_json(event("deal", "date-in-2190", deal(occurred_on="2190-04-16"))),
        expected_stage=Stage.CHECK,
        expected_rule="common.occurred-too-late",
        explanation="A deal of the far future.",
    ),
    BadInput(
        name="negative-money",
        topic=FUNDING,
        make=_json(event("funding", "negative-money", funding(amount={"value": -640_000_000, "currency": "USD"}))),
        expected_stage=Stage.CHECK,
        expected_rule="common.money-negative",
        explanation="A round cannot raise less than nothing.",
    ),
    BadInput(
        name="currency-that-does-not-exist",
        topic=FUNDING,
        make=_json(event("funding", "no-such-currency", funding(amount={"value": 640_000_000, "currency": "ZZZ"}))),
        expected_stage=Stage.CHECK,
        expected_rule="common.currency-unknown",
        explanation="Three capital letters, and yet no ISO 4217 currency.",
    ),
    BadInput(
        name="not-a-number",
        topic=DEALS,
        make=_bytes(json.dumps(event("deal", "not-a-number", deal(capacity_gw=float("nan")))).encode()),
        expected_stage=Stage.PARSE,
        expected_rule="not_json",
        explanation="NaN, which Python writes and JSON does not have.",
    ),
    BadInput(
        name="empty-message",
        topic=DEALS,
        make=_bytes(b""),
        expected_stage=Stage.PARSE,
        expected_rule="empty_message",
        explanation="A record with no content at all.",
    ),
    BadInput(
        name="cloudevents-0-3",
        topic=DEALS,
        make=_json(event("deal", "cloudevents-0-3", deal(), specversion="0.3")),
        expected_stage=Stage.PARSE,
        expected_rule="unsupported_specversion",
        explanation="An older version of CloudEvents, whose attributes mean other things.",
    ),
    BadInput(
        name="over-the-size-limit",
        topic=DEALS,
        make=_of_size("over-the-size-limit", MAX_RAW_BYTES + 1),
        expected_stage=Stage.PARSE,
        expected_rule="too_large",
        explanation="A valid event that is one byte too long.",
    ),
    BadInput(
        name="time-without-zone",
        topic=DEALS,
        make=_json(event("deal", "time-without-zone", deal(), time="2026-04-17T12:00:00")),
        expected_stage=Stage.PARSE,
        expected_rule="invalid_field",
        explanation="Noon, but nobody knows where: half a day of doubt in what was known when.",
    ),
)

ODD_INPUTS: Final[tuple[OddInput, ...]] = (
    OddInput(
        name="organisation-nobody-knows",
        topic=FUNDING,
        make=_json(event("funding", "organisation-nobody-knows", funding(company="Quietly Founded Yesterday Ltd"))),
        key=b"demo",
        expected_outcome=Outcome.LANDED,
        expected_warning="unknown_organisation",
        explanation="It lands with a warning; the registry can learn the name later.",
    ),
    OddInput(
        name="null-key",
        topic=DEALS,
        make=_json(event("deal", "null-key", deal())),
        expected_outcome=Outcome.LANDED,
        explanation="No key: any partition will do.",
    ),
    OddInput(
        name="correction-of-the-unseen",
        topic=DEALS,
        make=_json(
            event("deal", "correction-of-the-unseen", deal(corrects={"source": SOURCE, "id": "never-published"}))
        ),
        key=b"demo",
        expected_outcome=Outcome.LANDED,
        explanation="It replaces an event that has not come (yet): order between partitions is not promised.",
    ),
    OddInput(
        name="repeated-seed-event",
        topic=DEALS,
        make=_repeated,
        key=b"demo",
        expected_outcome=Outcome.DUPLICATE,
        explanation="The same source, id and content as an event of the seed: counted once.",
    ),
    OddInput(
        name="same-identity-other-content",
        topic=DEALS,
        make=_altered,
        key=b"demo",
        expected_outcome=Outcome.DUPLICATE,
        explanation="The same source and id with ten times the amount: the first stays, this one is a conflict.",
    ),
    OddInput(
        name="just-within-the-size-limit",
        topic=DEALS,
        make=_of_size("just-within-the-size-limit", MAX_RAW_BYTES),
        key=b"demo",
        expected_outcome=Outcome.LANDED,
        explanation="Exactly as long as allowed; the padding, a field that no schema knows, is kept.",
    ),
)
