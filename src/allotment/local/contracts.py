"""The contracts of modules, folders and snapshots: modules are imported in a process of their own."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from allotment.contracts.description import Description, from_document
from allotment.errors import ContractsUnusable, Where
from allotment.local.answer import Unanswered, Unusable, ask
from allotment.model.names import module_name

SNAPSHOT = ".json"
MOST_BYTES = 64 * 1024 * 1024
"""A snapshot of ten thousand contracts has some 20 MiB."""


def read_source(source: str, folder: Path) -> tuple[Description, ...]:
    """Give the contracts of a module, importable from the folder, of a package's folder or file, or of a snapshot.

    Raises ContractsUnusable, also where there is none: what is compared with nothing passes.
    """
    found = _read(source, folder)
    if not found:
        raise ContractsUnusable(
            f"{source} defines no contract", hint="name the module that has them: @contract and TaskContract make one"
        )
    return found


def _read(source: str, folder: Path) -> tuple[Description, ...]:
    if source.endswith(SNAPSHOT):
        return _read_snapshot(folder / source, source)
    if os.sep in source or source.endswith(".py") or source in (".", ".."):
        return _read_path((folder / source).resolve(), source)
    try:
        return read_modules([module_name(source)], folder)
    except ValueError as error:
        raise ContractsUnusable(str(error), hint="name a module, a path such as ./contracts, or a .json") from None


def read_modules(modules: Sequence[str], folder: Path) -> tuple[Description, ...]:
    """Give the contracts that these modules define or import. Raises ContractsUnusable."""
    try:
        return from_document(ask("allotment.local.inspection", str(folder), *modules))
    except Unusable as error:
        raise ContractsUnusable(error.message, hint=error.hint or None) from None
    except Unanswered as error:
        raise ContractsUnusable(
            f"importing {', '.join(modules)} {error}",
            hint=f"import it by hand: python -c 'import {modules[0]}'",
        ) from None


def merged(found: Iterable[tuple[Description, ...]]) -> tuple[Description, ...]:
    """Give the contracts of several sources as one. Raises ContractsUnusable where two of a name are not the same."""
    by_name: dict[str, Description] = {}
    for one in (contract for contracts in found for contract in contracts):
        other = by_name.setdefault(one.name, one)
        if (one.shape.digest, one.queue) != (other.shape.digest, other.queue):
            raise ContractsUnusable(
                f"there are two contracts named {one.name!r}: {other.place} and {one.place}",
                hint="compare them with `allot contracts diff`",
            )
    return tuple(by_name[name] for name in sorted(by_name))


def _read_path(path: Path, shown: str) -> tuple[Description, ...]:
    """Import what is at a path by the name it has within its outermost package."""
    if not path.is_dir() and not (path.is_file() and path.suffix == ".py"):
        raise ContractsUnusable(
            f"there is no folder or Python file {shown}", hint="name a module, a path such as ./contracts, or a .json"
        )
    names = [] if path.name == "__init__.py" else [path.stem if path.is_file() else path.name]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    try:
        name = module_name(".".join(names))
    except ValueError as error:
        raise ContractsUnusable(f"{shown} cannot be imported: {error}", hint="rename it, or name a module") from None
    return read_modules([name], folder)


def _read_snapshot(path: Path, shown: str) -> tuple[Description, ...]:
    how = "write one: allot contracts list --format json > contracts.json"
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ContractsUnusable(f"{shown} is larger than a snapshot may be: {MOST_BYTES} bytes", hint=how)
        return merged([from_document(json.loads(text))])
    except OSError as error:
        raise ContractsUnusable(f"{shown} cannot be read: {error.strerror or error}", hint=how) from None
    except json.JSONDecodeError as error:
        raise ContractsUnusable(f"it is no JSON: {error.msg}", where=Where(shown, error.lineno), hint=how) from None
    except (ValueError, RecursionError) as error:
        raise ContractsUnusable(f"it is no snapshot of contracts: {error}", where=Where(shown), hint=how) from None
