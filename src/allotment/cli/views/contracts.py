"""What `allot contracts` shows."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import click

from allotment.cli.output import console, print_json, visible
from allotment.contracts.changes import Change, Kind
from allotment.contracts.comparison import Comparison
from allotment.contracts.description import Description, to_document
from allotment.contracts.differences import Severity
from allotment.contracts.shape import Parameter, ParameterKind

_COLOURS = {Severity.HARMLESS: "green", Severity.DEPENDS: "yellow", Severity.BREAKING: "red"}
_VERDICTS = {Severity.HARMLESS: "compatible", Severity.DEPENDS: "depends", Severity.BREAKING: "breaking"}


def list_as_json(contracts: Sequence[Description]) -> None:
    """Print a snapshot."""
    print_json(to_document(contracts))


def list_as_text(contracts: Sequence[Description]) -> None:
    """Print a table."""
    if not contracts:
        click.echo("no contracts")
        return
    rows = [(one.name, one.queue, _signature(one), one.shape.digest, one.place) for one in contracts]
    _table(("name", "queue", "signature", "digest", "place"), rows)


def one_as_json(contract: Description) -> None:
    """Print one contract as a snapshot has it."""
    print_json(contract.document())


def one_as_text(contract: Description) -> None:
    """Print all of one contract."""
    shape = contract.shape
    click.echo(visible(str(shape)))
    for line in contract.about.splitlines():
        click.echo(visible(f"  {line}".rstrip()))
    click.echo()
    for name, value in (("queue", contract.queue), ("place", contract.place), ("digest", shape.digest)):
        click.echo(visible(f"{name:>6}  {value}"))
    click.echo()
    rows = [(one.name, one.written, _given(one), json.dumps(one.schema)) for one in shape.parameters]
    rows.append(("result", shape.result_written, "", json.dumps(shape.result)))
    _table(("parameter", "type", "given", "JSON Schema"), rows)
    if shape.definitions:
        click.echo()
        _table(("definition", "JSON Schema"), [(name, json.dumps(one)) for name, one in shape.definitions.items()])


def changes_as_text(changes: Sequence[Change], old: str, new: str) -> None:
    """Print each contract that is not the same, and what becomes of calls; then how many there are of each."""
    click.echo(visible(f"A is {old}, B is {new}"))
    for change in changes:
        if change.kind is not Kind.SAME:
            click.echo()
            for line in _lines(change):
                click.echo(line)
    kinds = [str(change.kind) for change in changes]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in Kind if kind in kinds)
    click.echo(f"\n{counts or 'no contracts'}: {_verdict(_worst(changes))}")


def _lines(change: Change) -> Iterator[str]:
    yield f"{click.style(visible(change.name), bold=True)}  {change.kind}, {_verdict(change.verdict)}"
    for letter, one in (("A", change.old), ("B", change.new)):
        if one is not None:
            yield visible(f"  {letter}  {_signature(one)}, queue {one.queue}")
    if change.kind is Kind.REMOVED:
        yield "  a producer of A: no worker of B has it, and calls are refused or wait"
    if change.moved:
        yield "  the queue: workers that consume only one of the two do not see calls of the other version"
    both = change.compatibility
    if both is not None:
        yield from _direction("a producer of A with a worker of B", both.new_worker)
        yield from _direction("a producer of B with a worker of A", both.new_producer)


def _direction(which: str, comparison: Comparison) -> Iterator[str]:
    yield f"  {which}: {_verdict(comparison.verdict)}"
    for one in sorted(comparison.differences, key=lambda difference: -difference.severity):
        yield f"    {_paint(one.severity, one.severity.word)}  {visible(str(one))}"


def changes_as_json(changes: Sequence[Change]) -> None:
    """Print the same for programs, with the contracts that are the same."""
    documents = [_change_document(change) for change in changes]
    print_json({"verdict": _VERDICTS[_worst(changes)], "contracts": documents})


def _worst(changes: Sequence[Change]) -> Severity:
    return max((change.verdict for change in changes), default=Severity.HARMLESS)


def _change_document(change: Change) -> dict[str, Any]:
    both = change.compatibility
    return {
        "name": change.name,
        "change": str(change.kind),
        "verdict": _VERDICTS[change.verdict],
        "old": _version(change.old),
        "new": _version(change.new),
        "old_producer_new_worker": _comparison(both.new_worker) if both else None,
        "new_producer_old_worker": _comparison(both.new_producer) if both else None,
    }


def _version(contract: Description | None) -> dict[str, Any] | None:
    if contract is None:
        return None
    shape = contract.shape
    return {"signature": str(shape), "queue": contract.queue, "digest": shape.digest, "place": contract.place}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "verdict": _VERDICTS[comparison.verdict],
        "differences": [
            {"severity": one.severity.word, "parameter": one.parameter, "told": one.told}
            for one in comparison.differences
        ],
        "not_to_be_given": sorted(comparison.not_to_be_given),
    }


def _signature(contract: Description) -> str:
    return str(contract.shape).removeprefix(contract.name)


def _given(parameter: Parameter) -> str:
    stars = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)
    return f"{parameter.kind}{'' if parameter.required or parameter.kind in stars else ', optional'}"


def _verdict(severity: Severity) -> str:
    return _paint(severity, _VERDICTS[severity])


def _paint(severity: Severity, text: str) -> str:
    return click.style(text, fg=_COLOURS[severity])


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))  # the brackets of types are markup otherwise
    console().print(table)
