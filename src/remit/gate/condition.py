"""A condition as a tree. Pure.

The CEL library tells no more of a compiled condition than its type, but it writes the checked syntax tree out as a
protocol buffer (`cel.expr.CheckedExpr`, github.com/google/cel-spec, proto/cel/expr). What is needed of it is read here,
by the wire format, so that strings, macros and precedence are as CEL itself understood them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Json = Any
Kind = Literal["const", "ident", "select", "has", "call", "list", "map", "loop"]
# select: parts[0].name · has: has(parts[0].name), or `"name" in parts[0]` · call: name(parts), a receiver is the first
# part · loop: a macro as all() or exists(): its range, its step, and what else it is made of; name is its variable
_EXPR = {3: "const", 4: "ident", 5: "select", 6: "call", 7: "list", 8: "map", 9: "loop"}
ITEM = "[]"  # any item of a list, in a path


@dataclass(frozen=True, slots=True)
class Node:
    kind: Kind
    name: str = ""
    parts: tuple[Node, ...] = ()
    value: Json = None  # of a const


def tree(serialized: bytes) -> Node:
    """The condition's tree, from what `Expression.serialize()` gives (a CheckedExpr inside an Any)."""
    checked = next(value for number, value in _fields(serialized) if number == 2)
    return _node(next(value for number, value in _fields(checked) if number == 4))


def path(node: Node) -> tuple[str, ...] | None:
    """`args.items[0].price` as ("args", "items", "[]", "price"); None for what is not looked up in a variable."""
    if node.kind == "ident":
        return (node.name,)
    if node.kind in ("select", "has"):
        before = path(node.parts[0])
        return before and (*before, node.name)
    if node.kind == "call" and node.name == "_[_]":
        before, key = path(node.parts[0]), node.parts[1]
        if before and key.kind == "const" and isinstance(key.value, str | int):
            return (*before, key.value if isinstance(key.value, str) else ITEM)
    return None


def walk(node: Node, bound: frozenset[str] = frozenset()) -> Iterator[tuple[Node, frozenset[str]]]:
    """Every node with the names that loops around it bind, from outside in."""
    yield node, bound
    inside = bound | {*node.name.split(), "@result"} if node.kind == "loop" else bound
    for number, part in enumerate(node.parts):
        yield from walk(part, inside if number else bound)  # what a loop goes over stands outside of it


def paths(node: Node) -> Iterator[tuple[tuple[str, ...], bool]]:
    """What is looked up, each as long as it is written, and whether has() or `in` only asks if it is there."""
    inner: set[int] = set()
    for one, bound in walk(node):
        found = path(one)
        if found is None or id(one) in inner:
            continue
        inner |= {id(part) for part, _ in walk(one) if part is not one and part.kind != "const"}
        if found[0] not in bound and (one.kind != "ident" or len(found) == 1):
            yield found, one.kind == "has"


def names(node: Node) -> frozenset[str]:
    """The variables that it asks about."""
    return frozenset(one.name for one, bound in walk(node) if one.kind == "ident" and one.name not in bound)


def constant(node: Node) -> bool | None:
    """True or False where that is so whatever the facts are; None where it depends on them."""
    if node.kind == "const":
        return node.value if isinstance(node.value, bool) else None
    if node.kind != "call":
        return None
    if node.name in ("_&&_", "_||_"):
        strong = node.name == "_||_"  # decides alone, even beside what cannot be decided
        found = [constant(part) for part in node.parts]
        return strong if strong in found else (None if None in found else not strong)
    if node.name == "!_":
        inner = constant(node.parts[0])
        return None if inner is None else not inner
    if node.name == "_?_:_":
        found = [constant(part) for part in node.parts]
        if found[0] is not None:
            return found[1] if found[0] else found[2]
        return None
    return _compared(node)


def _compared(node: Node) -> bool | None:
    """Two constants compared; the types of both are the same, or CEL would not have compiled it."""
    if len(node.parts) != 2 or any(part.kind != "const" for part in node.parts):
        return None
    a, b = (part.value for part in node.parts)
    match node.name:
        case "_==_":
            return bool(a == b)
        case "_!=_":
            return bool(a != b)
        case "_<_" | "_<=_" | "_>_" | "_>=_" if type(a) is type(b) and a is not None:
            return bool({"_<_": a < b, "_<=_": a <= b, "_>_": a > b, "_>=_": a >= b}[node.name])
    return None


def conjuncts(node: Node) -> Iterator[Node]:
    """What must all hold for it to hold."""
    if node.kind == "call" and node.name == "_&&_":
        for part in node.parts:
            yield from conjuncts(part)
    else:
        yield node


def _node(data: bytes) -> Node:
    for number, value in _fields(data):
        kind = _EXPR.get(number)
        match kind:
            case "const":
                return Node("const", value=_const(value))
            case "ident":
                return Node("ident", _text(value, 1))
            case "select":
                fields = dict(_fields(value))
                return Node("has" if fields.get(3) else "select", _text(value, 2), (_node(fields[1]),))
            case "call":
                return _call(value)
            case "list":
                return Node("list", parts=tuple(_node(item) for n, item in _fields(value) if n == 1))
            case "map":
                entries = [entry for n, entry in _fields(value) if n == 2]
                parts = [_node(part) for entry in entries for n, part in _fields(entry) if n in (3, 4)]
                return Node("map", parts=tuple(parts))
            case "loop":
                parts = [_node(part) for n, part in _fields(value) if n in (2, 4, 5, 6, 7)]
                return Node("loop", f"{_text(value, 1)} {_text(value, 8)}".strip(), tuple(parts))
    return Node("const")  # an expression without a kind: CEL's null


def _call(data: bytes) -> Node:
    fields = list(_fields(data))
    parts = tuple(_node(value) for number, value in fields if number in (1, 3))
    name = _text(data, 2)
    asks = name == "@in" and parts[0].kind == "const" and isinstance(parts[0].value, str)
    if asks and path(parts[1]) is not None and parts[1].kind == "ident":
        return Node("has", parts[0].value, (parts[1],))  # `"x" in args` asks what has(args.x) asks
    return Node("call", name, parts)


def _const(data: bytes) -> Json:
    for number, value in _fields(data):
        match number:
            case 2:
                return bool(value)
            case 3:
                return value - (1 << 64) if value >= 1 << 63 else value
            case 5:
                return struct.unpack("<d", value)[0]
            case 6:
                return value.decode()
            case 4 | 7:
                return value
    return None


def _text(data: bytes, number: int) -> str:
    return next((value.decode() for n, value in _fields(data) if n == number), "")


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a protocol buffer message: int for varints, bytes for the others."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        else:
            size = 8 if kind == 1 else 4
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
