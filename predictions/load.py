"""Reading definitions from YAML; whatever is wrong with one is said with its file, its line and what to change."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from io import StringIO
from pathlib import Path as FilePath
from typing import Any, Final, TypeVar

import duckdb
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from predictions.criterion import Query, compile_reading, expressions
from predictions.definition import Definition, Origin, Path
from predictions.definitions import DEFINITIONS
from schemas.faults import TerminalFault

FOLDER: Final = FilePath(__file__).with_name("definitions")

SETS: Final[Mapping[str, FilePath]] = {"seed": FOLDER, "calibration": FOLDER / "calibration"}
"""The sets that come along: the article's predictions, and the engine's calibration."""


Model = TypeVar("Model", bound=BaseModel)


class BrokenDefinition(TerminalFault):
    """A definition that cannot be used; the message says where and what to change."""


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
    for index, definition in enumerate(definitions):
        for other in definitions[:index]:
            if other.id == definition.id:
                raise BrokenDefinition(f"{definition.origin.at(('id',))}: {other.origin.file} has the same id")
    return definitions


def load_definition(file: FilePath) -> Definition:
    """One definition; raises BrokenDefinition."""
    return parse_definition(read_text(file), str(file))


def read_text(file: FilePath) -> str:
    """The text of a file; raises BrokenDefinition."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenDefinition(f"{file}: cannot be read: {error}") from error


def parse_definition(text: str, file: str) -> Definition:
    """A definition from its YAML text; ``file`` is for messages."""
    definition, origin = parse_yaml(text, file, Definition, "a definition is a mapping: it starts with `id: ...`")
    return definition.read_from(origin)


def parse_yaml(text: str, file: str, model: type[Model], otherwise: str) -> tuple[Model, Origin]:
    """A model from YAML, and where everything in it stands. Raises BrokenDefinition, with the text ``otherwise`` where
    the file holds no mapping."""
    try:
        tree = YAML(typ="rt").load(StringIO(text))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        reason = (error.problem or "").splitlines()[0] if error.problem else "cannot be read"
        raise BrokenDefinition(f"{file}:{line}: this is no YAML: {reason}") from error
    if not isinstance(tree, CommentedMap):
        raise BrokenDefinition(f"{file}:1: {otherwise}")
    lines: dict[Path, int] = {}
    plain = _plain(tree, (), lines)
    origin = Origin(file, lines)
    try:
        return model.model_validate_json(json.dumps(plain, default=str)), origin
    except ValidationError as error:
        problems = [_problem(origin, details) for details in error.errors(include_url=False)]
        raise BrokenDefinition("\n".join(problems)) from error


def validate_sql(connection: duckdb.DuckDBPyConnection, definitions: Sequence[Definition]) -> None:
    """Have DuckDB plan every query against the views; raises BrokenDefinition for all that it refuses."""
    problems = [
        f"{definition.origin.at(path)}: {_dotted(path)}: {reason}"
        for definition in definitions
        for index, reading in enumerate(definition.readings)
        for query in compile_reading(definition, reading)
        if (refused := refusal(connection, query.sql))
        for path, reason in _blame(connection, definition, ("readings", index, *query.path), query, refused)
    ]
    if problems:
        raise BrokenDefinition("\n".join(dict.fromkeys(problems)))


def _blame(
    connection: duckdb.DuckDBPyConnection, definition: Definition, here: Path, query: Query, refused: str
) -> list[tuple[Path, str]]:
    """Which expressions of a query are to blame; the query as a whole where each is fine by itself."""
    parts = [(path, refusal(connection, sql)) for path, sql in expressions(definition, query.leaf, here)]
    return [(path, reason) for path, reason in parts if reason] or [(here, refused)]


def refusal(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Why DuckDB cannot plan a query; empty where it can."""
    try:
        connection.execute(f"EXPLAIN {sql}").fetchall()
    except duckdb.Error as error:
        return str(error).split("\n\nLINE")[0].replace("\n", " ")
    return ""


def _plain(value: Any, path: Path, lines: dict[Path, int]) -> Any:
    """The tree as plain values, noting the line of every key and item on the way."""
    if isinstance(value, CommentedMap):
        for key in value:
            lines[*path, str(key)] = value.lc.key(key)[0] + 1 if key in (value.lc.data or {}) else lines.get(path, 1)
        return {str(key): _plain(item, (*path, str(key)), lines) for key, item in value.items()}
    if isinstance(value, CommentedSeq):
        for index in range(len(value)):
            lines[*path, index] = value.lc.item(index)[0] + 1
        return [_plain(item, (*path, index), lines) for index, item in enumerate(value)]
    if isinstance(value, date):
        return value.isoformat()
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _problem(origin: Origin, details: ErrorDetails) -> str:
    """One pydantic error as ``file:line: place: what to change``."""
    path: Path = details["loc"]
    context = details.get("ctx", {})
    if details["type"] == "misplaced":
        path = (*path, *context["at"])
    elif details["type"] == "unknown_key":
        path = (*path, context["key"])
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "missing":
        path, message = path[:-1], f"`{path[-1]}` is missing"
    return f"{origin.at(path)}: {_dotted(path)}: {message}"


def _dotted(path: Path) -> str:
    """``readings.0.criterion``; readings are counted from 0 as in the file."""
    return ".".join(map(str, path)) or "definition"
