"""`allot doctor`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from allotment.cli.options import Duration, fleet_option, format_option
from allotment.cli.views import doctor as view
from allotment.errors import ExitCode, UnknownName
from allotment.local.diagnosis.surroundings import surroundings
from allotment.model.address import EMBEDDED, NO_RESULTS, each_url
from allotment.model.names import did_you_mean
from allotment.source.broker_environment import broker_from_environment
from allotment.source.fleet_file import FleetFile, read_fleet_file

if TYPE_CHECKING:
    from allotment.engine.diagnosis.subject import Subject
    from allotment.model.node import Node

FROM_INPUT = "-"


@click.command("doctor")
@click.option("-b", "--broker", metavar="URL", help="Look at this broker; `-` reads the URL from standard input.")
@click.option("-r", "--results", metavar="URL", help="Look at this result backend; `-` as for --broker.")
@click.option("-n", "--node", metavar="NAME", help="Check also what the profiles of this node require.")
@click.option("-t", "--timeout", type=Duration(), default="4s", show_default=True, help="How long each step may take.")
@fleet_option
@format_option()
@click.pass_context
def command(
    context: click.Context,
    *,
    broker: str | None,
    results: str | None,
    node: str | None,
    timeout: float,
    fleet_path: Path,
    form: str,
) -> int:
    """Say whether the broker and the results can be reached and used from here.

    Goes step by step, so that the first that fails names the cause: name, connection, TLS or protocol, login, server,
    clock, a round trip, which leaves nothing behind. Checks also the versions here, and with --node the mounts, imports
    and labels of a node. Without a fleet file it takes --broker, else BROKER_URL, else RABBITMQ_HOST with
    RABBITMQ_PORT, RABBITMQ_USER, RABBITMQ_PASSWORD and RABBITMQ_VHOST. Exit code 1: something failed.

    \b
    Examples:
      allot doctor
      allot doctor --node server-1 --json
      BROKER_URL=amqp://rabbit// allot doctor
    """
    file = _file(context, fleet_path)
    broker, results = _given(broker, "broker", file), _given(results, "results", file)
    chosen = _node(file, node)
    subject = _subject(file, broker, results)
    from allotment.engine.diagnosis.diagnose import diagnose  # imports Celery
    from allotment.engine.diagnosis.node import node_checks

    required = node_checks(file.model, chosen, file.path.parent) if file and chosen else ()
    checks = diagnose(subject, surroundings(), timeout, required)
    seen = view.as_text(checks) if form == "text" else view.as_json(checks, str(file.path) if file else None)
    return ExitCode.FINDINGS if any(check.failed for check in seen) else ExitCode.OK


def _file(context: click.Context, path: Path) -> FleetFile | None:
    """Read the fleet file; None where none was named and there is none of the usual name."""
    named = context.get_parameter_source("fleet_path") is not click.core.ParameterSource.DEFAULT
    return read_fleet_file(path) if named or path.exists() else None


def _given(url: str | None, what: str, file: FleetFile | None) -> str | None:
    """Give an address of an argument, or of standard input, where it shows in no list of processes."""
    if url == FROM_INPUT:
        typed = sys.stdin.isatty()
        url = click.prompt(f"{what} URL", hide_input=True, err=True) if typed else sys.stdin.readline().strip()
    if url is None:
        return None
    words = {EMBEDDED} if what == "broker" else {EMBEDDED, NO_RESULTS}
    if url not in words and not all("://" in one for one in each_url(url)):
        # nothing of it is repeated: it may be a password that was put in the wrong place
        raise UnknownName(f"--{what} is not an address", hint="write redis://host:6379/0 or amqp://host:5672//")
    if url == EMBEDDED and file is None:
        raise UnknownName("an embedded broker belongs to a fleet file, and there is none", hint="name it with --fleet")
    return url


def _node(file: FleetFile | None, name: str | None) -> "Node | None":
    if name is None:
        return None
    if file is None:
        raise UnknownName(f"there is no fleet file to look up node {name!r} in", hint="name it with --fleet")
    if name not in file.model.nodes:
        raise UnknownName(f"there is no node {name!r}", hint=did_you_mean(name, file.model.nodes))
    return file.model.nodes[name]


def _subject(file: FleetFile | None, broker: str | None, results: str | None) -> "Subject":
    from allotment.engine.diagnosis.subject import fleet_subject, given_subject  # imports Celery

    if file is not None:
        return fleet_subject(file, broker, results, os.environ)
    broker = broker or _given(broker_from_environment(os.environ), "broker", None)
    if broker is None:
        raise UnknownName(
            "there is no broker to look at: no fleet.yaml here, no --broker, and no BROKER_URL or RABBITMQ_HOST",
            hint="go to the folder of the fleet file or name it with --fleet, or set BROKER_URL",
        )
    return given_subject(broker, results)
