"""`allot demo`."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

import allotment
from allotment.cli.options import format_option
from allotment.cli.views import demo as view
from allotment.errors import ExitCode, UnknownName
from allotment.local.reach import check_listening
from allotment.model.address import Address, leads_somewhere

if TYPE_CHECKING:
    from allotment.engine.demonstration import Topology


@click.command("demo")
@click.argument("names", nargs=-1, metavar="[TOPOLOGY]...")
@click.option("--plain", is_flag=True, help="Run the same files as plain Celery beside it.")
@click.option("--broker", metavar="URL", envvar="ALLOTMENT_DEMO_BROKER", help="Another broker than the embedded one.")
@click.option("--results", metavar="URL", help="Another result backend; left out, the broker if it is Redis or Valkey.")
@format_option()
def command(names: tuple[str, ...], plain: bool, broker: str | None, results: str | None, form: str) -> int:
    """Run six topologies one after another and compare what ran with what was planned.

    For each: its drawing, a table (task, queue, lane, predicted, observed, share) and the time. Real workers, real
    broker; everything is started here and stopped again. Exit code 1: something did not finish or ran elsewhere.

    \b
    Examples:
      allot demo
      allot demo specialized --plain
      allot demo --broker amqp://guest:guest@localhost// --json
    """
    for url in filter(None, (broker, results)):
        if not leads_somewhere(url):
            raise UnknownName(
                f"{Address(url).shown!r} is not an address", hint="write redis://host:6379/0 or amqp://host:5672//"
            )
        check_listening(url)
    from allotment.engine.demonstration import TOPOLOGIES, demonstrate  # imports Celery
    from allotment.engine.plain import demonstrate_plain

    chosen = _chosen(names, {topology.name: topology for topology in TOPOLOGIES})
    folder = examples_folder()
    outcomes = []
    with _environment(broker, results) as environment:
        for topology in chosen:
            outcome = demonstrate(topology, folder, environment)
            beside = demonstrate_plain(topology, folder, environment, "letters.plain:app") if plain else None
            outcomes.append((outcome, beside))
            if form == "text":
                view.show(topology.title, outcome, beside)
    shown = Address(broker).shown if broker else "embedded"
    if form == "json":
        view.as_json(outcomes, shown)
    else:
        view.summary(outcomes, shown)
    return ExitCode.OK if all(outcome.holds for outcome, _ in outcomes) else ExitCode.FINDINGS


def _chosen(names: tuple[str, ...], topologies: "Mapping[str, Topology]") -> "list[Topology]":
    for name in names:
        if name not in topologies:
            raise UnknownName(f"there is no topology {name!r}", hint=f"there is {', '.join(topologies)}")
    return [topologies[name] for name in names] or list(topologies.values())


def examples_folder() -> Path:
    """Give the folder of the topologies: in the checkout this runs from, else as it was installed."""
    package = Path(allotment.__file__).parent
    places = (package.parents[1] / "examples" / "topologies", package / "examples" / "topologies")
    for place in places:
        if (place / "basic.yaml").is_file():
            return place
    raise UnknownName("the topologies are not installed", hint=f"they should be in {places[-1]}")


@contextmanager
def _environment(broker: str | None, results: str | None) -> Iterator[dict[str, str]]:
    """Give the environment of the demonstration: a state folder of its own, and the addresses asked for."""
    with tempfile.TemporaryDirectory(prefix="allotment-demo-", ignore_cleanup_errors=True) as folder:
        environment = {key: value for key, value in os.environ.items() if key not in {"BROKER_URL", "RESULT_URL"}}
        environment["ALLOTMENT_STATE"] = folder
        before = os.environ.get("ALLOTMENT_STATE")
        # this process finds the same state folder as the fleets it starts
        os.environ["ALLOTMENT_STATE"] = folder
        if broker:
            environment["BROKER_URL"] = broker
            environment["RESULT_URL"] = results or (broker if Address(broker).speaks_redis else "embedded")
        elif results:
            environment["RESULT_URL"] = results
        try:
            yield environment
        finally:
            os.environ.pop("ALLOTMENT_STATE")
            if before is not None:
                os.environ["ALLOTMENT_STATE"] = before
