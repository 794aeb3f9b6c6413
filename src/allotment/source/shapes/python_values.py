"""Values of Python expressions, read from the text: nothing of it is run.

What can be read are literals, sums and products of numbers, names bound before to what can be read, `dict(...)` with
keywords, and calls of kombu's `Queue` and `Exchange`. All else becomes an `Unread`, which is an error where it is used.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from allotment.errors import FileProblem, Where
from allotment.source.document import Place, Places
from allotment.source.yaml_text import MOST_DEPTH

MOST_NUMBER = 10**30

_PARAMETERS = {
    "dict": (),
    "Queue": ("name", "exchange", "routing_key", "channel", "bindings", "on_declared"),
    "Exchange": ("name", "type", "channel"),
}
"""What may be called, with the names of what is given by position."""

_OPERATORS: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
}
_IN_WORDS: Mapping[type[ast.AST], str] = {
    ast.JoinedStr: "an f-string",
    ast.Attribute: "an attribute",
    ast.Subscript: "an item of something else",
    ast.Call: "a call",
    ast.Lambda: "a function",
    ast.Starred: "an unpacking",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.IfExp: "a condition",
    ast.BoolOp: "a condition",
    ast.Compare: "a condition",
}
_NO_VALUE = "has no value until the module is run, which it is not"
_WRITE_IT = "write the value itself"


class Called(dict[str, Any]):
    """The arguments of a call of kombu's `Queue` or `Exchange`, by name."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Unread:
    """Stands for a value that cannot be read; the problem says why."""

    problem: FileProblem


@dataclass(frozen=True, slots=True)
class Bound:
    """What a name stands for: a value with its place and that of the name, or what is imported from a module."""

    key: Place
    place: Place
    value: Any
    module: str | None = None


