"""What the engine remembers gives the histories that a look at the whole store gives, however the batches fall."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictions.load import load_definitions
from tests.predictions.world import START, World, define, make_world

END = datetime(2028, 6, 1, tzinfo=UTC)

SQL = """
      sql:
        of: company
        at_least: 2
        query: SELECT * FROM facts_funding WHERE company IN (SELECT company FROM facts_funding WHERE valuation > 9)
"""
NESTED = "{exists: {from: facts_funding, about: 'valuation_usd >= (SELECT max(valuation_usd) FROM facts_funding)'}}"

DEFINITIONS = (
    *load_definitions(),
    define(f"\n{SQL}").model_copy(update={"id": "own_query"}),
    define(NESTED).model_copy(update={"id": "nested"}),
)

LABS = ("OpenAI", "Anthropic", "Google DeepMind", "Mistral AI", "DeepSeek")
DESIGNERS = ("Cerebras", "Groq", "AMD", "Huawei", "Google", "Nvidia")
DAYS = st.sampled_from(("2026-04-01", "2026-05-03", "2026-05-20", "2026-06", "2026-09-09", "2027-05-01"))


@st.composite
def deal(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    lab, designer = draw(st.sampled_from(LABS)), draw(st.sampled_from(DESIGNERS))
    stake = draw(st.sampled_from([None, (designer, lab), (lab, designer)]))
    data: dict[str, Any] = {
        "kind": draw(st.sampled_from(["compute supply", "chip co-design", "equity partnership", "acquisition"])),
        "parties": [
            {"name": lab, "role": "lab"},
            {"name": designer, "role": draw(st.sampled_from(["designer", "target"]))},
        ],
        "equity": [{"holder": stake[0], "issuer": stake[1]}] if stake else None,
        "valuation": draw(st.sampled_from([None, 5e9])),
    }
    return "deal", data


@st.composite
def funding(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    data = {
        "company": draw(st.sampled_from([*LABS, "Isomorphic", "LiteLLM", "OpenRouter"])),
        "investors": draw(st.sampled_from([[], ["AMD"], ["Nvidia", "Huawei"]])),
        "valuation": draw(st.sampled_from([None, 5.0, 2e9, 7e9])),
        "sector": draw(st.sampled_from([None, "biotech", "inference routing"])),
    }
    return "funding", data


@st.composite
def score(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    benchmark = draw(st.sampled_from(["Epoch Capabilities Index", "MMLU"]))
    developer, points = draw(st.sampled_from(LABS)), draw(st.sampled_from([120.0, 131.0, 150.0]))
    return "benchmark", {"benchmark": benchmark, "developer": developer, "model": "m", "score": points}


@st.composite
def model(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    flop = draw(st.sampled_from([None, 1e24, 6e25]))
    return "model-release", {"developer": draw(st.sampled_from(LABS)), "model": "m", "training_compute_flop": flop}


@st.composite
def policy(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    stage = draw(st.sampled_from(["signed", "in force", "proposed"]))
    return "policy", {"jurisdiction": "EU", "name": "Act", "stage": stage, "binding": draw(st.booleans())}


EVENT = st.tuples(
    st.one_of(deal(), deal(), funding(), score(), model(), policy()),
    DAYS,
    st.integers(0, 5),
    st.sampled_from(["new", "new", "new", "corrects", "retracts"]),
    st.integers(0, 9),
)
Event = tuple[tuple[str, dict[str, Any]], str, int, str, int]

BASE = make_world()


def land(world: World, number: int, event: Event) -> None:
    (event_type, data), day, hours, action, target = event
    extra = {} if action == "new" or target == number else {action: f"e{target}"}
    known = START + timedelta(hours=hours)
    world.event(
        event_type,
        f"e{number}",
        day,
        known=known,
        offset=number,
        **{k: v for k, v in data.items() if v is not None},
        **extra,
    )


@given(st.lists(EVENT, min_size=1, max_size=12), st.randoms(use_true_random=False), st.integers(1, 4), st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_remembered_equals_a_look_at_the_whole_store(
    events: list[Event], random: Any, size: int, data: st.DataObject
) -> None:
    world = World(BASE.connection, DEFINITIONS, now=START + timedelta(hours=9))
    for table in ("events", "decisions", "prediction_states", "prediction_revisions"):
        world.connection.execute(f"DELETE FROM {table}")
    numbered = list(enumerate(events))
    random.shuffle(numbered)
    for start in range(0, len(numbered), size):
        for number, event in numbered[start : start + size]:
            land(world, number, event)
        if data.draw(st.booleans(), label="a person decides"):
            world.resolve("p1a", None, data.draw(st.sampled_from(["met", "open", "annulled"])))
        world.evaluate()
    world.evaluate(END)
    for definition in DEFINITIONS:
        for reading in definition.readings:
            whole = world.engine.history(world.connection, definition.id, reading.id, END)
            assert world.history(definition.id, reading.id) == whole, (definition.id, reading.id)


def test_a_batch_that_was_not_committed_leaves_nothing_behind() -> None:
    world = make_world(define("{exists: {from: facts_funding, where: [firm]}}"))
    world.evaluate()
    world.connection.execute("BEGIN")
    world.event("funding", "lost", "2026-05-01", company="A")
    assert [change.history[-1].state for change in world.evaluate(committed=False)] == ["met"]
    world.connection.execute("ROLLBACK")
    world.event("funding", "other", "2026-05-02", company="B", status="rumoured")
    (change,) = world.evaluate()
    assert [standing.detail for standing in change.appended] == ["not seen; 1 near miss."]
