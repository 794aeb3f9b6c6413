"""Files that teams already have, read as fleet files: each shape has a module here."""

from collections.abc import Iterator, Mapping
from typing import Any

from allotment.errors import FileInvalid, Where
from allotment.source.document import Document, Places
from allotment.source.environment import references
from allotment.source.shapes import helm_values, worker_pools, worker_profiles
from allotment.source.yaml_text import read_document


def read_shape(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """Read a file of any shape as a fleet file's values, each with its place in the file. Raises FileInvalid.

    A Python file is known by its name, Helm values by a mapping of workers where a fleet file has profiles.
    """
    if file.endswith(".py"):
        return worker_pools.read(text, file)
    try:
        document = read_document(text, file, environment)
    except FileInvalid as error:
        return _without_the_unused(error, text, file, environment)
    if not isinstance(document.root, dict):
        return document
    if helm_values.fits(document.root):
        return helm_values.read(document)
    return worker_profiles.read(document)


def _without_the_unused(error: FileInvalid, text: str, file: str, environment: Mapping[str, str]) -> Document:
    """Read a chart's values where variables are not set that only commands of its pods name; else raise the error."""
    if any(problem.code != "environment" for problem in error.problems):
        raise error
    unset = {name: f"${{{name}}}" for name, default in references(text) if default is None and name not in environment}
    document = read_document(text, file, {**environment, **unset})
    if not isinstance(document.root, dict) or not helm_values.fits(document.root):
        raise error
    made = helm_values.read(document)
    used = set(_places((made.root, *made.assumed), made))
    problems = tuple(problem for problem in error.problems if problem.where in used)
    if problems:
        raise FileInvalid(problems)
    return made


def _places(values: Any, document: Document) -> Iterator[Where]:
    """Give the place of each value in these values."""
    waiting, seen = [values], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or not isinstance(value, (dict, list, tuple)):
            continue
        seen.add(id(value))
        waiting += value.values() if isinstance(value, dict) else value
        places = document.places.get(id(value), Places())
        yield from (Where(file, line, column) for file, line, column, *_ in places.values.values())
