"""What `allot dead replay` and `allot dead purge` show."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from allotment.cli.output import error_document, note, print_json, show_errors, visible
from allotment.model.dead_letter import DeadLetter
from allotment.model.dead_letter_choice import repeated
from allotment.model.names import DEAD_QUEUE
from allotment.model.quantities import counted

if TYPE_CHECKING:
    from allotment.cli.dead_letters import Followed
    from allotment.engine.dead.letters import Outcome

_MOST_LINES = 20


def confirmed(letters: Sequence[DeadLetter]) -> bool:
    """Ask whether so many messages are to go."""
    return click.confirm(f"throw {counted(len(letters), 'message')} of {DEAD_QUEUE} away for ever?", err=True)


def replayed(followed: "Followed", form: str, *, dry: bool) -> int:
    """Print what was sent where and what stays, and give the exit code."""
    if form == "json":
        return _as_json(followed, "replayed", dry=dry)
    _say_repeated(followed)
    done = followed.done
    click.echo(f"{'would replay' if dry else 'replayed'} {counted(len(done), 'message')}{':' if done else ''}")
    _counted_lines([f"{one.letter.task or 'without a task'} to {one.lane}" for one in done])
    refused = followed.refused
    if refused:
        click.echo(f"refused {counted(len(refused), 'message')}, which {_stay(len(refused))} in {DEAD_QUEUE}:")
        _counted_lines([f"{one.letter.task or 'without a task'}: {one.refused}" for one in refused])
    return _ended(followed)


def purged(followed: "Followed", form: str, *, dry: bool) -> int:
    """Print what was thrown away, and give the exit code."""
    if form == "json":
        return _as_json(followed, "purged", dry=dry)
    done = followed.done
    click.echo(f"{'would throw' if dry else 'threw'} {counted(len(done), 'message')} away{':' if done else ''}")
    _counted_lines([f"{one.letter.task or 'without a task'}, {one.letter.reason}" for one in done])
    return _ended(followed)


def _ended(followed: "Followed") -> int:
    """Say what kept it from being all, and give the exit code."""
    if followed.gone:
        note(f"note: {counted(followed.gone, 'message')} had been taken by somebody else meanwhile")
    rest = followed.meant - len(followed.outcomes)
    if followed.stopped:
        note(
            f"stopped: {counted(rest, 'message')} of {followed.meant} left as {'it was' if rest == 1 else 'they were'}"
        )
    if followed.failed is not None:
        show_errors(followed.failed)
    return followed.exit_code


def _as_json(followed: "Followed", done: str, *, dry: bool) -> int:
    print_json(
        {
            done: [_document(one) for one in followed.done],
            "refused": [_document(one) for one in followed.refused],
            "gone": followed.gone,
            "meant": followed.meant,
            "dry_run": dry,
            "interrupted": followed.stopped,
            "errors": [error_document(followed.failed)] if followed.failed else [],
        }
    )
    return followed.exit_code


def _document(outcome: "Outcome") -> dict[str, Any]:
    letter = outcome.letter
    found = {"id": letter.id, "digest": letter.digest, "task": letter.task, "reason": letter.reason}
    return found | {"lane": outcome.lane, "refused": outcome.refused}


def _say_repeated(followed: "Followed") -> None:
    for key, count in repeated(one.letter for one in followed.outcomes).items():
        note(visible(f"note: {count} messages have the id {key}: it may run as often; a digest names one of them"))


def _counted_lines(lines: Sequence[str]) -> None:
    counts = Counter(lines).most_common()
    for line, count in counts[:_MOST_LINES]:
        click.echo(visible(f"  {count} × {line}"))
    if len(counts) > _MOST_LINES:
        click.echo(f"  and {counted(len(counts) - _MOST_LINES, 'kind')} more: see --format json")


def _stay(count: int) -> str:
    return "stays" if count == 1 else "stay"
