"""A workflow as people write it: `A | B`, `A(1, "x") | [B, C] | D`.

Names are dotted as tasks are, or in quotes; `|` chains, brackets run side by side; in parentheses stand literal
arguments. It is read with Python's own parser and nothing of it is run.
"""

import ast
import json
from dataclasses import dataclass, field
from typing import Any

from allotment.errors import ExpressionInvalid

MOST_CHARACTERS = 10_000


@dataclass(frozen=True, slots=True)
class Call:
    """One task with its literal arguments."""

    task: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Together:
    """Steps that run side by side."""

    steps: tuple["Step", ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Steps one after another, each taking the result of the one before."""

    steps: tuple["Step", ...]


Step = Call | Together | Sequence


def read_expression(text: str) -> Step:
    """Read a workflow. Raises ExpressionInvalid with the column at fault."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionInvalid(f"the workflow has {len(text)} characters", hint=f"at most {MOST_CHARACTERS}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = getattr(error, "offset", None)
        column = column and column + len(text) - len(text.lstrip())
        raise ExpressionInvalid(
            f"the workflow {_shown(text)} cannot be read" + (f" at column {column}" if column else ""),
            hint='write tasks joined by |, for example "A | B" or "A(1) | [B, C] | D";'
            " a name with other signs in quotes",
        ) from None
    try:
        return _step(tree.body)
    except RecursionError:
        raise ExpressionInvalid(f"the workflow {_shown(text)} is nested too deep", hint="write it flatter") from None


def _step(node: ast.expr) -> Step:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Sequence(tuple(part for operand in _operands(node) for part in _parts(_step(operand))))
    if isinstance(node, (ast.List, ast.Tuple)):
        if not node.elts:
            raise ExpressionInvalid("brackets with nothing in them", hint="name the tasks to run side by side: [A, B]")
        return Together(tuple(_step(inner) for inner in node.elts))
    if isinstance(node, ast.Call):
        return _call(node)
    return Call(_name(node))


def _operands(node: ast.expr) -> list[ast.expr]:
    """Give what `|` joins, first to last; a chain of them leans to the left and may be long."""
    found = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        found.append(node.right)
        node = node.left
    return [node, *reversed(found)]


def _parts(step: Step) -> tuple[Step, ...]:
    return step.steps if isinstance(step, Sequence) else (step,)


def _call(node: ast.Call) -> Call:
    try:
        args = tuple(ast.literal_eval(argument) for argument in node.args)
        kwargs = {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in node.keywords}
    except (ValueError, SyntaxError):
        raise ExpressionInvalid(
            f"an argument of {_name(node.func)!r} is not a literal",
            hint='write numbers, "text", true values, lists or mappings',
        ) from None
    if len(kwargs) < len(node.keywords):
        raise ExpressionInvalid(f"an argument of {_name(node.func)!r} is given twice", hint="keep one")
    try:
        json.dumps([args, kwargs], allow_nan=False)
    except (TypeError, ValueError):
        raise ExpressionInvalid(
            f"an argument of {_name(node.func)!r} cannot be written as JSON",
            hint='write numbers, "text", true values, lists or mappings',
        ) from None
    if "" in kwargs:
        raise ExpressionInvalid(f"** in the arguments of {_name(node.func)!r}", hint="write the arguments out")
    return Call(_name(node.func), args, kwargs)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    raise ExpressionInvalid(
        f"{_shown(ast.unparse(node))} is not a task's name",
        hint='write tasks joined by |, for example "A | B"; a name with other signs in quotes',
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")  # noqa: PLR2004 - what fits a line
