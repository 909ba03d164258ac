"""YAML as plain values with the line of everything in it; what could harm the reader is refused by line.

Only plain YAML 1.2 is taken: no tags, no anchor that contains itself, no more than a definition can need. The tree is
made from the composed nodes, in which an alias is one node however often it is named, so that a small file that means
billions of values is refused before they are made.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_BYTES: Final = 65_536
"""Longest file; the longest of our own has 7 kB."""
MAX_VALUES: Final = 20_000
"""Most values in one file, aliases counted wherever they are used."""
MAX_DEPTH: Final = 40
"""Deepest nesting."""

SHAPE: Final = "a definition is a mapping: it starts with `id: ...`"

Path = tuple[str | int, ...]

_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = "<<"
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class NoTree(Exception):
    """The text cannot be used; the message says why, ``line`` where."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class Tree:
    """The value of a text, and the line of each key and item in it."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)


def read_tree(text: str, shape: str = SHAPE) -> Tree:
    """The one mapping of a text; raises NoTree, which says ``shape`` where it is another thing."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise NoTree(1, f"the file is longer than {MAX_BYTES // 1024} kB: a definition is far shorter")
    node = _composed(text)
    if not isinstance(node, MappingNode):
        raise NoTree(1, shape)
    reader = _Reader()
    reader.tree.value = reader.value(node, (), ())
    return reader.tree


def _composed(text: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    try:
        _check_events(text)
        return yaml.compose(StringIO(text))  # type: ignore[no-any-return]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = (error.problem or "cannot be read").splitlines()[0]
        raise NoTree(mark.line + 1 if mark else 1, f"this is no YAML: {reason}") from error
    except YAMLError as error:
        # Characters that YAML does not allow: the error has a place in the text, and no line.
        place = getattr(error, "position", 0)
        reason = getattr(error, "reason", None) or "cannot be read"
        raise NoTree(text.count("\n", 0, place) + 1, f"this is no YAML: {reason}") from error
    except ValueError as error:
        raise NoTree(1, f"this is no YAML: {error}") from error


def _check_events(text: str) -> None:
    """Ahead of composing, which goes as deep as the text does, and lets a second anchor hide the first."""
    depth = 0
    anchors: set[str] = set()
    for event in YAML(typ="safe", pure=True).parse(StringIO(text)):
        anchor = None if isinstance(event, AliasEvent) else getattr(event, "anchor", None)
        if anchor in anchors:
            raise NoTree(event.start_mark.line + 1, f"there is another anchor '&{anchor}': give this one another name")
        if anchor:
            anchors.add(anchor)
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise NoTree(event.start_mark.line + 1, f"nested more than {MAX_DEPTH} deep: no definition is")
        elif isinstance(event, CollectionEndEvent):
            depth -= 1


class _Reader:
    """Turns nodes into values; ``above`` are the nodes that a node stands in."""

    def __init__(self) -> None:
        self.tree = Tree()
        self._count = 0

    def value(self, node: Node, path: Path, above: tuple[Node, ...]) -> Any:
        line = _line(node)
        self._count += 1
        if self._count > MAX_VALUES:
            raise NoTree(line, f"more than {MAX_VALUES} values, aliases counted wherever they are used: write fewer")
        if any(node is one for one in above):
            raise NoTree(line, "this refers to itself (`&name` ... `*name` inside of it): write out what is meant")
        if len(above) > MAX_DEPTH:
            raise NoTree(line, f"nested more than {MAX_DEPTH} deep: no definition is")
        if isinstance(node, MappingNode):
            return self._mapping(node, path, (*above, node))
        if isinstance(node, SequenceNode):
            return self._sequence(node, path, (*above, node))
        return _scalar(node)

    def _sequence(self, node: SequenceNode, path: Path, above: tuple[Node, ...]) -> list[Any]:
        _check_tag(node, "seq")
        for index, item in enumerate(node.value):
            self.tree.lines[*path, index] = _line(item)
        return [self.value(item, (*path, index), above) for index, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: Path, above: tuple[Node, ...]) -> dict[str, Any]:
        _check_tag(node, "map")
        entries = self._entries(node, above)
        for key, (line, _) in entries.items():
            self.tree.lines[*path, key] = line
        return {key: self.value(item, (*path, key), above) for key, (_, item) in entries.items()}

    def _entries(self, node: MappingNode, above: tuple[Node, ...]) -> dict[str, tuple[int, Node]]:
        """The node of each key with the line of the key; keys of the mapping itself go before merged ones, and one that
        is null takes a merged one back."""
        own: dict[str, tuple[int, Node]] = {}
        merged: dict[str, tuple[int, Node]] = {}
        for key_node, item in node.value:
            line = _line(key_node)
            if not isinstance(key_node, ScalarNode):
                raise NoTree(line, "a key is a word, not a list or a mapping")
            key = _text(key_node)
            if key == _MERGE and key_node.style is None:
                for base in _bases(item):
                    merged = {**self._base(base, above), **merged}
            elif key in own:
                raise NoTree(line, f"the key '{key}' stands here twice: keep one")
            else:
                own[key] = (line, item)
        taken_back = {key for key, (_, item) in own.items() if key in merged and _is_null(item)}
        return {key: found for key, found in {**merged, **own}.items() if key not in taken_back}

    def _base(self, base: Node, above: tuple[Node, ...]) -> Mapping[str, tuple[int, Node]]:
        self._count += 1
        if not isinstance(base, MappingNode):
            raise NoTree(_line(base), "`<<` takes in mappings only: `<<: *name`, where `&name` is a mapping")
        if any(base is one for one in above) or len(above) > MAX_DEPTH:
            raise NoTree(_line(base), "this refers to itself (`&name` ... `<<: *name` inside of it)")
        if self._count > MAX_VALUES:
            raise NoTree(_line(base), f"more than {MAX_VALUES} values, aliases counted wherever they are used")
        return self._entries(base, (*above, base))


def _bases(node: Node) -> Iterator[Node]:
    yield from node.value if isinstance(node, SequenceNode) else (node,)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _is_null(node: Node) -> bool:
    return str(node.tag) == f"{_TAG}null"


def _check_tag(node: Node, *kinds: str) -> None:
    tag = str(node.tag)
    if tag.removeprefix(_TAG) not in kinds:
        raise NoTree(_line(node), f"the tag '{tag}' is not known here: leave it out")


def _text(node: Node) -> str:
    text = str(node.value)
    if _UNPRINTABLE.search(text):
        raise NoTree(_line(node), "a control character stands in this text: leave it out")
    return text


def _scalar(node: Node) -> str | int | float | bool | None:
    """Dates stay text: what is a date, and what merely looks like one, is for the definition to say."""
    _check_tag(node, "str", "int", "float", "bool", "null", "timestamp")
    text = _text(node)
    try:
        match str(node.tag).removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return {"true": True, "false": False}[text.lower()]
            case "int":
                return int(text.replace("_", ""), 0 if text.lstrip("+-").startswith(("0x", "0o", "0b")) else 10)
            case "float":
                return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    except (ValueError, KeyError) as error:
        kind = str(node.tag).removeprefix(_TAG)
        raise NoTree(_line(node), f"this is no {kind}; where text is meant, put it in quotes") from error
    return text
