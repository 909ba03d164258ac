"""What could harm the reader of YAML is refused by line; everything else is read as YAML 1.2 has it."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.load import BrokenDefinition, load_definition
from predictions.yaml_tree import MAX_BYTES, MAX_DEPTH, NoTree, read_tree

BOMB = "a: &k0 [x, x]\n" + "".join(f"k{i}: &k{i} [*k{i - 1}, *k{i - 1}]\n" for i in range(1, 60))
MERGE_BOMB = "a: &k0 {a0: 1}\n" + "".join(f"k{i}: &k{i} {{<<: [*k{i - 1}, *k{i - 1}]}}\n" for i in range(1, 60))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("id: a\nof: &a\n  - *a\n", 2, "this refers to itself"),
        ("id: a\nof: &a\n  b:\n    c: *a\n", 2, "this refers to itself"),
        ("id: a\nof: &a\n  <<: *a\n", 2, "this refers to itself"),
        ("id: a\nof: " + "[" * 5000, 2, f"nested more than {MAX_DEPTH} deep"),
        ("id: a\nof: " + "{a: " * 5000, 2, f"nested more than {MAX_DEPTH} deep"),
        ("id: a\nof: " + "- " * 5000, 2, "this is no YAML"),
        ("id: a\n? [b]\n: c\n", 2, "a key is a word"),
        ("id: a\nid: b\n", 2, "the key 'id' stands here twice"),
        ("id: a\nof: !!python/object:os.system {}\n", 2, "the tag"),
        ("id: a\nof: !mine b\n", 2, "the tag '!mine' is not known here"),
        ('id: a\nof: "\\ud800"\n', 2, "a control character"),
        ('id: a\nof: "\\0"\n', 2, "a control character"),
        ("id: a\nof: \x07\n", 2, "special characters are not allowed"),
        ("id: &a a\nof: &a b\n", 2, "there is another anchor '&a'"),
        ("id: a\nof: *b\n", 2, "found undefined alias 'b'"),
        ("id: a\n<<: [1]\n", 2, "`<<` takes in mappings only"),
        ("id: a\nof: " + "9" * 5000 + "\n", 2, "is no int"),
        ("id: a\n---\nid: b\n", 2, "but found another document"),
        ("id: a\nof: 'b\n", 3, "found unexpected end of stream"),
        ("x" * (MAX_BYTES + 1), 1, "the file is longer than 64 kB"),
        ("- a\n", 1, "a definition is a mapping"),
    ],
)
def test_refused_by_line(text: str, line: int, words: str) -> None:
    with pytest.raises(NoTree) as caught:
        read_tree(text)
    assert words in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize("text", [BOMB, MERGE_BOMB], ids=["aliases", "merges"])
def test_a_small_file_that_means_billions_of_values_is_refused_before_they_are_made(text: str) -> None:
    began = time.process_time()
    with pytest.raises(NoTree, match="more than 20000 values"):
        read_tree(text)
    assert time.process_time() - began < 3


def test_values_are_those_of_yaml_1_2_and_dates_stay_text() -> None:
    text = "{a: 2026-04-17, b: 1, c: 1.5, d: true, e: yes, f: ~, g: '1', h: 0x1f, i: 1e3, j: [x], k: {l: -2}, m: 012}"
    values = ["2026-04-17", 1, 1.5, True, "yes", None, "1", 31, 1000.0, ["x"], {"l": -2}, 12]
    assert read_tree(text).value == dict(zip("abcdefghijkm", values, strict=True))


def test_a_merged_key_has_the_line_where_it_stands_and_null_takes_it_back() -> None:
    tree = read_tree("base: &base\n  a: 1\n  b: 2\nof:\n  <<: *base\n  b: 3\nbut: {<<: *base, a: null}\n")
    assert tree.value["of"] == {"a": 1, "b": 3}
    assert tree.value["but"] == {"b": 2}
    assert [tree.lines["of", key] for key in ("a", "b")] == [2, 6]
    assert tree.lines["but", "b"] == 3


def test_the_first_of_several_merged_mappings_goes_before_the_others() -> None:
    assert read_tree("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n").value["c"] == {"x": 1, "y": 2}


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_tree_or_is_refused_with_a_line_of_it(text: str) -> None:
    try:
        tree = read_tree(f"a: {text}")
    except NoTree as error:
        line = error.line
    else:
        line = max(tree.lines.values())
    assert 1 <= line <= len(f"a: {text}\n".splitlines()) + 1


def test_a_file_without_an_end_is_not_read_to_its_end() -> None:
    with pytest.raises(BrokenDefinition, match="/dev/zero:1: "):
        load_definition(Path("/dev/zero"))


def test_a_folder_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(BrokenDefinition, match=f"{path}:1: cannot be read"):
            load_definition(path)
