"""``dualtrack load``: what it prints, for people and for programs, and what it says about files that are none."""

import os
import threading
from pathlib import Path

import pytest

from dualtrack import loading
from dualtrack.settings import Settings
from dualtrack.tools import settle_parts
from schemas.records import RawRecord
from tests.dualtrack.kit import MIXED, dualtrack, json_of, line, write_lines


def test_json_has_the_four_numbers_and_the_sum_holds(own_copy: Path, tmp_path: Path) -> None:
    told = json_of("load", str(write_lines(tmp_path / "more.jsonl", [*MIXED, line(20)])), home=own_copy)
    assert told["input"] == told["landed"] + told["duplicate"] + told["rejected"] == len(MIXED) + 1
    assert (told["landed"], told["duplicate"], told["rejected"]) == (1, 9, 3)
    assert told["rejected_by_rule"] == {"common.money-negative": 1, "not_json": 1, "not_utf8": 1}


def test_people_are_told_the_sum_the_lines_that_were_rejected_and_what_to_do(own_copy: Path, tmp_path: Path) -> None:
    file = write_lines(tmp_path / "more.jsonl", [line(20), b"?", line(1)])
    said = dualtrack("load", str(file), home=own_copy).stdout
    assert "3 inputs = 1 landed + 1 duplicate + 1 rejected" in said
    assert f"{file}:2: not JSON" in said
    assert f"dualtrack --home {own_copy} rejections list" in said
    assert dualtrack("load", str(file), home=own_copy).stdout.splitlines() == [
        "0 inputs = 0 landed + 0 duplicate + 0 rejected",
        f"{file} was loaded before: nothing in it is new",
    ]


def test_standard_input_and_pipes_are_read(own_copy: Path, tmp_path: Path) -> None:
    lines = b"\n".join([line(30), line(31)])
    assert json_of("load", "-", home=own_copy, input=lines)["landed"] == 2
    assert json_of("load", "-", home=own_copy, input=lines)["loaded_before"] == ["-"]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(lines,))
    writer.start()
    try:
        assert json_of("load", str(pipe), home=own_copy)["loaded_before"] == [str(pipe)]
    finally:
        writer.join()


def test_an_empty_file_is_said_to_be_empty(own_copy: Path, tmp_path: Path) -> None:
    said = dualtrack("load", str(write_lines(tmp_path / "empty", [])), home=own_copy).stdout
    assert "nothing to read" in said


def test_a_file_that_is_none_stops_the_load_before_anything_lands(tmp_path: Path) -> None:
    good = write_lines(tmp_path / "good.jsonl", [line(0)])
    home = tmp_path / "home"
    for wrong, told in ((tmp_path / "missing.jsonl", "there is no file"), (tmp_path, "is a folder: name its files")):
        said = dualtrack("load", str(good), str(wrong), home=home, exit_code=2)
        assert told in said.stderr
        assert str(wrong) in said.stderr
    assert not home.exists()


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    good = write_lines(tmp_path / "good.jsonl", [line(0)])
    for home in (good, good / "inside"):
        said = dualtrack("load", str(good), home=home, exit_code=1).stderr
        assert f"{home} is a file, or lies in one" in said
        assert "--home" in said


def test_a_broken_setting_is_named_with_its_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALTRACK_SESSION_TIMEOUT_S", "foo")
    said = dualtrack("load", "-", home=tmp_path, input=line(0), exit_code=2).stderr
    assert "DUALTRACK_SESSION_TIMEOUT_S=foo" in said
    assert "Correct or unset it" in said


def test_a_store_that_somebody_writes_is_said_to_be_held(own_copy: Path) -> None:
    parts = settle_parts(Settings(home=own_copy), ("file",))
    parts.open()
    try:
        said = dualtrack("load", "-", home=own_copy, input=line(0), exit_code=1).stderr
    finally:
        parts.sink.close()
    assert "has the store" in said
    assert f"dualtrack --home {own_copy} publish -" in said


def test_interrupted_it_says_how_to_go_on_and_gives_the_store_free(
    own_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_lines(tmp_path / "more.jsonl", [line(number) for number in range(40, 46)])
    monkeypatch.setattr(loading, "BATCH_RECORDS", 3)
    load_batch = loading._load_batch

    def interrupt_later(path: Path, records: list[RawRecord], *rest: object) -> None:
        if records[0].offset:
            raise KeyboardInterrupt
        load_batch(path, records, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "_load_batch", interrupt_later)
    assert "the same command goes on from there" in dualtrack("load", str(file), home=own_copy, exit_code=130).stderr
    monkeypatch.setattr(loading, "_load_batch", load_batch)
    told = json_of("load", str(file), home=own_copy)
    assert (told["landed"], told["redelivered"]) == (3, 3)


def test_without_a_terminal_there_is_no_progress_bar(own_copy: Path) -> None:
    assert dualtrack("load", "-", home=own_copy, input=line(50)).stderr == ""
