"""Reading definitions from YAML; whatever is wrong with one is said with its file, its line and what to change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final, Literal, TypeVar

import duckdb
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from predictions.definition import Definition, Origin, Path
from predictions.definitions import DEFINITIONS
from predictions.parts import FROM_A_FILE
from predictions.soundness import unsound
from predictions.yaml_tree import MAX_BYTES, SHAPE, NoTree, read_tree
from schemas.faults import TerminalFault

FOLDER: Final = FilePath(__file__).with_name("definitions")

SETS: Final[Mapping[str, FilePath]] = {"seed": FOLDER, "calibration": FOLDER / "calibration"}
"""The sets that come along: the article's predictions, and the engine's calibration."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a definition, where, and what to change."""

    file: str
    line: int
    place: str
    """``readings.0.criterion``; readings are counted from 0 as in the file. Empty for the file as a whole."""
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        kind = "" if self.severity == "error" else f"{self.severity}: "
        return f"{self.file}:{self.line}: {kind}{self.place}{': ' if self.place else ''}{self.message}"


class BrokenDefinition(TerminalFault):
    """A definition that cannot be used; the message says where and what to change, a line for each problem."""

    def __init__(self, problems: str | Iterable[Problem]) -> None:
        self.problems = () if isinstance(problems, str) else tuple(dict.fromkeys(problems))
        super().__init__(problems if isinstance(problems, str) else "\n".join(map(str, self.problems)))


def load_definitions(folder: FilePath = FOLDER) -> tuple[Definition, ...]:
    """Every definition of the folder: in the order of ``DEFINITIONS`` for ours, by file name for another one."""
    ours = [FOLDER / f"{name}.yaml" for name in DEFINITIONS]
    files = ours if folder == FOLDER else sorted(folder.glob("*.yaml"))
    return _distinct(tuple(load_definition(file) for file in files))


def load_sets(names: Sequence[str]) -> tuple[Definition, ...]:
    """The definitions of several sets: ``seed``, ``calibration``, or folders of one's own. Raises BrokenDefinition."""
    found: list[Definition] = []
    for name in dict.fromkeys(names):
        folder = SETS.get(name, FilePath(name))
        if not folder.is_dir():
            raise BrokenDefinition(
                f"{name!r} is no set of definitions: write {', '.join(SETS)} or a folder with YAML files"
            )
        found += load_definitions(folder)
    return _distinct(tuple(found))


def _distinct(definitions: tuple[Definition, ...]) -> tuple[Definition, ...]:
    twins = [
        problem(definition.origin, ("id",), f"{other.origin.file} has the same id")
        for index, definition in enumerate(definitions)
        for other in definitions[:index]
        if other.id == definition.id
    ]
    if twins:
        raise BrokenDefinition(twins)
    return definitions


def load_definition(file: FilePath) -> Definition:
    """One definition; raises BrokenDefinition."""
    return parse_definition(read_text(file), str(file))


def read_text(file: FilePath) -> str:
    """The text of a file of YAML; raises BrokenDefinition."""
    try:
        with file.open("rb") as opened:
            # No more than is told to be too long: the file may be anything, and endless.
            return opened.read(MAX_BYTES + 1).decode("utf-8")
    except UnicodeDecodeError as error:
        # A file that is too long may have been cut in the middle of a character.
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BrokenDefinition([Problem(str(file), line, "", "cannot be read: it is not UTF-8")]) from error
    except OSError as error:
        raise BrokenDefinition([Problem(str(file), 1, "", f"cannot be read: {error.strerror or error}")]) from error


def parse_definition(text: str, file: str) -> Definition:
    """A definition from its YAML text; ``file`` is for messages."""
    definition, origin = parse_yaml(text, file, Definition)
    return definition.read_from(origin)


def parse_yaml(text: str, file: str, model: type[Model], shape: str = SHAPE) -> tuple[Model, Origin]:
    """A model from YAML, and where everything in it stands; ``shape`` is for text that is none.

    Raises BrokenDefinition.
    """
    try:
        tree = read_tree(text, shape)
    except NoTree as error:
        raise BrokenDefinition([Problem(file, error.line, "", str(error))]) from error
    origin = Origin(file, tree.lines)
    try:
        return model.model_validate(tree.value, context=FROM_A_FILE), origin
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise BrokenDefinition(_told(origin, item) for item in found if not _follows(item, found)) from error


def validate_sql(connection: duckdb.DuckDBPyConnection, definitions: Sequence[Definition]) -> None:
    """Refuse what no row could ever satisfy, SQL that may not be here, and SQL that does not fit the views.

    ``connection`` has the views; nothing is read from them. Raises BrokenDefinition with all problems.
    """
    problems = unsound_in(connection, definitions)
    if problems:
        raise BrokenDefinition(problems)


def unsound_in(connection: duckdb.DuckDBPyConnection, definitions: Iterable[Definition]) -> list[Problem]:
    """What ``validate_sql`` refuses, in the order of the files."""
    return [problem(definition.origin, path, message) for definition, path, message in unsound(connection, definitions)]


def problem(origin: Origin, path: Path, message: str) -> Problem:
    """A problem with something that stands at a path in a definition."""
    return Problem(origin.file, origin.line(path), ".".join(map(str, path)) or "definition", message)


def _follows(details: ErrorDetails, others: Sequence[ErrorDetails]) -> bool:
    """A list is too short for pydantic, too, where what stands in it is wrong: that is told by itself."""
    path = details["loc"]
    return details["type"] == "too_short" and any(
        len(other["loc"]) > len(path) and other["loc"][: len(path)] == path for other in others
    )


def _told(origin: Origin, details: ErrorDetails) -> Problem:
    """One error of pydantic."""
    path: Path = details["loc"]
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "misplaced":
        # The place within the part that has found it.
        path = (*path, *details["ctx"]["at"])
    elif details["type"] == "missing":
        path, message = path[:-1], f"`{path[-1]}` is missing"
    elif details["type"] == "string_pattern_mismatch":
        message = "this is no name: small letters, digits, `_` and (not in a view's name) `-`"
    return problem(origin, path, message)
