"""Finds the contracts that modules define. Run in a process of its own, so that nothing it imports stays."""

import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from allotment.contracts import registry
from allotment.contracts.description import Description, to_document
from allotment.errors import ContractsUnusable
from allotment.local.importing import import_named, raised


def find_contracts(modules: Iterable[str], folder: Path) -> tuple[Description, ...]:
    """Import modules of a folder, with those within packages, and give every contract that is then defined.

    Raises ContractsUnusable.
    """
    for name in modules:
        _import_whole(name, folder)
    return tuple(
        Description(contract.shape, contract.queue, contract.about, contract.place)
        for contract in registry.defined().values()
    )


def _import_whole(name: str, folder: Path) -> None:
    what = f"the module {name!r}"
    try:
        module = import_named(name, what, folder, ContractsUnusable)
    except SystemExit as error:
        raise raised(what, error, ContractsUnusable) from error
    folders = tuple(getattr(module, "__path__", ()))
    within = {one.name for one in pkgutil.iter_modules(folders)}
    for one in sorted(within.union(*map(_packages_without_init, folders))):
        if one != "__main__":  # importing that one would run it
            _import_whole(f"{name}.{one}", folder)


def _packages_without_init(folder: str) -> Iterator[str]:
    """Give the folders within a package that Python takes for packages too, if modules are somewhere in them."""
    for path in Path(folder).iterdir():
        is_folder = path.name.isidentifier() and path.is_dir() and not path.is_symlink()
        if is_folder and any(path.rglob("*.py")):
            yield path.name


def main() -> int:
    """Write the contracts of the modules named on the command line into a file, for `allotment.local.answer`.

    The file's path comes first, then the folder that the modules are in.
    """
    file, folder, *modules = sys.argv[1:]
    sys.path.insert(0, folder)  # before the folder this runs in: that one may have another version
    answer: dict[str, Any]
    try:
        answer = {"found": to_document(find_contracts(modules, Path(folder)))}
    except ContractsUnusable as error:
        answer = {"unusable": [error.message, error.hint or ""]}
    Path(file).write_text(json.dumps(answer))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
