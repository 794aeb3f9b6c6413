"""What `allot dead list` shows, and how far the commands under `allot dead` are."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from allotment.cli.output import console, note, print_json, visible
from allotment.model.dead_letter import DeadLetter
from allotment.model.names import DEAD_QUEUE
from allotment.model.quantities import counted, show_duration, show_memory

if TYPE_CHECKING:
    from allotment.engine.publishing.dropped import Dropped

_MOST_ROWS = 200
_MOST_TASKS = 5
_SHORTEST_ID = 8
_ROUNDED = ((100 * 86_400.0, 86_400.0), (86_400.0, 3600.0), (3600.0, 60.0))
"""From which age on, in seconds, it is told to which unit."""


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None] | None]:
    """Show how many are done, on standard error and only on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def list_as_text(
    letters: Sequence[DeadLetter], dropped: "Mapping[str, Dropped]", now: float, rows: int | None = None
) -> None:
    """Print a row a message, at most `rows` of them, and what they come to."""
    shown = letters[: rows or _MOST_ROWS]
    if shown:
        _table(shown, now)
    if len(letters) > len(shown):
        note(f"and {len(letters) - len(shown)} newer ones: see --format json, or say --limit or another filter")
    click.echo(_summary(letters))
    lost = ", ".join(f"{count} of {visible(queue)}" for queue, count in sorted(dropped.items()))
    if lost:
        click.echo(f"dropped by full queues, and not among these: {lost}")


def list_as_json(letters: Sequence[DeadLetter], dropped: "Mapping[str, Dropped]") -> None:
    """Print the same for programs; times in seconds of the epoch, sizes in bytes."""
    print_json(
        {
            "letters": [letter_document(letter) for letter in letters],
            "by_reason": dict(Counter(letter.reason for letter in letters).most_common()),
            "by_task": dict(Counter(letter.task or "" for letter in letters).most_common()),
            "dropped": {queue: asdict(count) for queue, count in dropped.items()},
        }
    )


def moment(time: float) -> str:
    """Write when something was or will be."""
    return datetime.fromtimestamp(time, UTC).isoformat(sep=" ", timespec="seconds")


def age(time: float | None, now: float) -> str:
    """Write how long ago something was, as exact as people want to know it: `11d13h`, `2h15m`, `40s`."""
    if time is None:
        return ""
    seconds = max(0.0, now - time)
    unit = next((told for least, told in _ROUNDED if seconds >= least), 1.0)
    return show_duration(seconds // unit * unit)


def _table(letters: Sequence[DeadLetter], now: float) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "task", "reason", "queue", "age", "size", "worker", box=None, pad_edge=False)
    ids = _shortened(letter.key for letter in letters)
    for letter in letters:
        cells = (
            ids[letter.key],
            letter.task or "",
            letter.reason,
            letter.queue,
            age(letter.time, now),
            show_memory(letter.size),
            letter.worker or "",
        )
        table.add_row(*(Text(visible(cell)) for cell in cells))
    console().print(table)


def _shortened(keys: Iterable[str]) -> dict[str, str]:
    """Give the beginning of each id that tells it from the others, and is not too short to be found again."""
    ordered = sorted(set(keys))
    shared = [0, *(_alike(one, other) for one, other in pairwise(ordered)), 0]
    return {key: key[: max(_SHORTEST_ID, 1 + max(shared[at : at + 2]))] for at, key in enumerate(ordered)}


def _alike(one: str, other: str) -> int:
    length = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        length += 1
    return length


def _summary(letters: Sequence[DeadLetter]) -> str:
    if not letters:
        return f"nothing of that kind lies in {DEAD_QUEUE}"
    reasons = Counter(letter.reason for letter in letters).most_common()
    tasks = Counter(letter.task or "without a task" for letter in letters).most_common()
    told = ", ".join(f"{count} {name}" for name, count in tasks[:_MOST_TASKS])
    more = f" and {counted(len(tasks) - _MOST_TASKS, 'task')} more" if len(tasks) > _MOST_TASKS else ""
    why = ", ".join(f"{count} {reason}" for reason, count in reasons)
    return visible(f"{counted(len(letters), 'message')}: {why}; {told}{more}")


def letter_document(letter: DeadLetter) -> dict[str, Any]:
    """Give what is told of a letter as plain values."""
    return asdict(letter)