class Values:
    """The values of a module's expressions. `bound` holds the names known so far and may grow."""

    def __init__(self, text: str, file: str, bound: Mapping[str, Bound]) -> None:
        self._file = file
        self._bound = bound
        self._lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._columns: dict[int, list[int]] = {}
        self.places: dict[int, Places] = {}

    def read(self, node: ast.AST, depth: int = 0) -> Any:
        """Give the value of an expression, with an `Unread` for each part that has none."""
        if depth > MOST_DEPTH:
            return self.unread(node, f"nested more than {MOST_DEPTH} deep", "this needs five levels")
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return self._list(node.elts, depth)
        if isinstance(node, ast.Dict):
            return self._dict(node, depth)
        if isinstance(node, ast.Name):
            bound = self._bound.get(node.id)
            return bound.value if bound else self.unread(node, f"{node.id} is not known here", "write its value")
        if isinstance(node, ast.BinOp):
            return self._sum(node, node.op, [node.left, node.right], depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self._sum(node, ast.Sub(), [ast.Constant(0), node.operand], depth)
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        return self.unread(node, f"{_IN_WORDS.get(type(node), 'this')} {_NO_VALUE}", _WRITE_IT)

    def unread(self, node: ast.AST, message: str, hint: str) -> Unread:
        """Give what stands for a value that cannot be read."""
        return Unread(FileProblem("python-value", message, where=Where(*self.place(node)), hint=hint))

    def _constant(self, node: ast.Constant) -> Any:
        value = node.value
        if isinstance(value, (int, float)) and abs(value) > MOST_NUMBER:
            return self.unread(node, "too large a number", "write a smaller one")
        if value is None or isinstance(value, (str, int, float)):
            return value
        return self.unread(node, f"a value of type {type(value).__name__} means nothing here", "write text or a number")

    def _list(self, nodes: list[ast.expr], depth: int) -> list[Any]:
        made: list[Any] = []
        places = self.places[id(made)] = Places()
        for number, node in enumerate(nodes):
            made.append(self.read(node, depth + 1))
            places.values[number] = self.place(node)
        return made

    def _dict(self, node: ast.Dict, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        self.places[id(made)] = Places()
        for key_node, value in zip(node.keys, node.values, strict=True):
            if key_node is None:
                self._spoil(made, self.unread(value, f"an unpacking {_NO_VALUE}", "write its keys and values out"))
                continue
            key = self.read(key_node, depth + 1)
            if isinstance(key, str):
                self._put(made, key, key_node, value, depth)
            else:
                bad = self.unread(key_node, "a key must be text", "put it in quotes")
                self._spoil(made, key if isinstance(key, Unread) else bad)
        return made

    def _put(self, made: dict[str, Any], key: str, key_node: ast.AST, node: ast.AST, depth: int) -> None:
        places = self.places[id(made)]
        if key in made:
            where, hint = Where(*self.place(key_node)), f"it is also in line {places.keys[key][1]}; keep one"
            self._spoil(made, Unread(FileProblem("duplicate-key", f"{key!r} is here twice", where=where, hint=hint)))
            return
        made[key] = self.read(node, depth + 1)
        places.keys[key], places.values[key] = self.place(key_node), self.place(node)

    def _spoil(self, made: dict[str, Any], unread: Unread) -> None:
        """Put in an `Unread` that has no key of its own; the key is one that no text of a fleet can be."""
        made[f"\0{len(made)}"] = unread

    def _sum(self, node: ast.AST, operator: ast.operator, nodes: list[ast.expr], depth: int) -> Any:
        known = _OPERATORS.get(type(operator))
        operands = [self.read(operand, depth + 1) for operand in nodes] if known else []
        bad = next((operand for operand in operands if isinstance(operand, Unread)), None)
        if bad:
            return bad
        if known is None or not all(_is_number(operand) for operand in operands):
            return self.unread(node, "only numbers are put together here, by +, -, *, / and //", _WRITE_IT)
        try:
            result = known(*operands)
        except ArithmeticError:
            return self.unread(node, "this cannot be worked out", "write the number")
        return result if abs(result) <= MOST_NUMBER else self.unread(node, "too large a number", "write a smaller one")

    def _call(self, node: ast.Call, depth: int) -> Any:
        name = self._callee(node.func)
        if name is None:
            return self.unread(node, f"a call {_NO_VALUE}", f"{_WRITE_IT}; Queue, Exchange and dict may be called")
        made: dict[str, Any] = {} if name == "dict" else Called(name)
        self.places[id(made)] = Places()
        parameters = _PARAMETERS[name]
        for parameter, argument in zip(parameters, node.args, strict=False):
            self._put(made, parameter, argument, argument, depth)
        for argument in node.args[len(parameters) :]:
            self._spoil(made, self.unread(argument, f"{name} takes no such argument here", "give it by its name"))
        for keyword in node.keywords:
            if keyword.arg is None:
                self._spoil(made, self.unread(keyword.value, f"an unpacking {_NO_VALUE}", "write its arguments out"))
            else:
                self._put(made, keyword.arg, keyword, keyword.value, depth)
        return made

    def _callee(self, node: ast.AST) -> str | None:
        """Give which of those that may be called this is: by its own name, or as imported from kombu."""
        module, name = "kombu", getattr(node, "id", None)
        if isinstance(node, ast.Name) and node.id in self._bound:
            module, _, name = (self._bound[node.id].module or "").rpartition(".")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            bound = self._bound.get(node.value.id)
            module, name = (bound.module if bound else node.value.id) or "", node.attr
        return name if name in _PARAMETERS and module.partition(".")[0] == "kombu" else None

    def place(self, node: Any) -> Place:
        """Give the place of a node; the parser counts columns in bytes of UTF-8."""
        last, end = node.end_lineno, node.end_col_offset
        return (self._file, node.lineno, self._column(node.lineno, node.col_offset), last, self._column(last, end))

    def _column(self, line: int, offset: int) -> int:
        text = self._lines[min(line, len(self._lines)) - 1]
        if text.isascii():
            return offset + 1
        if line not in self._columns:
            sizes = (len(character.encode("utf-8", "surrogatepass")) for character in text)
            self._columns[line] = [column for column, size in enumerate(sizes, 1) for _ in range(size)]
        columns = self._columns[line]
        return columns[offset] if offset < len(columns) else len(text) + 1


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
