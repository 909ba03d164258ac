"""Everything wrong with a definition is told by line; the examples of the docs, and our own definitions, are clean."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from predictions.criterion import compile_reading, run
from predictions.lint import lint
from predictions.load import FOLDER, BrokenDefinition, Problem, parse_definition, unsound_in
from tests.predictions.world import make_world

DOCS = Path(__file__).parents[2] / "docs" / "predictions.md"
OURS = sorted(FOLDER.glob("*.yaml"))

FRAME: dict[str, Any] = {
    "id": "example",
    "title": "An example",
    "claim": "Something happens.",
    "source": "the docs",
    "made_on": "2026-04-17",
    "note": "Thresholds are invented.",
}
READING = {"id": "main", "description": "the only one", "deadline": "2027-04-17"}
OF_THE_DEFINITION = {"conditions", "near_miss"}

GOOD = """\
id: test
title: A test
claim: Something happens.
source: a test
made_on: 2026-04-17
note: All thresholds are invented.
conditions:
  firm:
    words: it is firm
    sql: status = 'signed'
readings:
  - id: main
    description: the only one
    deadline: 2027-04-17
    criterion:
      count_distinct:
        from: facts_deal
        of: kind
        where: [firm]
        at_least: 2
        unit: kinds
"""


@pytest.fixture(scope="module")
def store() -> duckdb.DuckDBPyConnection:
    return make_world().connection


def linted(store: duckdb.DuckDBPyConnection, folder: Path, text: str) -> list[str]:
    file = folder / "x.yaml"
    file.write_text(text, encoding="utf-8")
    return [str(found).removeprefix(f"{folder}/") for found in lint(store, [file])]


def blocks() -> Iterator[tuple[int, str]]:
    text = DOCS.read_text("utf-8")
    for match in re.finditer(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        # A running measure is no definition.
        if "\nquestion:" not in match[1]:
            yield text.count("\n", 0, match.start()) + 2, match[1]


@pytest.mark.parametrize(("line", "block"), blocks(), ids=lambda value: str(value) if isinstance(value, int) else "")
def test_each_example_of_the_docs_is_clean(
    store: duckdb.DuckDBPyConnection, tmp_path: Path, line: int, block: str
) -> None:
    found = YAML(typ="safe").load(block)
    if "id" not in found:
        reading = {**READING, **{key: item for key, item in found.items() if key not in OF_THE_DEFINITION}}
        found = {**FRAME, **{key: found[key] for key in OF_THE_DEFINITION & found.keys()}, "readings": [reading]}
        with (tmp_path / "example.yaml").open("w") as file:
            YAML().dump(found, file)
        block = (tmp_path / "example.yaml").read_text()
    assert linted(store, tmp_path, block) == []


def test_the_docs_show_how_errors_are_told(store: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    bad = next(blocks())[1].replace("sql: firm", "sql: frim").replace("of: lab,", "of: labs,").replace("t: 2", "t: 0")
    told = [one.replace("x.yaml", "chips.yaml").replace(": ", ": error: ", 1) for one in linted(store, tmp_path, bad)]
    (shown,) = re.findall(r"^```text\n(.*?)\n```$", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert [one[: line.index(" ...")] for one, line in zip(told, shown.split("\n"), strict=True)] == [
        line[: line.index(" ...")] for line in shown.split("\n")
    ]


def test_the_docs_have_an_example_of_every_kind() -> None:
    text = "\n".join(block for _, block in blocks())
    kinds = ("count_distinct", "exists", "sum", "latest", "share", "leader", "sequence", "sql", "all_of", "near_miss")
    assert [kind for kind in kinds if f"{kind}:" not in text] == []


def test_ours_are_clean_but_for_deadlines_that_had_passed_and_take_no_time(store: duckdb.DuckDBPyConnection) -> None:
    began = time.process_time()
    found = lint(store, OURS)
    assert time.process_time() - began < 5
    assert {one.message.split(":")[0] for one in found} == {"the deadline lies before `made_on`"}
    assert {one.severity for one in found} == {"warning"}


def test_the_calibration_set_has_no_error(store: duckdb.DuckDBPyConnection) -> None:
    found = lint(store, sorted((FOLDER / "calibration").glob("*.yaml")))
    assert [str(one) for one in found if one.severity == "error"] == []


ERRORS = [
    # What is replaced, by what, the line, and words of the message.
    ("deadline: 2027-04-17", "deadline: 2027-13-45", 14, "deadline: Input should be a valid date"),
    ("deadline: 2027-04-17", "deadline: 20270417", 14, "this is no date: write it as 2026-04-17"),
    ("at_least: 2", "at_least: '2'", 20, "at_least: Input should be a valid number"),
    ("at_least: 2", "at_least:", 20, "at_least: nothing stands here: fill it in, or leave the key out"),
    ("at_least: 2", "at_least: 2\n        above: 1", 16, "needs exactly one threshold"),
    ("at_least: 2", "at_least: .inf", 20, "Input should be a finite number"),
    ("at_least: 2", "below: 0", 20, "below 0 can never be reached: a count is 0 or more"),
    ("at_least: 2", "at_least: 0", 20, "at least 0 holds whatever happens"),
    ("at_least: 2", "at_least: 2\n        start: 2", 20, "`start` (2) is there already (at least 2)"),
    ("from: facts_deal", "from: facts_deals", 17, "'facts_deals' is no view of events; did you mean 'facts_deal'?"),
    ("from: facts_deal", "from: prediction_states", 17, "'prediction_states' is no view of events"),
    ("of: kind", "of: kinds", 18, '"kinds" not found'),
    ("of: kind", "of: \"'x'\"", 18, "at least 2 can never be reached: this tells no more than 1 apart"),
    ("of: kind", "of: candidate_entity", 18, '"candidate_entity" not found'),
    ("where: [firm]", "where: [firm, large]", 19, "no condition is called 'large' under `conditions` (there: firm)"),
    ("  firm:\n", "  window:\n", 8, "'window' is what every criterion brings along: give it another name"),
    ("status = 'signed'", "statsu = 'signed'", 10, '"statsu" not found'),
    ("status = 'signed'", "1 = 0", 10, "this is true of no row: the criterion can never hold by it"),
    ("status = 'signed'", "status = 'signed' AND status = 'closed'", 10, "this is true of no row"),
    ("status = 'signed'", "amount_usd", 10, "this has to be true, false or NULL, and is of type DECIMAL(38,6)"),
    ("status = 'signed'", "status = 'signed' --", 10, "a `--` comment must not be the last line"),
    ("status = 'signed'", "known_at < now()", 10, "now() is another one each day"),
    ("status = 'signed'", "random() < 0.5", 10, "random() depends on more than the row"),
    ("status = 'signed'", "status IN (SELECT stage FROM facts_policy)", 10, "a subquery over 'facts_policy' sees"),
    ("status = 'signed'", "status = 'signed'; DROP TABLE events", 10, "no statement but a single SELECT"),
    ("made_on: 2026-04-17", "made_on: 2026-04-17\nnear_miss: {except: [large]}", 6, "no condition is called 'large'"),
    (
        "deadline: 2027-04-17",
        "deadline: 2027-04-17\n    window: {from: 2027-05-01}",
        15,
        "the window starts on 2027-05-01, after the deadline, 2027-04-17: no day is left",
    ),
    (
        "deadline: 2027-04-17",
        "deadline: 2027-04-17\n    window: {from: 2027-02-01, to: 2027-01-01}",
        15,
        "the window starts on 2027-02-01 and ends before, on 2027-01-01: no day lies in it",
    ),
    (
        "deadline: 2027-04-17",
        "deadline: 2027-04-17\n    milestones:\n      - {name: a, progress: 0}\n      - {name: a, state: met}",
        17,
        "two milestones are called 'a'",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), ERRORS)
def test_an_error_is_told_at_its_line(
    store: duckdb.DuckDBPyConnection, tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert GOOD.count(old) == 1
    told = linted(store, tmp_path, GOOD.replace(old, new))
    assert any(one.startswith(f"x.yaml:{line}: ") and "warning" not in one and words in one for one in told), told


def test_a_circle_is_told_at_its_line(store: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    head, _, _ = GOOD.partition("    criterion:")
    told = linted(
        store, tmp_path, f"{head}    criterion: &it\n      all_of:\n        - exists: {{from: x}}\n        - *it\n"
    )
    assert told == ["x.yaml:15: this refers to itself (`&name` ... `*name` inside of it): write out what is meant"]


def test_all_errors_of_a_file_are_told_at_once(store: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = (
        GOOD.replace("title:", "titel:").replace("  - id: main", "  - id: Main").replace("at_least: 2", "at_leats: 2")
    )
    assert [one.split(": ")[0] for one in linted(store, tmp_path, text)] == ["x.yaml:2", "x.yaml:12", "x.yaml:20"]
    text = GOOD.replace("status =", "statsu =").replace("of: kind", "of: now()").replace("deal", "deals")
    assert [one.split(": ")[0] for one in linted(store, tmp_path, text)] == ["x.yaml:17", "x.yaml:18"]
    text = GOOD.replace("status =", "statsu =").replace("of: kind", "of: random()").replace("at_least: 2", "above: -1")
    assert [one.split(": ")[0] for one in linted(store, tmp_path, text)] == ["x.yaml:10", "x.yaml:18", "x.yaml:20"]


WARNINGS = [
    ("where: [firm]", "where: []", 8, "no reading uses the condition 'firm'"),
    ("where: [firm]", "where: []", 16, "there is no `where`"),
    ("where: [firm]", "where: [firm, firm]", 19, "'firm' stands here twice"),
    ("        unit: kinds\n", "", 16, "without `unit` people read '2 of 3 distinct'"),
    ("at_least: 2", "at_least: 1.5", 20, "a count is whole"),
    ("at_least: 2", "below: 2", 15, "what only grows starts `below`"),
    ("note: All thresholds are invented.\n", "", 14, "no `note` says which thresholds"),
    ("status = 'signed'", "1 = 1", 10, "this is the same for every row"),
    ("status = 'signed'", "CAST(purpose AS INTEGER) > 1", 10, "CAST of 'purpose' to INTEGER fails on a value"),
    ("status = 'signed'", "purpose::DATE > DATE '2026-01-01'", 10, "use TRY_CAST"),
    ("deadline: 2027-04-17", "deadline: 2026-01-01\n    window: {to: 2026-01-01}", 14, "the deadline lies before"),
    (
        "deadline: 2027-04-17",
        "deadline: 2027-04-17\n    window: {from: 2026-01-01}",
        15,
        "before the prediction was made",
    ),
    (
        "deadline: 2027-04-17",
        "deadline: 2026-01-01\n    window: {to: 2026-01-01}\n    milestones: [{name: a, state: missed}]",
        16,
        "this can never be reached, unless a person says so",
    ),
    (
        "deadline: 2027-04-17",
        "deadline: 2027-04-17\n    milestones: [{name: a, progress: 0.5}, {name: b, progress: 0.1}]",
        15,
        "put them in order",
    ),
    (
        "deadline: 2027-04-17",
        "deadline: 2027-04-17\n    milestones: [{name: a, state: met}, {name: b, state: met}]",
        15,
        "another milestone is told at the same time",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), WARNINGS)
def test_a_doubt_is_told_at_its_line_and_is_no_error(
    store: duckdb.DuckDBPyConnection, tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    told = linted(store, tmp_path, GOOD.replace(old, new))
    assert any(one.startswith(f"x.yaml:{line}: warning: ") and words in one for one in told), told
    assert all(" warning: " in one for one in told)


def test_two_files_of_one_id(store: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)
    (found,) = lint(store, [tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "a.yaml"])
    assert str(found) == f"{tmp_path}/b.yaml:1: id: {tmp_path}/a.yaml has the same id"


LINES = [line for file in OURS for line in file.read_text("utf-8").splitlines() if line.strip()]
PIECES = st.one_of(
    st.sampled_from(LINES),
    st.sampled_from(
        ["{", "[", "]", "*labs", "&labs", "<<: *labs", "? ", "- ", "null", "---", "...", "!!int x", "'", '"']
    ),
    st.sampled_from(["all_of:", "sequence:", "of: 1", "where: {}", "show: [1]", "deadline: 1e9", "version: -1", "% x"]),
    st.text(max_size=20),
)


def problems_in(text: str) -> tuple[Problem, ...]:
    try:
        parse_definition(text, "x.yaml")
    except BrokenDefinition as error:
        return error.problems or (Problem("x.yaml", 0, "", "a problem without a line"),)
    return ()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_stands_in_a_file_only_a_broken_definition_with_a_line_comes_of_it(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(OURS)).read_text("utf-8").splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        indent = " " * data.draw(st.integers(0, 8))
        change = data.draw(st.sampled_from(["drop", "insert", "replace", "cut", "swap", "append"]))
        piece = data.draw(PIECES)
        if change == "drop":
            lines[place] = ""
        elif change == "insert":
            lines.insert(place, indent + piece)
        elif change == "replace":
            lines[place] = indent + piece
        elif change == "cut":
            lines[place] = lines[place][: data.draw(st.integers(0, 40))]
        elif change == "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[place], lines[other] = lines[other], lines[place]
        else:
            lines[place] += piece
    text = "\n".join(lines)
    for problem in problems_in(text):
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.message
        assert str(problem).startswith(f"x.yaml:{problem.line}: ")


TOKENS = (
    "status amount_usd = ( ) ' -- /* ; SELECT FROM events CASE now() , x-> lambda x: * ? $1 #1 AS NULL ::INT IN [ ]"
)
SQL = st.one_of(
    st.text(max_size=30), st.lists(st.sampled_from([*TOKENS.split(), "\x00", "\n"]), max_size=8).map(" ".join)
)


@given(st.sampled_from(["sql: status = 'signed'", "of: kind"]), SQL)
@settings(max_examples=60, deadline=None)
def test_whatever_stands_in_sql_it_is_told_at_its_line_or_it_runs(
    store: duckdb.DuckDBPyConnection, old: str, sql: str
) -> None:
    text = GOOD.replace(old, f"{old.split(':')[0]}: {json.dumps(sql)}")
    found = [*problems_in(text)]
    if not found:
        definition = parse_definition(text, "x.yaml")
        found = unsound_in(store, [definition])
    assert {problem.line for problem in found} <= {10, 18, 19, 20}
    if not found:
        for query in compile_reading(definition, definition.readings[0]):
            run(store, query)
