"""`allot worker`."""

import os
from pathlib import Path

import click

from allotment.cli.options import fleet_option, loglevel_option
from allotment.cli.output import show_errors
from allotment.errors import BrokerUnreachable, ExitCode
from allotment.local.part import INVENTORY
from allotment.local.watch import end_with_supervisor, say_ready
from allotment.source.fleet_file import read_fleet_file


@click.command("worker")
@click.option("-p", "--profile", required=True, metavar="NAME", help="The profile this worker is of.")
@click.option(
    "-n", "--node", metavar="NAME", help="The node it runs on; may be left out where only one runs the profile."
)
@click.option("-i", "--index", type=click.IntRange(1), default=1, show_default=True, help="Its number on that node.")
@loglevel_option
@fleet_option
def command(profile: str, node: str | None, index: int, loglevel: str, fleet_path: Path) -> int:
    """Run one worker of the fleet until it is told to stop.

    Checks first what the profile requires (mounts, imports, labels) and refuses to start without it; imports only the
    modules of the tasks it registers; consumes its lanes and nothing else. SIGTERM drains and stops.

    \b
    Examples:
      allot worker --profile cpu
      allot worker --profile cpu --node server-1 --index 2
    """
    supervised = end_with_supervisor()  # before gevent's patches, under which its thread would hold up all others
    from allotment.engine.pool import prepare_pool

    file = read_fleet_file(fleet_path)
    if profile in file.model.profiles:
        prepare_pool(file.model.profiles[profile])
    from allotment.engine.worker import WorkerOrder, node_for, run_worker  # imports Celery

    order = WorkerOrder(profile, node_for(file.model, profile, node).name, index, loglevel.upper())
    given = os.environ.pop(INVENTORY, None)
    try:
        return run_worker(file, order, Path(given) if given else None, say_ready)
    except BrokerUnreachable as error:
        if not supervised:
            raise
        show_errors(error)
        return ExitCode.UNAVAILABLE
