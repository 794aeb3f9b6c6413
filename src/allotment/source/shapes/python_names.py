"""Names that a Python module binds, with the values that can be read without running it."""

import ast
import warnings
from collections.abc import Iterator
from typing import Any

from allotment.errors import FileInvalid, FileProblem, Where
from allotment.source.document import Document, Places
from allotment.source.shapes.python_values import Bound, Unread, Values

MOST_CHARACTERS = 2**17
"""Python's own parser takes a multiple of this in time and memory; for some texts, a multiple of its square."""

_CHANGING = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
)
_OWN_SCOPE = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.JoinedStr,  # it binds nothing, and the parser places what is in it wrongly
)


def read_names(text: str, file: str, wanted: frozenset[str]) -> Document:
    """Give a mapping of those of the wanted names that a module binds. Raises FileInvalid with all that is wrong."""
    text = text.removeprefix("\ufeff")
    names = _Names(text, file)
    for statement in _parsed(text, file).body:
        names.note(statement)
    return names.document(text, file, wanted)


def _parsed(text: str, file: str) -> ast.Module:
    if len(text) > MOST_CHARACTERS:
        message = f"{len(text)} characters are more than a Python file may have here"
        hint = f"at most {MOST_CHARACTERS}: keep pools and queues in a module of their own"
        raise FileInvalid((FileProblem("file-too-large", message, where=Where(file), hint=hint),))
    where = Where(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of the text is for those who run it
            return ast.parse(text)
    except SyntaxError as error:
        what, where = error.msg, Where(file, error.lineno, error.offset or None)
    except (RecursionError, MemoryError):
        what = "nested too deep to be read"
    except ValueError:
        what = "it holds a null character"
    problem = FileProblem("python-syntax", f"not valid Python: {what}", where=where, hint="mend the module")
    raise FileInvalid((problem,))


class _Names:
    """What a module's names are bound to, one statement after the other."""

    def __init__(self, text: str, file: str) -> None:
        self._bound: dict[str, Bound] = {}
        self._values = Values(text, file, self._bound)

    def note(self, statement: ast.stmt) -> None:
        """Take note of what a statement binds."""
        if isinstance(statement, ast.Assign):
            self._note_value(statement.value, statement.targets)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._note_value(statement.value, [statement.target])
        else:
            self._note_other(statement)

    def _note_value(self, node: ast.expr, targets: list[ast.expr]) -> None:
        self._note_other(node)
        value = self._values.read(node)
        for target in targets:
            name = _name_of(target)
            if name is None:
                self._note_other(target)
            else:
                self._bound[name] = Bound(self._values.place(target), self._values.place(node), value)

    def _note_other(self, node: ast.AST) -> None:
        """Take note of what anything but a plain assignment binds or changes: the value is then not known."""
        for inner in _own_parts(node):
            if isinstance(inner, (ast.Import, ast.ImportFrom)):
                self._note_import(inner)
            elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self._spoil(inner.name, inner, "is a function or a class")
            elif isinstance(inner, (ast.Name, ast.Attribute)) and not isinstance(inner.ctx, ast.Load):
                self._spoil(_name_of(inner), inner, "is not set by a plain assignment of its own")
            elif isinstance(inner, ast.Subscript) and not isinstance(inner.ctx, ast.Load):
                self._spoil(_name_of(inner.value), inner, "is changed here")
            elif isinstance(inner, ast.Call) and getattr(inner.func, "attr", None) in _CHANGING:
                self._spoil(_name_of(getattr(inner.func, "value", inner)), inner, "is changed here")

    def _note_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self._spoil(name, node, "is imported, and other modules are not read", "write its value here")
            module = alias.name if alias.asname else name
            if isinstance(node, ast.ImportFrom):
                module = f"{node.module}.{alias.name}"
            bound = self._bound[name]
            self._bound[name] = Bound(bound.key, bound.place, bound.value, module)

    def _spoil(self, name: str | None, node: ast.AST, what: str, hint: str | None = None) -> None:
        if name is not None:
            place = self._values.place(node)
            unread = self._values.unread(node, f"{name} {what}", hint or f"write the whole of it once, {name} = …")
            self._bound[name] = Bound(place, place, unread)

    def document(self, text: str, file: str, wanted: frozenset[str]) -> Document:
        """Give the wanted names with their values. Raises FileInvalid."""
        found = {name: bound for name, bound in self._bound.items() if name in wanted}
        root = {name: bound.value for name, bound in found.items()}
        problems = {(one.where, one.message): one for one in _problems(root)}
        if problems:
            raise FileInvalid(tuple(sorted(problems.values(), key=lambda one: one.where or Where(file))))
        places = self._values.places
        places[id(root)] = Places(
            {name: bound.key for name, bound in found.items()}, {name: bound.place for name, bound in found.items()}
        )
        return Document(file, {file: text}, root, places, {})


def _problems(root: Any) -> Iterator[FileProblem]:
    """Give the problem of each `Unread` in a value; what is shared is looked at once."""
    waiting, seen = [root], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Unread):
            yield value.problem
        elif isinstance(value, (dict, list)) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, dict) else value


def _name_of(target: ast.AST) -> str | None:
    """Give the name that is meant, which for `app.conf.task_queues` is that of the setting."""
    if isinstance(target, ast.Attribute):
        return target.attr if target.attr == "task_queues" else None
    return target.id if isinstance(target, ast.Name) else None


def _own_parts(node: ast.AST) -> Iterator[ast.AST]:
    """Give a node and what is in it, save what has a scope of its own."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        yield inner
        if not isinstance(inner, _OWN_SCOPE):
            waiting += ast.iter_child_nodes(inner)
