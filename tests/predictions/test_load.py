"""A broken definition is refused with its file, its line and what to change."""

from pathlib import Path

import pytest

from predictions.load import SETS, BrokenDefinition, load_definitions, load_sets, parse_definition, validate_sql
from tests.predictions.world import UNICORNS, define, make_world

GOOD = """\
id: test
title: A test
claim: Something happens.
source: a test
made_on: 2026-04-17
conditions:
  firm:
    words: it is firm
    sql: status = 'signed'
readings:
  - id: main
    description: the only one
    deadline: 2027-04-17
    criterion:
      exists:
        from: facts_deal
        where: [firm]
"""


def broken(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(BrokenDefinition) as caught:
        parse_definition(GOOD.replace(old, new), "x.yaml")
    return str(caught.value)


def test_a_good_one_loads_and_knows_its_lines() -> None:
    definition = parse_definition(GOOD, "x.yaml")
    assert definition.origin.at(("readings", 0, "criterion", "exists", "where", 0)) == "x.yaml:17"
    assert definition.version == 1


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    message = broken("    deadline:", "    deadlines:")
    assert "x.yaml:13: readings.0.deadlines: unknown key 'deadlines'; did you mean 'deadline'?" in message


def test_an_unknown_key_without_a_near_one_lists_the_known_ones() -> None:
    assert "x.yaml:17: readings.0.criterion.exists.xyz: unknown key 'xyz'; known here: from, about" in broken(
        "        where: [firm]", "        xyz: 1"
    )


def test_a_missing_key_is_named_where_it_belongs() -> None:
    assert "x.yaml:11: readings.0: `description` is missing" in broken("    description: the only one\n", "")


def test_a_condition_that_is_not_declared() -> None:
    message = broken("[firm]", "[firm, signed]")
    assert "x.yaml:17: readings.0.criterion.exists.where.1: no condition is called 'signed'" in message
    assert "(there: firm)" in message


def test_a_deadline_before_the_prediction_needs_a_window() -> None:
    assert "x.yaml:13: readings.0.deadline: the deadline lies before made_on: give the reading a `window`" in broken(
        "deadline: 2027-04-17", "deadline: 2025-12-31"
    )


def test_all_problems_are_told_at_once() -> None:
    message = broken("title: A test\nclaim: Something happens.\n", "titel: A test\n")
    assert message.splitlines()[0].startswith("x.yaml:2: titel: unknown key 'titel'; did you mean 'title'?")


def test_a_value_of_the_wrong_kind() -> None:
    assert "x.yaml:5: made_on: 'spring' is no date" in broken("2026-04-17\n", "spring\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: [", "x.yaml:1: this is no YAML"),
        ("id: a\nid: b\n", "x.yaml:2: the key 'id' stands here twice"),
        ("- a\n", "x.yaml:1: a definition is a mapping"),
        ("", "x.yaml:1: a definition is a mapping"),
        ("a: !!python/object:os.system {}\n", "x.yaml:1"),
    ],
)
def test_no_definition_at_all(text: str, message: str) -> None:
    with pytest.raises(BrokenDefinition, match=message):
        parse_definition(text, "x.yaml")


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert [definition.id for definition in load_definitions(tmp_path)] == ["test"]
    (tmp_path / "twin.yaml").write_text(GOOD)
    with pytest.raises(BrokenDefinition, match=r"twin.yaml:1: .*mine.yaml has the same id"):
        load_definitions(tmp_path)


def test_sets_are_joined_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    found = [definition.id for definition in load_sets((str(tmp_path), "seed", "seed"))]
    assert found == ["test", "p1a", "p1b", "p2a", "p2b", "p3a", "p3b", "p4a", "p4b"]
    assert {definition.id for definition in load_sets(("seed", "calibration"))} > set(found) - {"test"}


def test_a_set_that_is_none_and_an_id_in_two_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenDefinition, match="'sede' is no set of definitions: write seed, calibration or a folder"):
        load_sets(("sede",))
    (tmp_path / "mine.yaml").write_text(GOOD.replace("id: test", "id: p1a"))
    with pytest.raises(BrokenDefinition, match=r"mine.yaml:1: .*p1a_imitators.yaml has the same id"):
        load_sets(("seed", str(tmp_path)))


@pytest.mark.parametrize("name", SETS)
def test_what_comes_along_fits_the_views(name: str) -> None:
    validate_sql(make_world().connection, load_definitions(SETS[name]))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"id: \xff\xfe")
    with pytest.raises(BrokenDefinition, match="cannot be read"):
        load_definitions(tmp_path)


def test_sql_is_checked_against_the_views() -> None:
    world = make_world()
    validate_sql(world.connection, [define(UNICORNS)])
    with pytest.raises(BrokenDefinition) as caught:
        validate_sql(world.connection, [parse_definition(GOOD.replace("status =", "statsu ="), "x.yaml")])
    assert "x.yaml:9: conditions.firm.sql:" in str(caught.value)
    assert '"statsu" not found' in str(caught.value)


def test_an_unknown_view_is_told_at_its_line() -> None:
    with pytest.raises(BrokenDefinition, match=r"x.yaml:16: .*facts_deals"):
        validate_sql(make_world().connection, [parse_definition(GOOD.replace("facts_deal", "facts_deals"), "x.yaml")])
