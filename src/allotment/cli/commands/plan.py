"""`allot plan`."""

from pathlib import Path

import click

from allotment.cli.loading import load
from allotment.cli.options import fleet_option, format_option
from allotment.cli.views import plan as view
from allotment.plan.celeryconfig import celeryconfig
from allotment.plan.commands import commands
from allotment.plan.mermaid import mermaid
from allotment.plan.page import markdown

WRITERS = {"mermaid": mermaid, "commands": commands, "celeryconfig": celeryconfig, "markdown": markdown}


@click.command("plan")
@fleet_option
@format_option(*WRITERS)
def command(fleet_path: Path, form: str) -> None:
    """Show what follows from the fleet file.

    \b
    Formats:
      text          tables of queues, workers and tasks
      json          the same for programs
      mermaid       a flowchart: queues, lanes, nodes and what each registers
      commands      the plain `celery worker` command of each worker
      celeryconfig  a plain Celery settings module: the way out
      markdown      a page on what each profile handles and needs

    \b
    Examples:
      allot plan
      allot plan --format celeryconfig > celeryconfig.py
    """
    plan = load(fleet_path).plan
    if form == "json":
        view.as_json(plan)
    elif form == "text":
        view.as_text(plan)
    else:
        click.echo(WRITERS[form](plan), nl=False)
