"""The rows of the registry's YAML files, and how a file becomes rows or an error with its line."""

import re
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from schemas.values import Track

Cell = str | int | float | bool | date | None


class RegistryError(Exception):
    """A registry file is missing, broken or contradicts itself. The text names the file, the line and what to mend."""

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        super().__init__(f"{path}{'' if line is None else f':{line}'}: {problem}")
        self.path = path
        self.line = line
        self.problem = problem


class Archetype(StrEnum):
    """What kind of player an organisation is: the seed article's kinds and three more."""

    FRONTIER = "frontier model builder"
    INCUMBENT_HARDWARE = "incumbent hardware"
    CHINESE_CONTENDER = "chinese contender"
    INFRASTRUCTURE = "infrastructure disruptor"
    HYPERSCALER = "hyperscaler"
    INVESTOR = "investor"
    VERTICAL = "vertical application company"
    OTHER = "other"


_Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


class Row(BaseModel):
    """A row of a registry file. A misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Organisation(Row):
    """One organisation; the head of organisations.yaml says what each field means."""

    id: _Slug
    name: _Word
    aliases: tuple[_Word, ...] = ()
    archetype: Archetype
    designs_accelerators: bool = False
    is_lab: bool = False
    region: _Word
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
    parent: _Slug | None = None
    sector: _Word
    source: _Word


class Product(Row):
    """One product and its maker."""

    name: _Word
    aliases: tuple[_Word, ...] = ()
    maker: _Slug
    use: Literal["product", "model", "hardware"]
    source: _Word


Decided = Literal[Track.COST, Track.APPLICATION, Track.BOTH, Track.NONE]


class Reason(Row):
    """What speaks for a track. ``weight`` is in logits: 1 makes the track 2.7 times as likely.

    ``general`` ones (a round, a new model) count half where a cost or a use is stated.
    """

    track: Decided
    weight: float = Field(gt=0, le=5)
    source: _Word
    general: bool = False


class Term(Reason):
    """Phrases of a title or summary."""

    phrases: Annotated[tuple[_Word, ...], Field(min_length=1)]


class Pattern(Reason):
    """A regular expression for what words cannot say; ``what`` is how evidence names it."""

    pattern: _Word
    what: _Word

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return text


class FieldRule(Reason):
    """A field of a typed event that has one of ``values`` (compared as text), or that is there at all."""

    event: _Slug
    field: _Word
    values: tuple[_Word, ...] = ()


class EntityRule(Reason):
    """The kind of organisation that an event is about: of the company itself (funding, takeover), or first named."""

    archetype: Archetype
    about_company: bool


class ProductRule(Reason):
    """What naming a product of that use speaks for."""

    use: Literal["product", "model", "hardware"]


class ReferenceTable(Row):
    """A flat table with its source; every row has the same columns."""

    table: Annotated[str, StringConstraints(pattern="^[a-z0-9_]+$")]
    description: str
    source: str
    rows: Annotated[tuple[dict[str, Cell], ...], Field(min_length=1)]


RowT = TypeVar("RowT", bound=Row)


def parse_yaml(path: Path, kind: Literal["safe", "rt"]) -> Any:
    """The document in a file; ``rt`` is slower and remembers lines. Raises RegistryError."""
    try:
        return YAML(typ=kind, pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RegistryError(path, None, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RegistryError(path, None, f"is not UTF-8: {error.reason} at byte {error.start}") from error
    except MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise RegistryError(path, line, f"is not valid YAML: {error.problem}") from error
    except YAMLError as error:
        raise RegistryError(path, None, f"is not valid YAML: {error}") from error


def line_of(path: Path, key: str, index: int | None = None) -> int | None:
    """Line of ``key``, or of the row ``index`` under it; the file is read again, only on the way to an error."""
    document = parse_yaml(path, "rt")
    try:
        where = document.lc.key(key) if index is None else document[key].lc.item(index)
        return int(where[0]) + 1
    except (AttributeError, KeyError, IndexError, TypeError):
        return None


def explain(error: ValidationError) -> str:
    """What is wrong with a row, in a line."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'row'}: {e['msg']}" for e in error.errors())


def read_rows(path: Path, key: str, model: type[RowT], document: Any = None) -> tuple[RowT, ...]:
    """The rows under ``key`` of a registry file; raises RegistryError with the line of the first bad row.

    Pass ``document`` where the file has been parsed already.
    """
    if document is None:
        document = parse_yaml(path, "safe")
    rows = document.get(key) if isinstance(document, dict) else None
    if not isinstance(rows, list) or not rows:
        raise RegistryError(path, line_of(path, key), f"needs a list of rows under {key!r}")
    read: list[RowT] = []
    for index, row in enumerate(rows):
        try:
            read.append(model.model_validate(row))
        except ValidationError as error:
            raise RegistryError(path, line_of(path, key, index), f"{key}[{index}]: {explain(error)}") from error
    return tuple(read)
