"""Every page of ``docs/`` that opted in: each command prints what the page shows."""

import difflib
from pathlib import Path

import pytest

from tests.docs.pages import Command, NewFile, NewTime, lines_of, matches, pages, rewritten, steps_of
from tests.docs.running import load_seed, run_page


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the seed was loaded."""
    folder = tmp_path_factory.mktemp("docs")
    load_seed(folder)
    return folder


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_page_shows_what_its_commands_print(page: Path, seeded: Path, tmp_path: Path) -> None:
    wrong = [
        f"{page.name}:{command.line}: {command.words}\n{_difference(command, printed)}"
        for command, printed in run_page(steps_of(page.read_text("utf-8")), seeded, tmp_path)
        if not matches(command.shown, printed)
    ]
    told = "\n\n".join(wrong)
    assert not wrong, f"{told}\n\nWhere the new output is right: python -m tests.docs.update docs/{page.name}"


def _difference(command: Command, printed: str) -> str:
    return "\n".join(difflib.unified_diff(command.shown, lines_of(printed), "the page", "the command", lineterm=""))


PAGE = """<!-- doc-test -->
<!-- file: events.jsonl -->
```json
{"a": 1}
```
<!-- clock: 2027-05-01T12:00:00Z -->
```console
$ make demo
whatever
$ dualtrack query \\
    "SELECT 1"   # a comment
1

$ dualtrack --version
...
```
"""


def test_the_steps_of_a_page() -> None:
    file, clock, query, version = steps_of(PAGE)
    assert file == NewFile("events.jsonl", '{"a": 1}\n')
    assert isinstance(clock, NewTime)
    assert clock.time.year == 2027
    assert query == Command(10, 'dualtrack query "SELECT 1"   # a comment', 11, ("1",))
    assert isinstance(version, Command)
    assert version.shown == ("...",)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("a", "b"), "a  \nb\n\n", True),
        (("a",), "a\nb\n", False),
        (("a", "...", "d"), "a\nb\nc\nd\n", True),
        (("a", "...", "d"), "a\nd\n", True),
        (("a", "...", "d"), "a\nb\n", False),
        (("loaded in ... s",), "loaded in 3.1 s\n", True),
        (("a.c",), "abc\n", False),
        ((), "", True),
        ((), "a\n", False),
    ],
)
def test_dots_stand_for_anything(shown: tuple[str, ...], printed: str, same: bool) -> None:
    assert matches(shown, printed) is same


def test_an_update_writes_what_changed_and_keeps_what_still_matches() -> None:
    *_, query, version = steps_of(PAGE)
    assert isinstance(query, Command)
    assert isinstance(version, Command)
    assert rewritten(PAGE, {query: "1\n", version: "dualtrack 0.1\n"}) == PAGE
    assert rewritten(PAGE, {query: "2\n3\n", version: "x\n"}) == PAGE.replace("\n1\n", "\n2\n3\n")


def test_a_line_with_wildcards_stays_though_others_change() -> None:
    page = "```console\n$ dualtrack load x\n1 input\nfile:.../0/1\n```\n"
    (load,) = steps_of(page)
    assert isinstance(load, Command)
    assert rewritten(page, {load: "2 inputs\nfile:abc/0/1\n"}) == page.replace("1 input", "2 inputs")
