"""`allot trace`."""

from pathlib import Path

import click

from allotment.cli.loading import load
from allotment.cli.options import fleet_option, format_option
from allotment.cli.views import trace as view
from allotment.errors import ExitCode


@click.command("trace")
@click.argument("task_id")
@fleet_option
@format_option()
def command(task_id: str, fleet_path: Path, form: str) -> int:
    """Show the path of the workflow that TASK_ID belongs to.

    For each task: queue, lane, worker and node, how long it waited and how long it ran, in the order in which they
    ended. It is read from the stored results, so it works after the fact and from anywhere. Exit code 1: a task of it
    failed.

    \b
    Example:
      allot trace 3f1c9d2e-7c7c-4b4e-9d0f-0f6f2a1f7e10
    """
    loaded = load(fleet_path)
    from allotment.engine import client  # imports Celery
    from allotment.engine import trace as engine

    app = client.client_app(loaded.file, loaded.inventory)
    client.connect(app)
    steps = engine.trace(app, task_id)
    if form == "json":
        view.as_json(steps)
    else:
        view.as_text(steps)
    return ExitCode.FINDINGS if any(step.error for step in steps) else ExitCode.OK
