"""What all commands share: values as text and JSON, tables that fit, and terminals that are none."""

import math
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dualtrack.cli.output import again, jsonable
from dualtrack.cli.tables import cell_text, print_table, share_width, shortened
from dualtrack.settings import Settings

COMMAND = (sys.executable, "-c", "from dualtrack.cli.main import run; run()")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (2024, "2024"),
        (0.2, "0.2"),
        (0.0, "0"),
        (1234.5, "1,234.50"),
        (20_000_000_000.0, "20,000,000,000"),
        (Decimal("650000000.000000"), "650,000,000"),
        (Decimal("1.250000"), "1.25"),
        (math.nan, "nan"),
        (datetime(2026, 4, 17, 9, 30, 5, 123, tzinfo=UTC), "2026-04-17 09:30:05"),
        (date(2026, 4, 17), "2026-04-17"),
        (["a", {"b": Decimal(1)}], '["a", {"b": 1}]'),
        (b"\xffa", "\\xffa"),
        ("a\nb", "a\nb"),
    ],
)
def test_a_cell(value: Any, text: str) -> None:
    assert cell_text(value) == text


def test_json_knows_no_nan() -> None:
    assert jsonable({"a": [math.inf, Decimal("NaN"), Decimal("1E+3")]}) == {"a": [None, None, 1000]}


def test_text_is_cut_between_words() -> None:
    assert shortened("short", 10) == "short"
    assert shortened("one, two, three", 12) == "one, two …"


def test_columns_share_the_width_and_keep_their_words() -> None:
    short, long = ["id", "1"], ["text", "some words that need a line or two"]
    assert share_width([short, long], 80) == [2, 34]
    assert share_width([short, long], 24) == [2, 20]
    assert share_width([short, long], 9) == [2, 5]
    assert share_width([short, long], 8) is None
    # Nobody starves beside a very long one.
    assert share_width([long, ["other", "more " * 200]], 60) == [29, 29]


def test_a_table_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Things", [])
    assert capsys.readouterr().out == "Things: none\n"


def test_a_table_aligns_numbers_and_falls_back_to_records(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, Any]] = [{"name": "a", "n": 5}, {"name": "b", "n": 1000.5}, {"name": "c", "n": None}]
    print_table("Things", rows)
    assert capsys.readouterr().out.splitlines()[:4] == ["Things", "name         n", "──────────────", "a            5"]
    monkeypatch.setenv("COLUMNS", "20")
    print_table("Things", [{"a_very_long_name": "x", "another_very_long_name": "https://example.org/1"}])
    assert capsys.readouterr().out.splitlines() == [
        "Things",
        "      a_very_long_name  x",
        "another_very_long_name  https://example.org/1",
        "",
    ]


def test_a_command_to_type_next_has_the_home_of_this_one() -> None:
    assert again(Settings(home=Path("var")), "doctor") == "dualtrack doctor"
    assert again(Settings(home=Path("/tmp/a b")), "doctor") == "dualtrack --home '/tmp/a b' doctor"


def piped(*words: str, home: Path, encoding: str = "utf-8") -> subprocess.Popen[bytes]:
    own = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "80"}
    return subprocess.Popen(
        [*COMMAND, "--home", str(home), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=own
    )


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_pipe_that_is_closed_early_is_no_error_message(loaded: Path, as_json: list[str]) -> None:
    with piped("query", "FROM range(200000)", *as_json, home=loaded) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(20)
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "error" not in said


def test_a_terminal_without_unicode_gets_question_marks_not_a_traceback(loaded: Path) -> None:
    with piped("predictions", "list", home=loaded, encoding="ascii") as process:
        out, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")
    assert b"..........   0%" in out
    with piped("query", "SELECT 'ü' AS u", "--json", home=loaded, encoding="ascii") as process:
        out, _ = process.communicate(timeout=30)
    assert out == b'[{"u": "\\u00fc"}]\n'
