"""Running measures: ours can be drawn, what is wrong with one is told by line, and nothing is drawn from nothing."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from predictions import measures as package
from predictions.load import BrokenDefinition
from predictions.measures import MEASURES
from predictions.running import FOLDER, Point, RunningMeasure, load_measures, parse_measure, points, validate_measures
from tests.predictions.world import World, make_world

ALL = load_measures()


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture
def own() -> World:
    """A store of its own, to be written to."""
    return make_world()


def named(id: str) -> RunningMeasure:
    return next(measure for measure in ALL if measure.id == id)


def test_every_file_is_in_the_list() -> None:
    assert package.__file__ is not None
    assert {file.stem for file in Path(package.__file__).parent.glob("*.yaml")} == set(MEASURES)
    assert load_measures(FOLDER) == ALL
    assert [measure.id.replace("-", "_") for measure in ALL] == list(MEASURES)


def test_all_that_the_article_asks_has_a_measure() -> None:
    assert {measure.id for measure in ALL} >= {
        "us-china-gap",
        "price-per-million-tokens",
        "price-per-task",
        "tenfold-claims",
        "market-segments",
        "inference-to-training",
        "track-balance",
        "hardware-fragmentation",
        "score-saturation",
        "energy",
        "chinese-adoption",
        "alignment",
        "compliance-industry",
    }


def test_duckdb_plans_all_of_them_and_an_empty_store_says_nothing(world: World) -> None:
    validate_measures(world.connection, ALL)
    assert {measure.id: points(world.connection, measure) for measure in ALL} == {measure.id: () for measure in ALL}


def measure(sql: str, more: str = "") -> str:
    return f"id: test\nquestion: What?\nsays: That.\nsource: a test\nunit: points\n{more}sql: {sql}\n"


GOOD = "SELECT occurred_on AS day, title AS series, score AS value, source, id FROM benchmarks"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (measure(GOOD, more="unti: x\n"), "m.yaml:6: unti: unknown key 'unti'; did you mean 'unit'?"),
        ("id: test\nquestion: What?\n", "m.yaml:1: definition: `says` is missing"),
        ("- a\n- b\n", "m.yaml:1: a measure is a mapping: it starts with `id: ...`"),
        ("id: [\n", "m.yaml:2: this is no YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_line(text: str, told: str) -> None:
    with pytest.raises(BrokenDefinition) as broken:
        parse_measure(text, "m.yaml")
    assert told in str(broken.value)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (GOOD.replace("score", "scoer"), 'm.yaml:6: sql: Binder Error: Referenced column "scoer" not found'),
        ("SELECT 1 AS day", "it gives the columns day; it has to give day, series, value, source, id"),
        (GOOD.replace("occurred_on", "title"), "the column 'day' is a VARCHAR; it has to be a DATE"),
        (GOOD.replace("score", "title"), "the column 'value' is a VARCHAR; it has to be a DOUBLE"),
    ],
)
def test_sql_that_does_not_fit_is_told_by_line(world: World, sql: str, told: str) -> None:
    with pytest.raises(BrokenDefinition) as broken:
        validate_measures(world.connection, [parse_measure(measure(sql), "m.yaml")])
    assert str(broken.value).startswith("m.yaml:6: sql: ")
    assert told in str(broken.value)


def test_sql_that_fails_on_what_is_there_is_told_by_line_and_what_is_no_number_is_no_point(own: World) -> None:
    score(own, "one", "2025-01-01", 0, "China", "B")
    failing = parse_measure(measure(GOOD.replace("score AS", "CAST(title AS DOUBLE) AS")), "m.yaml")
    with pytest.raises(BrokenDefinition, match=r"m\.yaml:6: sql: Conversion Error"):
        points(own.connection, failing)
    assert points(own.connection, parse_measure(measure(GOOD.replace("score AS", "1 / score AS")), "m.yaml")) == ()


def test_two_files_with_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(measure(GOOD))
    with pytest.raises(BrokenDefinition, match=r"b\.yaml:1: .*a\.yaml has the same id"):
        load_measures(tmp_path)


def score(world: World, id: str, occurred: str, value: float, country: str, benchmark: str, **more: Any) -> None:
    world.event(
        "benchmark", id, occurred, benchmark=benchmark, model=id, country=country, score=value, unit="points", **more
    )


def test_the_gap_is_between_the_best_so_far_and_names_the_event_that_moved_it(own: World) -> None:
    eci = "Epoch Capabilities Index"
    score(own, "us-1", "2025-01-01", 130, "United States of America", eci)
    score(own, "cn-1", "2025-02-01", 120, "China", eci)
    score(own, "us-2", "2025-03-01", 125, "United States of America", eci)
    score(own, "cn-2", "2025-04-01", 128, "China", eci)
    gap = [point for point in points(own.connection, named("us-china-gap")) if point.series == "gap"]
    assert gap == [
        Point(date(2025, 2, 1), "gap", 10, "test", "cn-1"),
        Point(date(2025, 4, 1), "gap", 2, "test", "cn-2"),
    ]


def test_a_rating_gap_is_told_as_a_probability(own: World) -> None:
    for id, rating, country in (("best", 1439, "United States of America"), ("next", 1400, "China")):
        own.event(
            "benchmark", id, "2026-04-01", benchmark="LMArena", model=id, country=country, score=rating, unit="rating"
        )
    (point,) = points(own.connection, named("us-china-win-probability"))
    assert (round(point.value), point.id) == (56, "next")


def test_inference_against_training_keeps_the_articles_contradiction(own: World) -> None:
    for id, subject, low, high in (("i", "Cloud inference", 80e9, 120e9), ("t", "Frontier training", 40e9, 60e9)):
        own.event("metric", id, "2026", subject=subject, metric="market size", unit="USD", low=low, high=high)
    stated: dict[str, Any] = {
        "subject": "market",
        "metric": "inference to training ratio",
        "unit": "ratio",
        "low": 2,
        "high": 3,
    }
    own.event("metric", "s", "2026", **stated)
    drawn = {point.series: round(point.value, 2) for point in points(own.connection, named("inference-to-training"))}
    assert drawn == {
        "computed, least": 1.33,
        "computed, lower ends": 2,
        "computed, most": 3,
        "computed, upper ends": 2,
        "stated, high": 3,
        "stated, low": 2,
    }


def test_the_price_of_an_alias_counts_from_the_release_of_what_is_behind_it(own: World) -> None:
    eci = "Epoch Capabilities Index"
    score(own, "new", "2025-06-01", 140, "China", eci, model_version="chat")
    for id, day, price in (("before", "2024-01-01", 0.1), ("after", "2025-07-01", 0.3), ("dearer", "2025-08-01", 0.4)):
        money = {"value": price, "currency": "USD"}
        own.event(
            "model-release", id, day, kind="price", developer="X", model="chat", price={"input": money, "output": money}
        )
        # The test's store has no list of money: as the writer would keep it.
        own.connection.execute(
            """UPDATE events SET money = [
                {'field': 'price.' || side, 'value': $price, 'currency': 'USD', 'qualifier': 'exact', 'usd': $price,
                 'rate': 1, 'rate_date': occurred_on} FOR side IN ['input', 'output']] WHERE id = $id""",
            {"price": price, "id": id},
        )
    drawn = points(own.connection, named("price-per-million-tokens"))
    assert {(point.series, point.id, point.value) for point in drawn} == {
        ("at 126 points", "after", 0.3),
        ("at 135 points", "after", 0.3),
    }
