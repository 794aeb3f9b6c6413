"""`allot dead`."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from allotment.cli.dead_letters import Asked, filter_options, fleet_app, follow, letters_meant
from allotment.cli.options import fleet_option, format_option

_ids_argument = click.argument("ids", metavar="[ID]...", nargs=-1)
_all_option = click.option("--all", "every", is_flag=True, help="All of them.")


@click.group("dead")
def command() -> None:
    """Look at messages that were set aside in allotment.dead, send them again, or throw them away.

    An ID is a task's, or the beginning of it as far as no other begins so. A message without one goes by the digest
    that `list` shows in its place. Filters have to hold together; of several --task or --reason, one.

    \b
    Examples:
      allot dead list
      allot dead show 3f1c9d2e
      allot dead replay --task 'shop.*' --dry-run
      allot dead purge --reason unknown-task --older-than 30d
    """


@command.command("list", short_help="List messages that were set aside, with the reason.")
@filter_options
@fleet_option
@format_option()
def list_command(*, fleet_path: Path, form: str, **filters: Any) -> None:
    """List messages that were set aside, the oldest first, without their arguments.

    Nothing is changed by it. The last line counts them by reason and by task.

    \b
    Examples:
      allot dead list
      allot dead list --reason unknown-task --newer-than 1h
      allot dead list --task 'shop.*' --format json
    """
    from allotment.cli.views import dead as view

    with fleet_app(fleet_path) as app:
        letters = letters_meant(app, Asked(filters))
        from allotment.engine.publishing.dropped import dropped_counts

        lost = dropped_counts(app)
    if form == "json":
        view.list_as_json(letters, lost)
    else:
        view.list_as_text(letters, lost, time.time(), filters["limit"])


@command.command("show", short_help="Show one message in full.")
@click.argument("identity", metavar="ID")
@click.option("--body", is_flag=True, help="Write nothing but its body, byte for byte.")
@fleet_option
@format_option()
def show(*, identity: str, body: bool, fleet_path: Path, form: str) -> None:
    """Show the message ID: why it was set aside, its headers and properties, and its body.

    Its arguments are among them, and with these maybe secrets. A body is decoded only if it is JSON; of any other the
    bytes are shown. Several messages of one ID are shown one after the other.

    \b
    Examples:
      allot dead show 3f1c9d2e
      allot dead show 3f1c9d2e --body > body.json
    """
    from allotment.cli.views import dead_message as view

    with fleet_app(fleet_path) as app:
        letters = letters_meant(app, Asked(ids=[identity]))
        from allotment.engine.dead.letters import in_full

        found = list(in_full(app, letters))
    if body:
        view.body(found)
    elif form == "json":
        view.as_json(found)
    else:
        view.as_text(found, time.time())


@command.command("replay", short_help="Send messages again, to the lane of today's plan.")
@_ids_argument
@filter_options
@_all_option
@click.option("--to", metavar="QUEUE", help="Send them to this queue, and not to each task's own.")
@click.option("--ignore-expiry", is_flag=True, help="Take their expiry off: a worker drops what has expired.")
@click.option("--dry-run", is_flag=True, help="Only say where they would go.")
@fleet_option
@format_option()
def replay(
    *,
    ids: tuple[str, ...],
    every: bool,
    to: str | None,
    ignore_expiry: bool,
    dry_run: bool,
    fleet_path: Path,
    form: str,
    **filters: Any,
) -> int:
    """Send messages again and take them out of allotment.dead, the oldest first.

    Each goes to the lane where the plan sends its task now: on the task's own queue, else on the one it came from. What
    nobody can run stays, and so does what has expired, and what is for a queue that is full; what cannot be decoded
    needs --to. Deliveries count anew. Ctrl-C ends it after the message at hand. Repeat it to send what is left.

    Exit code 1: some were refused and stay.

    \b
    Examples:
      allot dead replay 3f1c9d2e
      allot dead replay --task 'shop.*' --dry-run
      allot dead replay --all
    """
    asked = Asked(filters, ids)
    asked.check_says_which(every=every)
    from allotment.cli.views import dead_outcomes as view

    with fleet_app(fleet_path) as app:
        from allotment.engine.dead.destination import Terms, check_queue
        from allotment.engine.dead.letters import replay as sending

        if to is not None:
            check_queue(app.allotment.plan, to)
        letters = letters_meant(app, asked)
        outcomes = sending(app, letters, Terms(to, ignore_expiry=ignore_expiry), dry=dry_run)
        followed = follow(outcomes, len(letters), "messages sent")
    return view.replayed(followed, form, dry=dry_run)


@command.command("purge", short_help="Throw messages away.")
@_ids_argument
@filter_options
@_all_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say which they are.")
@fleet_option
@format_option()
def purge(
    *, ids: tuple[str, ...], every: bool, yes: bool, dry_run: bool, fleet_path: Path, form: str, **filters: Any
) -> int:
    """Throw messages away for ever, after asking; where nobody can be asked, --yes is needed.

    What is set aside after it has asked stays. Ctrl-C ends it after the message at hand.

    \b
    Examples:
      allot dead purge --reason unknown-task --older-than 30d --dry-run
      allot dead purge 3f1c9d2e --yes
      allot dead purge --all
    """
    asked = Asked(filters, ids)
    asked.check_says_which(every=every)
    if not (yes or dry_run or sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here: say --yes, or --dry-run to see what would go")
    from allotment.cli.views import dead_outcomes as view

    with fleet_app(fleet_path) as app:
        letters = letters_meant(app, asked)
        if letters and not (yes or dry_run) and not view.confirmed(letters):
            letters = ()
        from allotment.engine.dead.letters import purge as purging

        followed = follow(purging(app, letters, dry=dry_run), len(letters), "messages thrown away")
    return view.purged(followed, form, dry=dry_run)
