"""Knowledge as data: organisations, products, the lexicon and the reference tables, read from YAML beside this file.

Everything is read once per process and is immutable. A file that is broken, or that contradicts itself, raises
``RegistryError`` with the file and the line: the program must not start on half a registry.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from registry.rows import (
    Archetype,
    EntityRule,
    FieldRule,
    Organisation,
    Pattern,
    Product,
    ProductRule,
    Reason,
    ReferenceTable,
    RegistryError,
    Term,
    explain,
    line_of,
    parse_yaml,
    read_rows,
)

__all__ = [
    "Archetype",
    "EntityRule",
    "FieldRule",
    "Lexicon",
    "OrgRegistry",
    "Organisation",
    "Pattern",
    "Product",
    "ProductRule",
    "Reason",
    "ReferenceTable",
    "RegistryError",
    "Term",
    "load_lexicon",
    "load_organisations",
    "load_products",
    "load_reference_tables",
    "normalise",
    "stems",
]

HERE: Final = Path(__file__).parent
REFERENCE_TABLES: Final = ("training_hardware", "model_builders", "market_segments")

_LEGAL_FORMS: Final = re.compile(
    "inc|incorporated|corp|corporation|ltd|limited|llc|llp|plc|co|company|ag|gmbh|sas?|se|[nb]v|pbc|pte"
)
_CHINESE_FORMS: Final = re.compile("(股份)?有限公司$")
_WORDS: Final = re.compile(r"[^\W_]+")
_DOTS: Final = re.compile(r"[.'’]")


@lru_cache(maxsize=65_536)
def normalise(name: str) -> str:
    """The form that names are compared in: NFKC, case folded, no legal form, no punctuation, no spaces.

    ``Open AI, Inc.`` and ``OpenAI`` both give ``openai``. Never empty unless the name has no letter and no digit.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    words = _WORDS.findall(_DOTS.sub("", _CHINESE_FORMS.sub("", folded.strip()) or folded))
    while len(words) > 1 and _LEGAL_FORMS.fullmatch(words[-1]):
        words.pop()
    return "".join(words)


@dataclass(frozen=True, slots=True)
class OrgRegistry:
    """All organisations, by id and by every spelling of their names."""

    by_id: Mapping[str, Organisation]
    by_name: Mapping[str, Organisation] = field(repr=False)
    """Normalised name to organisation."""

    def resolve(self, name: str) -> Organisation | None:
        """The organisation of that name, or None; never raises. Exact on the normalised name, no guessing."""
        return self.by_name.get(normalise(name))

    def root(self, org_id: str) -> str:
        """Id of the topmost parent, the id itself where there is none; KeyError for an unknown id."""
        while (parent := self.by_id[org_id].parent) is not None:
            org_id = parent
        return org_id

    def __len__(self) -> int:
        return len(self.by_id)


@cache
def load_organisations(path: Path = HERE / "organisations.yaml") -> OrgRegistry:
    """The organisations; raises RegistryError when an id or a name stands twice, or a parent is missing or circular."""
    rows = read_rows(path, "organisations", Organisation)

    def fail(index: int, problem: str) -> RegistryError:
        return RegistryError(path, line_of(path, "organisations", index), f"{rows[index].id}: {problem}")

    by_id: dict[str, Organisation] = {}
    by_name: dict[str, Organisation] = {}
    for index, org in enumerate(rows):
        if by_id.setdefault(org.id, org) is not org:
            raise fail(index, "this id stands twice")
        for name in (org.id, org.name, *org.aliases):
            if not (form := normalise(name)):
                raise fail(index, f"the name {name!r} has no letter and no digit")
            if (other := by_name.setdefault(form, org)) is not org:
                raise fail(index, f"the name {name!r} already belongs to {other.id}")
    _check_parents(rows, by_id, fail)
    return OrgRegistry(MappingProxyType(by_id), MappingProxyType(by_name))


def _check_parents(
    rows: Sequence[Organisation], by_id: Mapping[str, Organisation], fail: Callable[[int, str], RegistryError]
) -> None:
    for index, org in enumerate(rows):
        seen, parent = {org.id}, org.parent
        while parent is not None:
            if parent not in by_id:
                raise fail(index, f"the parent {parent!r} is in no row")
            if parent in seen:
                raise fail(index, f"is its own ancestor, by way of {parent!r}")
            seen.add(parent)
            parent = by_id[parent].parent


@cache
def load_products(path: Path = HERE / "models.yaml") -> tuple[Product, ...]:
    """The products; raises RegistryError when a maker is in no row of organisations.yaml."""
    products = read_rows(path, "products", Product)
    makers = load_organisations().by_id
    for index, product in enumerate(products):
        if product.maker not in makers:
            problem = f"{product.name}: the maker {product.maker!r} is in no row of organisations.yaml"
            raise RegistryError(path, line_of(path, "products", index), problem)
    return products


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Everything that speaks for a track, as lexicon.yaml has it."""

    terms: tuple[Term, ...]
    patterns: tuple[Pattern, ...]
    products: tuple[ProductRule, ...]
    fields: tuple[FieldRule, ...]
    entities: tuple[EntityRule, ...]


def stems(text: str) -> list[str]:
    """The words of a text as phrases are compared: case folded, without possessive, hyphens and a final s."""
    words = _WORDS.findall(text.casefold().replace("a.i.", "ai"))
    return [w[:-1] if w[-1] == "s" and len(w) > 3 and w[-2] != "s" and w != "news" else w for w in words if w != "s"]


@cache
def load_lexicon(path: Path = HERE / "lexicon.yaml") -> Lexicon:
    """The lexicon; raises RegistryError when a phrase stands twice, a plural and its singular included."""
    document = parse_yaml(path, "safe")
    terms = read_rows(path, "terms", Term, document)
    seen: dict[tuple[str, ...], str] = {}
    for index, term in enumerate(terms):
        for phrase in term.phrases:
            form = tuple(stems(phrase))
            if form in seen or not form:
                problem = f"the phrase {phrase!r} " + (f"stands already, as {seen[form]!r}" if form else "has no word")
                raise RegistryError(path, line_of(path, "terms", index), problem)
            seen[form] = phrase
    return Lexicon(
        terms,
        read_rows(path, "patterns", Pattern, document),
        read_rows(path, "products", ProductRule, document),
        read_rows(path, "fields", FieldRule, document),
        read_rows(path, "entities", EntityRule, document),
    )


@cache
def load_reference_tables(directory: Path = HERE) -> Mapping[str, ReferenceTable]:
    """The reference tables by name; raises RegistryError when the rows of one have different columns."""
    return MappingProxyType({name: _read_table(directory / f"{name}.yaml") for name in REFERENCE_TABLES})


def _read_table(path: Path) -> ReferenceTable:
    document = parse_yaml(path, "safe")
    try:
        table = ReferenceTable.model_validate(document)
    except ValidationError as error:
        raise RegistryError(path, None, explain(error)) from error
    columns = list(table.rows[0])
    for index, row in enumerate(table.rows):
        if list(row) != columns:
            odd = ", ".join(sorted(set(row) ^ set(columns))) or "their order"
            raise RegistryError(path, line_of(path, "rows", index), f"rows[{index}] has other columns: {odd}")
    return table
