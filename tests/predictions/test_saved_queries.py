"""Saved queries: what fits is told as it lands, and taken back; the store behind it is not looked through."""

import pytest

from predictions.alert_rules import Rule
from predictions.saved_queries import SavedQueries
from sinks.views import arrived_facts
from tests.predictions.world import World, make_world

RULES = (
    Rule.model_validate(
        {"id": "big", "when": {"event_type": ["deal", "funding"], "organisation": "Google", "amount_usd_at_least": 1e9}}
    ),
    Rule.model_validate({"id": "risky", "when": {"event_type": "funding", "sql": "company::INTEGER > 3"}}),
    Rule.model_validate({"id": "all", "when": {"event_type": "funding"}}),
)


class Store:
    """Lets events land in batches."""

    def __init__(self, *rules: Rule) -> None:
        self.world: World = make_world()
        self.queries = SavedQueries(rules or RULES, arrived_facts)
        self.last = -1

    def fund(self, id: str, company: str = "Google", amount: float | None = 2e9, **more: str) -> None:
        self.world.event("funding", id, "2026-05-01", company=company, amount=amount, **more)  # type: ignore[arg-type]

    def found(self) -> list[tuple[str, str, str]]:
        """What the batch that ends here brings: rule, kind, event."""
        found = list(self.queries.found(self.world.connection, f"rowid > {self.last}"))
        self.last = self.world.connection.execute("SELECT max(rowid) FROM events").fetchall()[0][0]
        return [(one.rule.id, one.alert.kind, one.alert.evidence[0]["id"]) for one in found]


@pytest.fixture
def store() -> Store:
    return Store(RULES[0])


def test_only_what_fits_is_found_and_each_once(store: Store) -> None:
    store.fund("small", amount=1e8)
    store.fund("large")
    store.fund("nobody's", company="Mistral AI")
    store.fund("untold", amount=None)
    assert store.found() == [("big", "match", "large")]
    assert store.found() == []


def test_an_organisation_is_meant_with_its_daughters_by_any_of_its_names() -> None:
    for name in ("Google", "google", "Alphabet's Google"):
        rule = Rule.model_validate({"id": "r", "when": {"event_type": "funding", "organisation": name}})
        store = Store(rule)
        store.fund("daughter", company="Google DeepMind")
        store.fund("mother", company="Google")
        expected = ["daughter", "mother"] if name != "Alphabet's Google" else []
        assert [id for _, _, id in store.found()] == expected


def test_one_that_the_registry_does_not_know_is_meant_by_its_name() -> None:
    store = Store(Rule.model_validate({"id": "r", "when": {"event_type": "funding", "organisation": "quux it's"}}))
    store.fund("a", company="Quux It's")
    store.fund("b", company="Quux")
    assert store.found() == [("r", "match", "a")]


def test_a_condition_that_fails_on_an_event_does_not_hold_and_stops_no_other() -> None:
    store = Store()
    store.fund("words")
    store.fund("number", company="7")
    assert store.found() == [
        ("big", "match", "words"),
        ("risky", "match", "number"),
        ("all", "match", "words"),
        ("all", "match", "number"),
    ]


def test_what_is_retracted_is_taken_back_and_a_correction_that_fits_is_told(store: Store) -> None:
    store.fund("a")
    store.fund("b")
    store.found()
    store.fund("sorry", retracts="a")
    store.fund("b2", corrects="b")
    assert store.found() == [("big", "match", "b2"), ("big", "retracted", "a")]


def test_a_correction_that_no_longer_fits_takes_back(store: Store) -> None:
    store.fund("a")
    store.found()
    store.fund("a2", corrects="a", amount=1.0)
    assert store.found() == [("big", "retracted", "a")]


def test_a_retraction_of_another_type_takes_back_and_says_why(store: Store) -> None:
    store.fund("a")
    store.found()
    store.world.event("headline", "wrong", "2026-05-02", retracts="a")
    (found,) = store.queries.found(store.world.connection, f"rowid > {store.last}")
    assert found.alert.title == "big: 'a' no longer holds, retracted by test#wrong: wrong"


def test_a_retraction_that_comes_first_is_told_when_its_event_comes(store: Store) -> None:
    store.fund("sorry", retracts="late")
    assert store.found() == []
    store.fund("late")
    assert store.found() == [("big", "match", "late"), ("big", "retracted", "late")]


def test_an_alert_says_what_a_template_and_a_reader_need(store: Store) -> None:
    store.fund("a")
    (found,) = store.queries.found(store.world.connection, "true")
    assert found.alert.title == "big: a"
    assert found.alert.known_at == store.world.now
    assert found.alert.evidence == (
        {
            "source": "test",
            "id": "a",
            "event_type": "funding",
            "title": "a",
            "status": "announced",
            "url": "https://example.org/a",
            "occurred_on": "2026-05-01",
            "occurred_until": "2026-05-01",
            "amount_usd": 2e9,
        },
    )


def test_a_batch_costs_one_query_for_each_type_and_reads_no_view_of_the_whole_store(store: Store) -> None:
    store.fund("a")
    asked: list[str] = []

    class Listening:
        def execute(self, sql: str, *values: object) -> object:
            asked.append(sql)
            return store.world.connection.execute(sql, *values)

    rules = [Rule.model_validate({"id": f"r{n}", "when": {"event_type": "funding"}}) for n in range(50)]
    assert len(list(SavedQueries(rules, arrived_facts).found(Listening(), "rowid > -1"))) == 50  # type: ignore[arg-type]
    assert sum("AS fits" in sql for sql in asked) == 1
    assert not any("facts_" in sql or "supersessions" in sql for sql in asked)
