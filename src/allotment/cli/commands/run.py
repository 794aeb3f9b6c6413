"""`allot run`."""

import contextlib
from pathlib import Path

import click

from allotment.cli.loading import load
from allotment.cli.options import Duration, fleet_option, format_option
from allotment.cli.output import note
from allotment.cli.views import run as view
from allotment.errors import ExitCode
from allotment.local.running import RunningFleet
from allotment.source.expression import read_expression


@click.command("run")
@click.argument("workflow")
@click.option("-t", "--times", type=click.IntRange(1), default=1, show_default=True, help="How many to submit.")
@click.option("-q", "--queue", metavar="QUEUE", help="Send every task of it to this queue.")
@click.option("--timeout", type=Duration(), default="5m", show_default=True, help="How long to wait for all of them.")
@click.option("--up", "start", is_flag=True, help="Start the fleet for this run, and stop it afterwards.")
@fleet_option
@format_option()
def command(
    *, workflow: str, times: int, queue: str | None, timeout: float, start: bool, fleet_path: Path, form: str
) -> int:
    """Submit WORKFLOW and show which worker ran what, beside what was predicted.

    Tasks are joined by | and each takes the result of the one before; in brackets they run side by side; in parentheses
    stand literal arguments. Workers must be running (`allot up`), or are started with --up. Nothing is sent if a task
    of it has no worker. Exit code 1: a workflow did not finish, or a task ran where it was not predicted to.

    \b
    Examples:
      allot run "A | B | C | D | E" --times 20
      allot run 'shop.orders.receive("order-1001") | shop.orders.close'
      allot run "A | [B, C] | D" --queue high --json
    """
    step = read_expression(workflow)
    loaded = load(fleet_path)
    from allotment.engine import client, results  # imports Celery
    from allotment.engine import workflow as engine

    app = client.client_app(loaded.file, loaded.inventory)
    engine.check(app, step, queue)
    with RunningFleet(loaded.file.path) if start else contextlib.nullcontext():
        client.connect(app)
        if not client.anybody_there(app):
            note("note: no worker answers; `allot up` starts the fleet, `allot run --up` starts it for one run")
        with view.progress(times) as done:
            report = engine.run(app, step, times, queue, timeout=timeout, progress=done)
        client.close(app)
    if form == "json":
        view.as_json(loaded, report)
    else:
        view.as_text(report, traceable=results.stored(app))
    return ExitCode.OK if report.complete else ExitCode.FINDINGS
