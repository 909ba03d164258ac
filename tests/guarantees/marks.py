"""Which tests claim to prove which cells: read from the marks in the source, without importing a test."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.guarantees.matrix import AUDITED, FAULTS, PROMISES

ROOT: Final = Path(__file__).parents[2]
_NAMED: Final = {"AUDITED": AUDITED}
"""Tuples that a mark may spread out."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One ``pytest.mark.proves`` on one test."""

    test: str
    """As pytest names it: ``tests/faults/test_x.py::test_y``."""
    promises: tuple[str, ...]
    fault: str


class WrongMark(ValueError):
    """A mark names no promise or no fault of the matrix."""


def marks() -> list[Mark]:
    """Every mark in the tests, in the order of the files. Raises WrongMark."""
    return [mark for path in sorted((ROOT / "tests").rglob("test_*.py")) for mark in _marks_in(path)]


def cells(found: list[Mark]) -> dict[tuple[str, str], list[str]]:
    """(promise, fault) to the tests that prove it."""
    proven: dict[tuple[str, str], list[str]] = {}
    for mark in found:
        for promise in mark.promises:
            proven.setdefault((promise, mark.fault), []).append(mark.test)
    return proven


def checked(where: str, promises: tuple[str, ...], fault: str) -> Mark:
    """A mark whose names are those of the matrix; raises WrongMark."""
    unknown = [name for name in promises if name not in PROMISES]
    if unknown or not promises or fault not in FAULTS:
        raise WrongMark(f"{where}: proves{(*promises,)} under={fault!r} names no cell of tests/guarantees/matrix.py")
    return Mark(where, promises, fault)


def _marks_in(path: Path) -> Iterator[Mark]:
    text = path.read_text("utf-8")
    if "mark.proves" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.proves":
                    yield _mark(f"{path.relative_to(ROOT)}::{node.name}", decorator)


def _mark(test: str, call: ast.Call) -> Mark:
    promises: list[str] = []
    for argument in call.args:
        if isinstance(argument, ast.Starred):
            promises += _NAMED.get(ast.unparse(argument.value), ("",))
        else:
            promises.append(str(ast.literal_eval(argument)))
    fault = next((str(ast.literal_eval(word.value)) for word in call.keywords if word.arg == "under"), "")
    return checked(test, tuple(promises), fault)
