"""`allot check`."""

from collections.abc import Sequence
from pathlib import Path

import click

from allotment.cli.examining import examine, mend
from allotment.cli.options import fleet_option, format_option
from allotment.cli.views import check as view
from allotment.errors import AllotmentError, ExitCode
from allotment.rules.registry import selected
from allotment.rules.rule import Rule


def _names(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Take the names apart that were given with commas between them."""
    names = tuple(name.strip() for value in values for name in value.split(","))
    if "" in names:
        raise click.BadParameter("a rule's name is empty: write one, or several with commas between them")
    return names


@click.command("check")
@click.option("--select", multiple=True, callback=_names, metavar="RULE", help="Run these rules only.")
@click.option("--ignore", multiple=True, callback=_names, metavar="RULE", help="Leave these rules out.")
@click.option("--fix", "action", flag_value="fix", help="Mend what has one safe answer; comments and layout stay.")
@click.option("--diff", "action", flag_value="diff", help="Show what --fix would change, and change nothing.")
@click.option(
    "--app",
    is_flag=False,
    flag_value="",
    metavar="[MODULE:ATTR]",
    help="Read the live app's settings and tasks too: the app that the file names, or this one.",
)
@fleet_option
@format_option("sarif", "github")
def command(
    *,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    action: str | None,
    app: str | None,
    fleet_path: Path,
    form: str,
) -> int:
    """Check a fleet file: prove that every task reaches only workers that can run it, and run the rules.

    Where the file names its app, the app's tasks, settings and beat schedule are read too. `allot docs rule` lists the
    rules and `allot docs rule NAME` prints a rule's page. A rule is ignored at a line by a comment there, with the
    reason: `# allot: ignore[rule-name] why`.

    Exit code 0: proved and clean. 1: findings, or something that --diff shows. 2: it could not be checked, as the file
    or its app cannot be used.

    \b
    Examples:
      allot check
      allot check -f staging.yaml --format json
      allot check --diff; allot check --fix
      allot check --select missing-time-limit,unroutable-task
      allot check -f worker-profiles.yaml --app shop.celery:app
    """
    try:
        return _check(fleet_path, app, selected(select, ignore), action, form)
    except AllotmentError as error:
        view.show_failure(error, form)
        raise


def _check(path: Path, app: str | None, rules: Sequence[Rule], action: str | None, form: str) -> int:
    examined, mended = mend(path, app or None, rules) if action == "fix" else (examine(path, app or None, rules), ())
    if app is not None and examined.loaded.inventory is None:
        raise click.UsageError("the file names no app, so --app has to: --app module:attribute")
    if action == "diff":
        from allotment.rules.fixing import changed_lines  # only --diff pays for it

        changes = changed_lines(examined.document.texts, examined.mended())
        click.echo(changes, nl=False)
        return ExitCode.FINDINGS if changes else ExitCode.OK
    view.show(examined, mended, rules, form)
    return ExitCode.OK if examined.clean else ExitCode.FINDINGS
