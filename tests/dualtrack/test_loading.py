"""Loading files without a broker: every line ends in one counted outcome, once, whatever happens on the way."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dualtrack import lines, loading
from dualtrack.loading import LoadReport, load_files, topic_of_file
from dualtrack.settings import Settings
from dualtrack.tools import settle_parts, validate_tools
from pipeline.flow import SettleTools, ValidateTools
from publishers.sources.bad_inputs import BAD_INPUTS, ODD_INPUTS, SEED
from tests.dualtrack.kit import line, mixed, write_lines

NOW = datetime(2026, 4, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def validate() -> ValidateTools:
    tools = replace(validate_tools(), clock=lambda: NOW)
    tools.checks.open()
    return tools


@pytest.fixture(scope="module")
def settle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SettleTools]:
    """One store for all: opening one takes most of a second. Each test loads files and events of its own."""
    parts = settle_parts(Settings(home=tmp_path_factory.mktemp("home")), ("file",))
    parts.open()
    yield replace(parts.tools, clock=lambda: NOW)
    parts.sink.close()


def counts(report: LoadReport) -> tuple[int, int, int]:
    return report.landed.landed, report.landed.duplicate, report.landed.rejected


def rows(settle: SettleTools, file: Path, what: str, table: str = "outcomes") -> list[tuple[Any, ...]]:
    """Rows that came from that file, in the order of its lines where that matters."""
    with settle.sink.reader() as connection:
        sql = f'SELECT {what} FROM {table} WHERE topic = ? ORDER BY "offset"'
        return connection.execute(sql, [topic_of_file(file)]).fetchall()


def outcomes(settle: SettleTools, file: Path) -> Counter[str]:
    return Counter(outcome for (outcome,) in rows(settle, file, "outcome"))


WHOLE = {"landed": 8, "duplicate": 1, "rejected": 3}
"""What becomes of ``mixed``."""


def test_every_line_has_its_outcome_and_the_sum_holds(
    validate: ValidateTools, settle: SettleTools, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "mixed.jsonl", mixed("sum"))
    report = load_files([file], validate, settle)
    assert counts(report) == (8, 1, 3)
    assert report.input == 12
    assert outcomes(settle, file) == WHOLE
    assert report.rejected_by_rule == {"common.money-negative": 1, "not_json": 1, "not_utf8": 1}
    # What was not understood comes before what was checked.
    assert [(item.line, item.rule) for item in report.examples] == [
        (11, "not_json"),
        (12, "not_utf8"),
        (10, "common.money-negative"),
    ]


def test_the_same_file_again_lands_nothing_and_says_so(
    validate: ValidateTools, settle: SettleTools, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "mixed.jsonl", mixed("again"))
    load_files([file], validate, settle)
    elsewhere = Path(shutil.copy(file, tmp_path / "under another name.jsonl"))
    for again in (file, elsewhere):
        report = load_files([again], validate, settle)
        assert counts(report) == (0, 0, 0)
        assert report.loaded_before == [str(again)]
        assert report.already_read == 12
    assert outcomes(settle, file) == WHOLE


def test_the_same_lines_in_another_file_are_all_duplicates(
    validate: ValidateTools, settle: SettleTools, tmp_path: Path
) -> None:
    events = [line(number, id=f"same-{number}") for number in range(5)]
    load_files([write_lines(tmp_path / "first.jsonl", events)], validate, settle)
    report = load_files([write_lines(tmp_path / "second.jsonl", reversed(events))], validate, settle)
    assert counts(report) == (0, 5, 0)
    assert report.loaded_before == []


@pytest.mark.parametrize("batches_done", [1, 2])
def test_an_interrupted_load_goes_on(
    validate: ValidateTools, settle: SettleTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches_done: int
) -> None:
    monkeypatch.setattr(loading, "BATCH_RECORDS", 5)
    file = write_lines(tmp_path / "mixed.jsonl", mixed(f"interrupted-{batches_done}"))
    calls = 0

    def interrupt(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == batches_done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_files([file], validate, settle, interrupt)
    assert outcomes(settle, file).total() == 5 * batches_done
    report = load_files([file], validate, settle)
    assert report.already_read == 5 * batches_done
    assert report.input == 12 - 5 * batches_done
    assert report.loaded_before == []
    assert outcomes(settle, file) == WHOLE


def test_an_interruption_inside_a_batch_leaves_nothing_of_it(
    validate: ValidateTools, settle: SettleTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_lines(tmp_path / "mixed.jsonl", mixed("inside"))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(settle.predictions), "evaluate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load_files([file], validate, settle)
    assert outcomes(settle, file).total() == 0
    assert counts(load_files([file], validate, settle)) == (8, 1, 3)


def test_several_files_are_loaded_in_their_order_each_once(
    validate: ValidateTools, settle: SettleTools, tmp_path: Path
) -> None:
    first = write_lines(tmp_path / "first.jsonl", [line(0, id="x"), line(0, id="y")])
    second = write_lines(tmp_path / "second.jsonl", [line(0, id="y"), line(0, id="z"), b"?"])
    report = load_files([first, second, first], validate, settle)
    assert counts(report) == (3, 1, 1)
    assert report.loaded_before == [str(first)]
    assert [(Path(item.path).name, item.line) for item in report.examples] == [("second.jsonl", 3)]


def test_every_bad_input_has_its_counted_outcome_and_reason(
    validate: ValidateTools, settle: SettleTools, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "bad.jsonl", [item.value or b"" for item in BAD_INPUTS])
    report = load_files([file], validate, settle)
    assert counts(report) == (0, 0, len(BAD_INPUTS))
    found = rows(settle, file, "stage, rule", "rejections")
    expected = {item.name: (item.expected_stage.value, item.expected_rule) for item in BAD_INPUTS}
    assert dict(zip(expected, found, strict=True)) == expected
    assert all(len(reason) > 10 for (reason,) in rows(settle, file, "reason", "rejections"))


def test_every_odd_input_lands_or_is_a_duplicate(validate: ValidateTools, settle: SettleTools, tmp_path: Path) -> None:
    odd = write_lines(tmp_path / "odd.jsonl", [item.value or b"" for item in ODD_INPUTS])
    load_files([SEED / "deals.jsonl"], validate, settle)
    report = load_files([odd], validate, settle)
    assert report.input == len(ODD_INPUTS)
    expected = {item.name: item.expected_outcome.value for item in ODD_INPUTS}
    found = [outcome for (outcome,) in rows(settle, odd, "outcome")]
    assert dict(zip(expected, found, strict=True)) == expected


FILES = {
    "empty": (b"", (0, 0, 0)),
    "no newline at the end": (line(0, id="a") + b"\n" + line(0, id="b"), (2, 0, 0)),
    "line ends of Windows": (line(0, id="c") + b"\r\n" + line(0, id="d") + b"\r\n", (2, 0, 0)),
    "byte-order mark": (b"\xef\xbb\xbf" + line(0, id="e") + b"\n" + line(0, id="f") + b"\n", (2, 0, 0)),
    "empty lines, which are inputs": (line(0, id="g") + b"\n\n  \n" + line(0, id="h") + b"\n", (2, 0, 2)),
    "binary": (bytes(range(256)) * 40, (0, 0, 41)),
    "an array instead of lines": (json.dumps([json.loads(line(0, id="i"))]).encode(), (0, 0, 1)),
}


def test_files_as_people_have_them(validate: ValidateTools, settle: SettleTools, tmp_path: Path) -> None:
    found = {}
    for name, (content, _) in FILES.items():
        file = tmp_path / name
        file.write_bytes(content)
        found[name] = counts(load_files([file], validate, settle))
    assert found == {name: expected for name, (_, expected) in FILES.items()}


def test_of_an_endless_line_only_the_beginning_is_read(
    validate: ValidateTools, settle: SettleTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1024 * 1024)
    file = write_lines(tmp_path / "endless.jsonl", [b"x" * (5 * 1024 * 1024 + 3), line(0, id="endless")])
    assert counts(load_files([file], validate, settle)) == (1, 0, 1)
    found = rows(settle, file, '"offset", rule, octet_length("value")', "rejections")
    assert found == [(0, "too_large", 1024 * 1024)]


@pytest.mark.parametrize("length", [7, 8, 9, 15, 16, 17])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_lines_around_the_limit_stay_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, end: bytes
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 8)
    file = tmp_path / "file"
    file.write_bytes(b"a\n" + b"x" * length + b"\nb" + end)
    with file.open("rb") as opened:
        found = [found.rstrip(b"\n") for found in lines.lines_of(opened)]
    assert found == [b"a", b"x" * min(length, 8), b"b"]


def decision(id: str, kind: str = "forecast", **data: Any) -> bytes:
    fields = {"by": "Ada", "prediction": "p1a", "reading": "literal", "forecaster": "Ada", "probability": 0.4}
    fields |= {"made_at": "2026-04-17T09:30:00Z", **data}
    type = f"ai.dualtrack.decision.{kind}.v1"
    return json.dumps({"specversion": "1.0", "type": type, "source": "desk", "id": id, "data": fields}).encode()


def test_decisions_land_and_bad_ones_are_named_by_their_line(
    tmp_path: Path, validate: ValidateTools, settle: SettleTools
) -> None:
    lines = [
        decision("d1"),
        line(1, id="beside-decisions"),
        decision("d2", probability=40),
        decision("d1"),
        decision("d3", "guess"),
        decision("d4", "resolve", outcome="met"),
    ]
    file = write_lines(tmp_path / "decisions.jsonl", lines)
    report = load_files([file], validate, settle)
    assert counts(report) == (3, 1, 2)
    assert report.rejected_by_rule == {"invalid_decision": 1, "unknown_decision": 1}
    assert [(item.line, item.stage) for item in report.examples] == [(3, "settle"), (5, "settle")]
    assert "data.probability: Input should be less than or equal to 1" in report.examples[0].reason
    assert rows(settle, file, "outcome, kind") == [
        ("landed", "decision"),
        ("landed", "event"),
        ("rejected", "event"),
        ("duplicate", "decision"),
        ("rejected", "event"),
        ("landed", "decision"),
    ]
    assert report.moved["p1a", "literal"].history[-1].state == "met"
    again = load_files([file], validate, settle)
    assert counts(again) == (0, 0, 0)
