"""Tables of others: columns by name, dates in several forms, and errors that name the place."""

from datetime import date
from pathlib import Path

import pytest

from publishers.sources.tables import Row, SourceBroken, file_in, read_csv, read_yaml_list


def row(**cells: str) -> Row:
    return Row("t.csv", 7, cells)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2025-12-31", date(2025, 12, 31), date(2025, 12, 31)),
        ("12/31/2025", date(2025, 12, 31), date(2025, 12, 31)),
        ("1/8/2026", date(2026, 1, 8), date(2026, 1, 8)),
        ("2026-01", date(2026, 1, 1), date(2026, 1, 31)),
        ("2025-12-18T08:32:05-08:00", date(2025, 12, 18), date(2025, 12, 18)),
    ],
)
def test_dates_are_read_in_each_form(text: str, first: date, last: date) -> None:
    found = row(d=text).when("d")
    assert found is not None
    assert (found.first, found.last) == (first, last)


@pytest.mark.parametrize("text", ["", "  ", "0202-07-30"])
def test_no_date_and_an_absurd_one_are_none(text: str) -> None:
    assert row(d=text).when("d") is None


@pytest.mark.parametrize("text", ["soon", "2025-13-01", "31/12/2025"])
def test_what_is_no_date_names_its_place(text: str) -> None:
    with pytest.raises(SourceBroken, match=r"t\.csv:7: column 'd': .* is no date"):
        row(d=text).when("d")


def test_numbers() -> None:
    assert (row(n=" 1e25 ").number("n"), row(n="").number("n")) == (1e25, None)
    for text in ("many", "nan", "inf"):
        with pytest.raises(SourceBroken, match=r"t\.csv:7: column 'n': .* is no number"):
            row(n=text).number("n")


def write(folder: Path, text: str, name: str = "t.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_rows_know_their_line_and_other_columns_are_let_be(tmp_path: Path) -> None:
    file = write(tmp_path, '\ufeffa,b,c\n1,"x\ny",3\n4,z,6\n')
    assert [(one.line, one.text("a"), one.text("b")) for one in read_csv(file, ("a", "b"))] == [
        (3, "1", "x\ny"),
        (4, "4", "z"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,c\n1,2\n", r"t\.csv:1: the column 'b' is missing; there are: a, c"),
        ("", r"t\.csv:1: the column 'a' is missing; there are: none"),
        ("a,b\n1,2\n3\n", r"t\.csv:3: the row has not as many cells as the header"),
        ("a,b\n1,2,3\n", r"t\.csv:2: the row has not as many cells as the header"),
    ],
)
def test_a_table_that_has_changed_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SourceBroken, match=told):
        list(read_csv(write(tmp_path, text), ("a", "b")))


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(SourceBroken, match="this is no CSV"):
        list(read_csv(tmp_path / "t.csv", ("a", "b")))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\n", "a list of entries is expected"),
        ("- a: 1\n- b: 2\n", "entry 2 has no 'a'"),
        ("- just words\n", "entry 1 has no 'a'"),
        ("- [\n", "this is no YAML"),
    ],
)
def test_a_yaml_list_that_has_changed_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SourceBroken, match=told):
        list(read_yaml_list(write(tmp_path, text, "t.yml"), ("a",)))


def test_the_first_file_that_is_there_is_taken(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    assert file_in(tmp_path, "x/t.csv", "t.csv") == file
    with pytest.raises(SourceBroken, match="holds no x or y"):
        file_in(tmp_path, "x", "y")
