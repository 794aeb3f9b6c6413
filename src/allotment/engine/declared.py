"""Tasks read from a module's source, for modules that cannot be imported here.

A module may need a library that only other nodes have; its tasks exist all the same, and the plan must know their
names. Found are functions under a decorator that ends in `.task`, `shared_task` or `task`, with their `name=` where it
is a literal; Celery's own default is the module's name and the function's (`celery/app/base.py`, `gen_task_name`).
"""

import ast
import importlib.util
from collections.abc import Iterator

from allotment.model.task import KnownTask

_DECORATORS = {"task", "shared_task"}


def declared_tasks(module: str) -> tuple[KnownTask, ...]:
    """Give the tasks a module's source declares; none where there is no source."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return ()
    loader = spec.loader if spec else None
    source = loader.get_source(module) if loader is not None and hasattr(loader, "get_source") else None
    if not source:
        return ()
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ()
    return tuple(_tasks_in(tree, module))


def _tasks_in(tree: ast.Module, module: str) -> Iterator[KnownTask]:
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
            if name in _DECORATORS:
                yield KnownTask(_explicit_name(decorator) or f"{module}.{node.name}", module)


def _explicit_name(decorator: ast.expr) -> str | None:
    if isinstance(decorator, ast.Call):
        for keyword in decorator.keywords:
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return None
