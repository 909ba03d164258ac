"""A store in memory in which tests let events become known one by one, through the real tables and views."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from predictions.definition import Definition
from predictions.evaluate import Change, PredictionEngine
from predictions.load import parse_definition
from predictions.standing import Standing
from predictions.views import install_views
from schemas.settling import Fresh
from schemas.values import PartialDate
from sinks.duckdb_tables import migrate, migrations
from sinks.known_fields import known_fields
from sinks.views import create_views

START = datetime(2026, 5, 1, tzinfo=UTC)

ORGANISATIONS: dict[str, tuple[str, bool, bool, str, str]] = {
    # name: (id, is lab, designs accelerators, archetype, region)
    "OpenAI": ("openai", True, False, "frontier model builder", "US"),
    "Anthropic": ("anthropic", True, False, "frontier model builder", "US"),
    "Google": ("google", True, True, "hyperscaler", "US"),
    "Google DeepMind": ("google-deepmind", True, False, "frontier model builder", "US"),
    "Amazon": ("amazon", False, True, "hyperscaler", "US"),
    "Mistral AI": ("mistral", True, False, "frontier model builder", "Europe"),
    "DeepSeek": ("deepseek", True, False, "chinese contender", "China"),
    "Huawei": ("huawei", False, True, "incumbent hardware", "China"),
    "AMD": ("amd", False, True, "incumbent hardware", "US"),
    "Nvidia": ("nvidia", True, True, "incumbent hardware", "US"),
    "Cerebras": ("cerebras", False, True, "infrastructure disruptor", "US"),
    "Groq": ("groq", False, True, "infrastructure disruptor", "US"),
    "CoreWeave": ("coreweave", False, False, "other", "US"),
}
PARENTS = {"google-deepmind": "google"}


def identity_hash(identity: tuple[str, str]) -> int:
    return int.from_bytes(hashlib.sha256("#".join(identity).encode()).digest()[:8], "big")


def org(name: str) -> dict[str, Any]:
    id = ORGANISATIONS[name][0] if name in ORGANISATIONS else None
    archetype, region = ORGANISATIONS[name][3:] if name in ORGANISATIONS else (None, None)
    parent = PARENTS.get(id or "", id)
    return {"name": name, "id": id, "archetype": archetype, "region": region, "country": None, "parent": parent}


def names_in(data: dict[str, Any]) -> list[str]:
    found = [party["name"] for party in data.get("parties", ())]
    found += [name for stake in data.get("equity") or () for name in (stake["holder"], stake["issuer"])]
    found += [data[key] for key in ("company", "developer", "subject", "lead") if data.get(key)]
    return list(dict.fromkeys([*found, *data.get("investors", ())]))


@dataclass
class World:
    """``event`` lets one become known; ``evaluate`` is what the writer does after each batch."""

    connection: duckdb.DuckDBPyConnection
    definitions: tuple[Definition, ...] = ()
    now: datetime = START
    offset: int = 0
    fresh: set[int] = field(default_factory=set)
    """Hashes of what became known since the last batch."""
    decided: bool = False

    def __post_init__(self) -> None:
        self.engine = PredictionEngine(self.definitions)

    def event(
        self,
        event_type: str,
        id: str,
        occurred: str,
        *,
        known: datetime | None = None,
        offset: int | None = None,
        status: str = "announced",
        corrects: str | None = None,
        retracts: str | None = None,
        **data: Any,
    ) -> None:
        """An event lands; money is written as a number of USD under ``amount`` or ``valuation``."""
        if known is None:
            self.now += timedelta(hours=1)
        self.offset += 1
        day = PartialDate.parse(occurred)
        money = {name: data[name] for name in ("amount", "valuation") if data.get(name) is not None}
        body = {"title": id, "occurred_on": occurred, "status": status, **data}
        body |= {name: {"value": value, "currency": "USD"} for name, value in money.items()}
        row = {
            "event_hash": identity_hash(("test", id)),
            "source": "test",
            "id": id,
            "event_type": event_type,
            "version": 1,
            "title": id,
            "status": status,
            "urls": [f"https://example.org/{id}"],
            "occurred_on": day.first,
            "occurred_until": day.last,
            "occurred_precision": day.precision.value,
            "reported_at": known or self.now,
            "known_at": known or self.now,
            "landed_at": self.now,
            "track": "none",
            "scores": {"none": 1.0},
            "evidence": [],
            "orgs": [org(name) for name in names_in(data)],
            "money": [
                {"field": name, "value": value, "currency": "USD", "qualifier": "exact", "usd": value, "rate": 1}
                | {"rate_date": day.first}
                for name, value in money.items()
            ],
            "amount_usd": money.get("amount"),
            "valuation_usd": money.get("valuation"),
            "warnings": [],
            "corrects": {"source": "test", "id": corrects} if corrects else None,
            "retracts": {"source": "test", "id": retracts} if retracts else None,
            "corrects_hash": identity_hash(("test", corrects)) if corrects else None,
            "retracts_hash": identity_hash(("test", retracts)) if retracts else None,
            "envelope": "{}",
            "data": json.dumps(body),
            "fields": json.dumps(known_fields(event_type, body)),
            "content_hash": id,
            "input_topic": f"signals.{event_type}",
            "input_partition": 0,
            "input_offset": self.offset if offset is None else offset,
        }
        marks = ", ".join("?" * len(row))
        self.connection.execute(f"INSERT INTO events ({', '.join(row)}) VALUES ({marks})", list(row.values()))
        self.fresh.add(identity_hash(("test", id)))

    def resolve(self, prediction: str, reading: str | None, outcome: str, why: str | None = None) -> None:
        """A person decides."""
        self.now += timedelta(hours=1)
        self.offset += 1
        self.decided = True
        data = json.dumps({"prediction": prediction, "reading": reading, "outcome": outcome})
        id = f"decision-{self.offset}"
        values = [identity_hash(("test", id)), "test", id, "resolve", "Ada", why, data, "{}", id]
        self.connection.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [*values, self.now, self.now, self.now, "decisions", 0, self.offset],
        )

    def evaluate(self, now: datetime | None = None, *, committed: bool = True) -> tuple[Change, ...]:
        """One batch ends here."""
        if now:
            self.now = now
        hashes = frozenset(self.fresh)
        self.connection.execute(
            "UPDATE events SET landed_at = ? WHERE list_contains(?::UBIGINT[], event_hash)", [self.now, list(hashes)]
        )
        changes = self.engine.evaluate(self.connection, self.now, Fresh(self.now, hashes, self.decided))
        if committed:
            self.engine.keep()
        self.fresh.clear()
        self.decided = False
        return changes

    def history(self, prediction: str, reading: str) -> tuple[Standing, ...]:
        """The stored history that holds."""
        from predictions import store

        return store.stored_history(self.connection, (prediction, reading))

    def said_before(self, prediction: str, reading: str) -> list[tuple[int, int, str]]:
        """(version, revision, state) of what the journal has, in order."""
        rows = self.connection.execute(
            """SELECT version, revision, state FROM prediction_revisions WHERE prediction = ? AND reading = ?
            ORDER BY version, revision, seq""",
            [prediction, reading],
        )
        return rows.fetchall()

    def stands(self, prediction: str, reading: str) -> Standing:
        return self.history(prediction, reading)[-1]


def make_world(*definitions: Definition) -> World:
    """An empty store with its views."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    migrate(connection, 0, migrations(), START)
    connection.execute(
        """CREATE TABLE ref_organisations (id VARCHAR, name VARCHAR, archetype VARCHAR, designs_accelerators BOOLEAN,
        is_lab BOOLEAN, region VARCHAR, country VARCHAR, parent VARCHAR, root VARCHAR)"""
    )
    for name, (id, is_lab, designs, archetype, region) in ORGANISATIONS.items():
        connection.execute(
            "INSERT INTO ref_organisations VALUES (?, ?, ?, ?, ?, ?, 'XX', ?, ?)",
            [id, name, archetype, designs, is_lab, region, PARENTS.get(id), PARENTS.get(id, id)],
        )
    create_views(connection)
    install_views(connection)
    return World(connection, definitions)


def define(criterion: str, *, conditions: str = "", reading: str = "", version: int = 1) -> Definition:
    """A definition with one reading, ``main``, that runs from 17 April 2026 to 17 April 2027."""
    text = f"""
id: test
title: A test
claim: Something happens.
source: a test
made_on: 2026-04-17
version: {version}
conditions:
  firm:
    words: it is firm
    sql: status IN ('announced', 'signed', 'closed')
  large:
    words: the valuation is a billion or more
    sql: valuation_usd >= 1e9
{conditions}
readings:
  - id: main
    description: the only one
    deadline: 2027-04-17
    criterion: {criterion}
{reading}
"""
    return parse_definition(text, "test.yaml")


UNICORNS = """
      count_distinct: {from: facts_funding, of: company, where: [firm, large], at_least: 2, unit: unicorns}
"""
