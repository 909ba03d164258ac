"""Typed columns from the fields of the event models: what the views read out of the JSON in ``events.fields``.

=========================  =====================================================================================
field of the model         column
=========================  =====================================================================================
text, enum, PartialDate    VARCHAR
float, int, bool, date     DOUBLE, BIGINT, BOOLEAN, DATE
Decimal                    DECIMAL(38, 6)
Money                      ``<f>``, ``<f>_currency``, ``<f>_qualifier``, ``<f>_usd``, from the list ``events.money``
tuple of X                 X[]
model                      STRUCT; one that holds Money itself (a price plan) is laid out flat as ``<f>_<field>``
=========================  =====================================================================================

The data is stored as received, so the columns do again what pydantic did on reading: trim names and fill in defaults.
A value that cannot be cast is null.
"""

import types
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from schemas.values import Money, PartialDate, Qualifier

_SPACES: Final = "".join(chr(code) for code in range(0x3001) if chr(code).isspace() and not 0x1C <= code <= 0x1F)
"""What pydantic strips from names: Unicode's white space."""

_SCALARS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "BOOLEAN"),
    (Enum, "VARCHAR"),
    (str, "VARCHAR"),
    (int, "BIGINT"),
    (float, "DOUBLE"),
    (Decimal, "DECIMAL(38,6)"),
    (date, "DATE"),
    (PartialDate, "VARCHAR"),
)

_MONEY_STRUCT: Final = {"value": "DECIMAL(38,6)", "currency": "VARCHAR", "qualifier": "VARCHAR"}

Shape = str | dict[str, Any] | list[Any]
"""A type as DuckDB's ``from_json`` writes it: "VARCHAR", {"name": shape}, [shape]."""


def columns_of(model: type[BaseModel], inherited: frozenset[str]) -> dict[str, str]:
    """Column name to SQL expression, for every field that is not inherited; in the order of the model."""
    found: dict[str, str] = {}
    for name, info in model.model_fields.items():
        if name not in inherited:
            found.update(_columns(name, info, path=name, column=name))
    return found


def _columns(name: str, info: FieldInfo, path: str, column: str) -> Iterator[tuple[str, str]]:
    kind, strip = unwrapped(info)
    if kind is Money:
        yield from _money_columns(path, column)
    elif _is_model(kind) and _holds_money(kind):
        for inner, inner_info in kind.model_fields.items():
            # Defaults of the plan hold only where there is a plan.
            for inner_column, sql in _columns(inner, inner_info, f"{path}.{inner}", f"{column}_{inner}"):
                has_default = not inner_info.is_required() and inner_info.get_default() is not None
                guarded = f"CASE WHEN json_type(fields, '$.{path}') = 'OBJECT' THEN {sql} END" if has_default else sql
                yield inner_column, guarded
    else:
        yield column, _with_default(_extracted(kind, strip, path), info, kind)


def _money_columns(path: str, column: str) -> Iterator[tuple[str, str]]:
    stated = f"list_filter(money, lambda m: m.field = '{path}')[1]"
    for suffix, part in (("", '"value"'), ("_currency", "currency"), ("_qualifier", "qualifier"), ("_usd", "usd")):
        yield f"{column}{suffix}", f"{stated}.{part}"


def _extracted(kind: Any, strip: bool, path: str) -> str:
    shape = shape_of(kind)
    if isinstance(shape, str):
        text = f"fields->>'$.{path}'"
        if shape == "VARCHAR":
            return _stripped(f"({text})") if strip else f"({text})"
        return f"TRY_CAST({text} AS {shape})"
    read = f"from_json(fields->'$.{path}', '{_shape_text(shape)}')"
    return _normalised(kind, read, strip, depth=0)


