"""Files that teams already have, read as fleet files: each shape has a module here."""

from collections.abc import Iterator, Mapping
from typing import Any

from allotment.errors import FileInvalid, Where
from allotment.source.document import Document, Places
from allotment.source.environment import references
from allotment.source.shapes import worker_profiles
from allotment.source.yaml_text import read_document


def read_shape(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """Read a file of any shape as a fleet file's values, each with its place in the file. Raises FileInvalid.

    A Python file is known by its name, Helm values by a mapping of workers where a fleet file has profiles.
    """
    if file.endswith(".py"):
        from allotment.source.shapes import worker_pools  # noqa: PLC0415 - a fleet file needs no parser of Python

        return worker_pools.read(text, file)
    try:
        document = read_document(text, file, environment)
    except FileInvalid as error:
        return _without_the_unused(error, text, file, environment)
    if not isinstance(document.root, dict):
        return document
    return _of_chart(document) or worker_profiles.read(document)


def _of_chart(document: Document) -> Document | None:
    """Read a document as a chart's values; None where it is none."""
    if not isinstance(document.root, dict) or "workers" not in document.root:
        return None
    from allotment.source.shapes import helm_values  # noqa: PLC0415 - a fleet file has no workers at its top

    return helm_values.read(document) if helm_values.fits(document.root) else None


def _without_the_unused(error: FileInvalid, text: str, file: str, environment: Mapping[str, str]) -> Document:
    """Read a chart's values where variables are not set that only commands of its pods name; else raise the error."""
    if any(problem.code != "environment" for problem in error.problems):
        raise error
    unset = {name: f"${{{name}}}" for name, default in references(text) if default is None and name not in environment}
    made = _of_chart(read_document(text, file, {**environment, **unset}))
    if made is None:
        raise error
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
