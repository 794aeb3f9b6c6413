"""`allot contracts`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from allotment.cli.options import fleet_option, format_option
from allotment.errors import ContractsUnusable, ExitCode, FileInvalid, UnknownName

if TYPE_CHECKING:
    from allotment.contracts.description import Description

_source_option = click.option(
    "-m",
    "--module",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="Where the contracts are; left out: what the fleet's app imports. May be given several times.",
)


@click.group("contracts")
def command() -> None:
    """List, show and compare contracts: what producers and workers share of a task.

    A SOURCE is a module that can be imported from here, with those within it (shop.contracts), a path to a package's
    folder or to a Python file (../shop-2.1/shop/contracts), or a snapshot, a .json that `allot contracts list --format
    json` wrote. Modules are imported in a process of their own.

    \b
    Examples:
      allot contracts list -m shop.contracts
      allot contracts show shop.resize -m shop.contracts
      allot contracts list -m shop.contracts --format json > contracts.json
      allot contracts diff contracts.json shop.contracts
    """


@command.command("list", short_help="List contracts with their queues and signatures.")
@_source_option
@fleet_option
@format_option()
def list_command(*, sources: tuple[str, ...], fleet_path: Path, form: str) -> None:
    """List contracts: name, queue, signature, digest and place.

    Two contracts of the same digest take the same calls. With --format json the list is a snapshot, which `show` and
    `diff` take in place of the modules.

    \b
    Examples:
      allot contracts list -m shop.contracts
      allot contracts list -m shop.contracts --format json > contracts.json
    """
    from allotment.cli.views import contracts as view

    found = _contracts(sources, fleet_path)
    if form == "json":
        view.list_as_json(found)
    else:
        view.list_as_text(found)


@command.command("show", short_help="Show one contract in full.")
@click.argument("name")
@_source_option
@fleet_option
@format_option()
def show(*, name: str, sources: tuple[str, ...], fleet_path: Path, form: str) -> None:
    """Show the contract of the task NAME: signature, queue, text, and the JSON Schema of each type.

    \b
    Examples:
      allot contracts show shop.resize -m shop.contracts
      allot contracts show shop.resize -m contracts.json --json
    """
    from allotment.cli.views import contracts as view
    from allotment.model.names import did_you_mean

    found = {one.name: one for one in _contracts(sources, fleet_path)}
    if name not in found:
        hint = did_you_mean(name, found, otherwise="`allot contracts list` lists them")
        raise UnknownName(f"there is no contract {name!r}", hint=hint)
    if form == "json":
        view.one_as_json(found[name])
    else:
        view.one_as_text(found[name])


@command.command("diff", short_help="Say what becomes of calls between two versions.")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@format_option()
def diff(*, old: str, new: str, form: str) -> int:
    """Compare the contracts of A, the old version, with those of B, the new one; each is a SOURCE.

    While a change is rolled out, producers of the one call workers of the other, in both directions. Of each contract
    that changed it is said what becomes of such calls, and of their results:

    \b
      compatible  every call is run as it was meant
      depends     calls are right as long as they leave out what is named,
                  or workers consume both queues
      breaking    calls are refused, lose something or become something else

    Exit code 0: nothing is breaking. 1: something is. 2: A or B cannot be read.

    \b
    Examples:
      allot contracts diff contracts.json shop.contracts
      allot contracts diff ../shop-2.0/shop/contracts shop.contracts --format json
    """
    from allotment.cli.views import contracts as view
    from allotment.contracts.changes import changes
    from allotment.contracts.differences import Severity
    from allotment.local.contracts import read_source

    found = changes(read_source(old, Path.cwd()), read_source(new, Path.cwd()))
    if form == "json":
        view.changes_as_json(found)
    else:
        view.changes_as_text(found, old, new)
    breaks = any(change.verdict is Severity.BREAKING for change in found)
    return ExitCode.FINDINGS if breaks else ExitCode.OK


def _contracts(sources: tuple[str, ...], fleet_path: Path) -> "tuple[Description, ...]":
    """Read the sources, else the modules of the fleet's app. Raises ContractsUnusable, FileInvalid and AppUnusable."""
    from allotment.local.contracts import merged, read_source

    if sources:
        return merged(read_source(source, Path.cwd()) for source in sources)
    return _of_the_fleet(fleet_path)


def _of_the_fleet(path: Path) -> "tuple[Description, ...]":
    from allotment.cli.output import note
    from allotment.local.contracts import read_modules
    from allotment.local.inventory import read_inventory
    from allotment.source.fleet_file import read_fleet_file

    how = "name a module, a path or a snapshot: allot contracts list -m shop.contracts"
    try:
        file = read_fleet_file(path)
    except FileInvalid as error:
        if error.problems[0].code != "file-missing":
            raise
        raise ContractsUnusable(f"there is no file {path}, and no SOURCE is named", hint=how) from None
    if file.model.app is None:
        raise ContractsUnusable(f"{path} names no app, and no SOURCE is named", hint=how)
    folder = file.path.parent
    inventory = read_inventory(file.model.app, folder)
    for module, why in inventory.failed.items():
        note(f"note: {module} cannot be imported here ({why}); its contracts are not seen")
    listed = (*inventory.listed_in.values(), *(task.module for task in inventory.tasks))
    modules = dict.fromkeys(one for one in listed if one is not None and one not in inventory.failed)
    return read_modules([file.model.app.partition(":")[0], *modules], folder)
