"""Events that are meant to hurt: each has an outcome within seconds, and costs no more than its size."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from dualtrack.tools import validate_tools
from pipeline.flow import ValidateTools, validate_batch
from schemas.records import RawRecord
from schemas.topics import MAX_RAW_BYTES
from tests.dualtrack.kit import json_of, line

MOST_SECONDS: Final = 5.0
"""The slowest takes half a second; what explodes takes hours."""

SIZE: Final = 450_000
HERE: Final = "@@"


def times(text: str, size: int = SIZE) -> str:
    return text * (size // len(text.encode()))


TEXTS: Final = {
    "one-letter": times("a"),
    "spaces": times(" "),
    "dollars": times("$"),
    "digits": times("1"),
    "thousands": times("1,"),
    "decimals": times("1."),
    "brackets": times("("),
    "capitals": times("Aa "),
    "conjunctions": times("and "),
    "amounts": times("1 billion "),
    "raises": times("OpenAI raises $1 billion "),
    "line-ends": times("\n", SIZE // 2),
    "marks-on-one-letter": times("\u0301"),
    "ligatures": times("\ufdfa"),
}

JSON: Final[dict[str, Callable[[], bytes]]] = {
    "deep-open": lambda: b"[" * SIZE,
    "deep-objects": lambda: b'{"a":' * (SIZE // 6),
    "deep-closed": lambda: b'{"specversion":"1.0","a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "many-keys": lambda: b"{" + b",".join(b'"%d":1' % number for number in range(40_000)) + b"}",
    "long-number": lambda: with_field("unknown", b"9" * SIZE),
    "huge-number": lambda: with_field("unknown", b"1e999999999"),
    "long-amount": lambda: with_field("amount", b'{"value":"' + b"9" * 400_000 + b'","currency":"USD"}'),
    "huge-amount": lambda: with_field("amount", b'{"value":"1e999999999","currency":"USD"}'),
    "long-date": lambda: with_field("occurred_on", b'"' + b"9" * 400_000 + b'"'),
    "half-a-character": lambda: with_field("title", b'"\\ud800"'),
    "no-character": lambda: with_field("title", b'"a\\u0000b"'),
    "many-parties": lambda: with_field("parties", json.dumps([{"name": "OpenAI", "role": "lab"}] * 12_000).encode()),
    "many-urls": lambda: with_field("urls", json.dumps(["https://example.org/x"] * 18_000).encode()),
}


def with_field(name: str, value: bytes, type: str = "deal") -> bytes:
    """A valid event whose field holds these bytes of JSON."""
    body: dict[str, Any] = json.loads(line(0, type))
    body["data"][name] = HERE
    return json.dumps(body).encode().replace(f'"{HERE}"'.encode(), value)


@pytest.fixture(scope="module")
def tools() -> ValidateTools:
    made = validate_tools()
    made.checks.open()
    return made


def outcomes(record: RawRecord, tools: ValidateTools) -> int:
    began = time.monotonic()
    validated = validate_batch([record], tools)
    assert time.monotonic() - began < MOST_SECONDS
    return len(validated.passed) + len(validated.rejected)


def record_of(value: bytes, topic: str = "signals.deal", headers: int = 0) -> RawRecord:
    assert len(value) <= MAX_RAW_BYTES
    named = tuple((f"header-{number}", b"x") for number in range(headers))
    return RawRecord(topic, 0, 0, None, value, named, 1_780_000_000_000)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(("type", "field"), [("headline", "title"), ("deal", "summary")])
def test_no_text_makes_a_pattern_explode(name: str, type: str, field: str, tools: ValidateTools) -> None:
    value = with_field(field, json.dumps(TEXTS[name], ensure_ascii=False).encode(), type)
    assert outcomes(record_of(value, f"signals.{type}"), tools) == 1


@pytest.mark.parametrize("name", JSON)
def test_no_json_explodes(name: str, tools: ValidateTools) -> None:
    assert outcomes(record_of(JSON[name]()), tools) == 1


def test_many_headers(tools: ValidateTools) -> None:
    assert outcomes(record_of(line(0), headers=60_000), tools) == 1


def test_all_of_them_land_or_are_rejected_in_the_store(tmp_path: Path) -> None:
    values = [
        *(made() for made in JSON.values()),
        *(with_field("summary", json.dumps(text).encode()) for text in TEXTS.values()),
    ]
    fitting = [value for value in values if len(value) <= MAX_RAW_BYTES]
    file = tmp_path / "hostile.jsonl"
    file.write_bytes(b"\n".join(fitting))
    done = json_of("load", str(file), home=tmp_path)
    assert done["input"] == len(fitting)
    assert done["landed"] + done["duplicate"] + done["rejected"] == len(fitting)