def _normalised(kind: Any, sql: str, strip: bool, depth: int) -> str:
    """``sql`` with names trimmed and defaults filled in, at any depth; unchanged where there is nothing to do."""
    if get_origin(kind) is tuple:
        item, item_strip = _unwrap(get_args(kind)[0])
        each = f"x{depth}"
        inner = _normalised(item, each, item_strip, depth + 1)
        return sql if inner == each else f"list_transform({sql}, lambda {each}: {inner})"
    if kind is Money:
        qualifier = f"coalesce({sql}.qualifier, '{Qualifier.EXACT}')"
        return f"CASE WHEN {sql} IS NOT NULL THEN struct_update({sql}, qualifier := {qualifier}) END"
    if _is_model(kind):
        parts = []
        for name, info in kind.model_fields.items():
            inner_kind, inner_strip = unwrapped(info)
            inner = _normalised(inner_kind, f'{sql}."{name}"', inner_strip, depth + 1)
            parts.append(f'"{name}": {_with_default(inner, info, inner_kind)}')
        return f"CASE WHEN {sql} IS NOT NULL THEN {{{', '.join(parts)}}} END"
    return _stripped(sql) if strip else sql


def _with_default(sql: str, info: FieldInfo, kind: Any) -> str:
    default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
    if default is None or default is PydanticUndefined:
        return sql
    return f"coalesce({sql}, {_literal(to_jsonable_python(default), type_of(shape_of(kind)))})"


def _literal(value: Any, sql_type: str) -> str:
    if isinstance(value, list):
        return f"CAST([{', '.join(_literal(one, 'VARCHAR') for one in value)}] AS {sql_type})"
    text = str(value).replace("'", "''")
    return f"'{text}'" if sql_type == "VARCHAR" else f"CAST('{text}' AS {sql_type})"


def _stripped(sql: str) -> str:
    return f"trim({sql}, '{_SPACES}')"


def shape_of(kind: Any) -> Shape:
    """The shape of a type in ``from_json``'s words; raises TypeError for a type that has no column yet."""
    if get_origin(kind) is tuple:
        return [shape_of(_unwrap(get_args(kind)[0])[0])]
    if kind is Money:
        return dict(_MONEY_STRUCT)
    if _is_model(kind):
        return {name: shape_of(unwrapped(info)[0]) for name, info in kind.model_fields.items()}
    if isinstance(kind, type):
        for base, sql_type in _SCALARS:
            if issubclass(kind, base):
                return sql_type
    raise TypeError(f"no column type for {kind!r}: add it to sinks/view_columns.py")


def type_of(shape: Shape) -> str:
    """The SQL type of a shape."""
    if isinstance(shape, list):
        return f"{type_of(shape[0])}[]"
    if isinstance(shape, dict):
        fields = ", ".join(f'"{name}" {type_of(inner)}' for name, inner in shape.items())
        return f"STRUCT({fields})"
    return shape


def _shape_text(shape: Shape) -> str:
    if isinstance(shape, list):
        return f"[{_shape_text(shape[0])}]"
    if isinstance(shape, dict):
        return "{" + ",".join(f'"{name}":{_shape_text(inner)}' for name, inner in shape.items()) + "}"
    return f'"{shape}"'


def unwrapped(info: FieldInfo) -> tuple[Any, bool]:
    """A field's type without Optional, Annotated and Literal; and whether its text is stripped on reading."""
    kind, strip = _unwrap(info.annotation)
    return kind, strip or any(_strips(one) for one in info.metadata)


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        kind, strip = _unwrap(inner)
        return kind, strip or any(_strips(one) for one in metadata)
    if origin in (Union, types.UnionType):
        some = [one for one in get_args(annotation) if one is not type(None)]
        if len(some) == 1:
            return _unwrap(some[0])
    if origin is Literal:
        return type(get_args(annotation)[0]), False
    return annotation, False


def _strips(metadata: Any) -> bool:
    return isinstance(metadata, StringConstraints) and bool(metadata.strip_whitespace)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _holds_money(model: type[BaseModel]) -> bool:
    return any(unwrapped(info)[0] is Money for info in model.model_fields.values())
