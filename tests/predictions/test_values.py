"""The columns that a condition names, and what stood in them."""

import duckdb
import pytest

from predictions.values import columns_in, judged_rows
from tests.predictions.world import UNICORNS, define, make_world


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("status IN ('announced', 'signed')", ["status"]),
        ("valuation_usd >= 1e9 AND status = 'x' OR valuation_usd IS NULL", ["valuation_usd", "status"]),
        ("deal.kind = 'status'", ["deal.kind"]),
        ("list_filter(orgs, lambda o: o.name = company)[1].id", ["orgs", "company"]),
        ("CASE WHEN a THEN TRUE WHEN coalesce(b, 'c') = d THEN NULL END", ["a", "b", "d"]),
        ("TRUE", []),
    ],
)
def test_columns_are_read_by_the_parser(sql: str, columns: list[str]) -> None:
    assert sorted(columns_in(duckdb.connect(), sql)) == sorted(columns)


def test_each_condition_comes_with_its_values_and_what_is_shown_stays() -> None:
    definition = define(UNICORNS.replace("unit:", "show: {stage: status}, unit:"))
    world = make_world(definition)
    world.event("funding", "small", "2026-05", company="A", valuation=5)
    (item,) = judged_rows(world.connection, definition, definition.readings)["main"]
    assert item.values["large"] == {"valuation_usd": 5}
    assert item.values["firm"] == {"status": "announced"}
    assert item.values["window"] == {"occurred_on": "2026-05-01", "occurred_until": "2026-05-31"}
    assert item.values["group"] == {"company": "A"}
    assert item.row.shown == {"stage": "announced"}
    assert item.all_values["valuation_usd"] == 5


def test_names_that_are_no_columns_of_the_view_are_left_out() -> None:
    """Of a subquery, for instance."""
    condition = "  rare: {words: rare, sql: '(SELECT count(*) FROM ref_organisations WHERE is_lab) > length(company)'}"
    definition = define("{exists: {from: facts_funding, where: [rare]}}", conditions=condition)
    world = make_world(definition)
    world.event("funding", "a", "2026-05-01", company="A")
    (item,) = judged_rows(world.connection, definition, definition.readings)["main"]
    assert item.values["rare"] == {"company": "A"}
