"""`allot worker`."""

from pathlib import Path

import click

from allotment.cli.health import FLAG, file_of
from allotment.cli.options import fleet_option, loglevel_option
from allotment.cli.output import show_errors
from allotment.errors import BrokerUnreachable, ExitCode
from allotment.local.heartbeat import named_file, run_check, usual_path
from allotment.local.snapshot import given_snapshot
from allotment.local.watch import end_with_supervisor, leave_nothing, say_ready
from allotment.model.names import worker_name
from allotment.source.fleet_file import read_fleet_file


@click.command("worker")
@click.option(
    "-p",
    "--profile",
    metavar="NAME",
    help="The profile this worker is of; may be left out where the file that a health check reads is named.",
)
@click.option(
    "-n", "--node", metavar="NAME", help="The node it runs on; may be left out where only one runs the profile."
)
@click.option("-i", "--index", type=click.IntRange(1), default=1, show_default=True, help="Its number on that node.")
@loglevel_option
@click.option(
    "--heartbeat",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file by which the health check knows this worker.  [default: one in the temporary folder]",
)
@click.option(FLAG, "health_check", is_flag=True, help="Say whether this worker is healthy, instead of being it.")
@fleet_option
def command(
    *,
    profile: str | None,
    node: str | None,
    index: int,
    loglevel: str,
    heartbeat: Path | None,
    health_check: bool,
    fleet_path: Path,
) -> int:
    """Run one worker of the fleet until it is told to stop.

    Checks first what the profile requires (mounts, imports, labels) and refuses to start without it; imports only the
    modules of the tasks it registers; consumes its lanes and nothing else. SIGTERM drains and stops.

    With --health-check and otherwise the same options it looks after a worker that runs: exit code 0 where it is
    healthy, 1 where it hangs, has lost its broker, is stopping or does not run.

    \b
    Examples:
      allot worker --profile cpu
      allot worker --profile cpu --node server-1 --index 2
      allot worker --profile cpu --node server-1 --index 2 --health-check
    """
    if health_check and (heartbeat or profile or named_file()):
        return run_check(heartbeat or file_of(profile or "", node, index, fleet_path))
    if profile is None:
        raise click.MissingParameter(param_hint="'-p' / '--profile'", param_type="option")
    supervised = end_with_supervisor()  # before gevent's patches, under which its thread would hold up all others
    from allotment.engine.pool import prepare_pool

    snapshot = given_snapshot()
    file = read_fleet_file(fleet_path) if snapshot is None else snapshot.file()
    if profile in file.model.profiles:
        prepare_pool(file.model.profiles[profile])
    from allotment.engine.worker import WorkerOrder, run_worker  # imports Celery
    from allotment.plan.assignment import node_for

    node = node_for(file.model, profile, node).name
    kept = heartbeat or usual_path(worker_name(profile, index, node), fleet_path)
    order = WorkerOrder(profile, node, index, loglevel.upper(), heartbeat=kept)
    try:
        return run_worker(file, order, snapshot.inventory if snapshot else None, say_ready)
    except BrokerUnreachable as error:
        if not supervised:
            raise
        show_errors(error)
        return ExitCode.UNAVAILABLE
    finally:
        leave_nothing()
