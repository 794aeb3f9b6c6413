"""Finds the contracts that modules define. Run in a process of its own, so that nothing it imports stays."""

import importlib
import json
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator
from types import ModuleType

from allotment.contracts import registry
from allotment.contracts.description import Description, to_document
from allotment.errors import AllotmentError, ContractsUnusable

SEPARATOR = "\n\x1e"
"""Before the answer, as the modules may print too."""


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
    for one in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if one.name != "__main__":  # importing that one would run it
            yield from _imported(f"{name}.{one.name}")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except AllotmentError as error:
        raise ContractsUnusable(f"the module {name!r} cannot be imported: {error.message}", hint=error.hint) from error
    except ModuleNotFoundError as error:
        raise _missing(name, error) from error
    except (Exception, SystemExit) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise ContractsUnusable(
            f"the module {name!r} cannot be imported: {type(error).__name__}: {error}",
            hint=f"it was raised in {place.filename}:{place.lineno}",
        ) from error


def _missing(name: str, error: ModuleNotFoundError) -> ContractsUnusable:
    missing = error.name or ""
    if name == missing or name.startswith(missing + "."):
        hint = f"there is no module {missing!r} in {sys.path[0]} or in the environment of {sys.executable}"
    else:
        hint = f"{name!r} imports {missing!r}, which is not installed in the environment of {sys.executable}"
    return ContractsUnusable(f"the module {name!r} cannot be imported", hint=hint)


def main() -> int:
    """Print the contracts of the modules named on the command line, after the folder that they are in."""
    folder, *modules = sys.argv[1:]
    sys.path.insert(0, folder)  # before the folder this runs in: that one may have another version
    try:
        found = find_contracts(modules)
    except ContractsUnusable as error:
        sys.stderr.write(f"{SEPARATOR}{error.message}\n{error.hint or ''}")
        return 1
    sys.stdout.write(f"{SEPARATOR}{json.dumps(to_document(found))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
