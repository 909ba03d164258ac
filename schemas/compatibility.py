"""May a changed schema replace an older one? Only if it still reads every event that the older one read."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def breaks(old: Schema, new: Schema) -> list[str]:
    """What an event that the old JSON Schema accepts would trip over in the new one; empty when compatible."""
    return list(_breaks(old, new, old, new, "$", frozenset()))


def _breaks(
    old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str, seen: frozenset[str]
) -> Iterator[str]:
    if "$ref" in old and "$ref" in new:
        pair = f"{old['$ref']}>{new['$ref']}"
        if pair in seen:
            return
        seen = seen | {pair}
    old, new = _resolve(old, old_root), _resolve(new, new_root)
    if "anyOf" in old or "anyOf" in new:
        yield from _union_breaks(old, new, old_root, new_root, path, seen)
        return
    if old.get("type") != new.get("type") and not (old.get("type") == "integer" and new.get("type") == "number"):
        yield f"{path}: type was {old.get('type')}, is {new.get('type')}"
        return
    yield from _narrower(old, new, path)
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{path}.{name}: is now required"
    was, now = old.get("properties", {}), new.get("properties", {})
    for name in sorted(set(was) & set(now)):
        yield from _breaks(was[name], now[name], old_root, new_root, f"{path}.{name}", seen)
    if "items" in old and "items" in new:
        yield from _breaks(old["items"], new["items"], old_root, new_root, f"{path}[]", seen)


def _union_breaks(
    old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str, seen: frozenset[str]
) -> Iterator[str]:
    """Every alternative of the old one must be read by some alternative of the new one."""
    alternatives = new.get("anyOf", [new])
    for branch in old.get("anyOf", [old]):
        trouble = [list(_breaks(branch, other, old_root, new_root, path, seen)) for other in alternatives]
        if all(trouble):
            yield min(trouble, key=len)[0]


def _narrower(old: Schema, new: Schema, path: str) -> Iterator[str]:
    if "enum" in new:
        gone = set(old.get("enum", ["(anything)"])) - set(new["enum"])
        if gone:
            yield f"{path}: no longer accepts {', '.join(sorted(map(str, gone)))}"
    for bound in _LOWER_BOUNDS:
        if bound in new and new[bound] > old.get(bound, float("-inf")):
            yield f"{path}: {bound} was {old.get(bound)}, is {new[bound]}"
    for bound in _UPPER_BOUNDS:
        if bound in new and new[bound] < old.get(bound, float("inf")):
            yield f"{path}: {bound} was {old.get(bound)}, is {new[bound]}"
    if new.get("pattern") not in (None, old.get("pattern")):
        yield f"{path}: pattern was {old.get('pattern')}, is {new['pattern']}"
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        yield f"{path}: unknown fields are no longer accepted"


def _resolve(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][str(schema["$ref"]).rsplit("/", 1)[-1]]
    return schema
