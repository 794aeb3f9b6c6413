"""`allot explain`."""

from pathlib import Path

import click

from allotment.cli.loading import load
from allotment.cli.options import fleet_option, format_option
from allotment.cli.views import explain as view
from allotment.errors import ExitCode, UnknownName
from allotment.model.names import did_you_mean
from allotment.plan.explain import explain


@click.command("explain")
@click.argument("task")
@click.option("-q", "--queue", metavar="QUEUE", help="Explain a call that names this queue.")
@click.option("-r", "--resource-type", "hint", metavar="KIND", help="Explain a call that hints at this kind of work.")
@click.option("-z", "--zone", envvar="ALLOTMENT_ZONE", metavar="ZONE", help="Explain a call made in this zone.")
@fleet_option
@format_option()
def command(*, task: str, queue: str | None, hint: str | None, zone: str | None, fleet_path: Path, form: str) -> int:
    """Say where TASK goes and why.

    Which step of routing decided (its entry, the app's routes, a hint in the call, words of its name, the default),
    which queue and lane, exchange and key, which workers may take it, and why the others could not. Exit code 1: a
    publish would be refused.

    \b
    Examples:
      allot explain shop.mail.send
      allot explain shop.mail.send --queue images
      allot explain shop.films.cut --resource-type cpu --zone eu-1
    """
    loaded = load(fleet_path)
    if not loaded.has(task):
        raise UnknownName(
            f"there is no task {task!r} in the fleet",
            hint=did_you_mean(task, loaded.plan.tasks, otherwise="`allot plan` lists the tasks"),
        )
    explanation = explain(loaded.plan, task, queue, zone=zone, hint=hint)
    if form == "json":
        view.as_json(explanation)
    else:
        view.as_text(explanation)
    return ExitCode.FINDINGS if explanation.refused else ExitCode.OK
