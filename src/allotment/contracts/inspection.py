"""Finds the contracts that modules define. Run in a process of its own, so that nothing it imports stays."""

import importlib
import json
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from allotment.contracts import registry
from allotment.contracts.description import Description, to_document
from allotment.errors import AllotmentError, ContractsUnusable


def find_contracts(modules: Iterable[str]) -> tuple[Description, ...]:
    """Import modules, with those within packages, and give every contract that is then defined.

    Raises ContractsUnusable.
    """
    for name in modules:
        for _ in _imported(name):
            pass
    return tuple(
        Description(contract.shape, contract.queue, contract.about, contract.place)
        for contract in registry.defined().values()
    )


def _imported(name: str) -> Iterator[ModuleType]:
    module = _import(name)
    yield module
    folders = tuple(getattr(module, "__path__", ()))
    within = {one.name for one in pkgutil.iter_modules(folders)}
    for one in sorted(within.union(*map(_packages_without_init, folders))):
        if one != "__main__":  # importing that one would run it
            yield from _imported(f"{name}.{one}")


def _packages_without_init(folder: str) -> Iterator[str]:
    """Give the folders within a package that Python takes for packages too, if modules are somewhere in them."""
    for path in Path(folder).iterdir():
        is_folder = path.name.isidentifier() and path.is_dir() and not path.is_symlink()
        if is_folder and any(path.rglob("*.py")):
            yield path.name


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except AllotmentError as error:
        raise ContractsUnusable(f"the module {name!r} cannot be imported: {error.message}", hint=error.hint) from error
    except ModuleNotFoundError as error:
        raise _missing(name, error) from error
    except (Exception, SystemExit) as error:
        raise ContractsUnusable(
            f"the module {name!r} cannot be imported: {type(error).__name__}: {error}",
            hint=f"it was raised in {_place(error)}",
        ) from error


def _place(error: BaseException) -> str:
    place = error if isinstance(error, SyntaxError) else traceback.extract_tb(error.__traceback__)[-1]
    return f"{place.filename}:{place.lineno}"


def _missing(name: str, error: ModuleNotFoundError) -> ContractsUnusable:
    missing = error.name or ""
    if name == missing or name.startswith(missing + "."):
        hint = f"there is no module {missing!r} in {sys.path[0]} or in the environment of {sys.executable}"
    else:
        hint = f"{name!r} imports {missing!r}, which is not installed in the environment of {sys.executable}"
    return ContractsUnusable(f"the module {name!r} cannot be imported", hint=hint)


def main() -> int:
    """Write the contracts of the modules named on the command line into a file, for `allotment.local.answer`.

    The file's path comes first, then the folder that the modules are in.
    """
    file, folder, *modules = sys.argv[1:]
    sys.path.insert(0, folder)  # before the folder this runs in: that one may have another version
    answer: dict[str, Any]
    try:
        answer = {"found": to_document(find_contracts(modules))}
    except ContractsUnusable as error:
        answer = {"unusable": [error.message, error.hint or ""]}
    Path(file).write_text(json.dumps(answer))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
