"""What the commands under `allot dead` share: which letters are meant, and following what becomes of them."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allotment.cli.loading import load
from allotment.cli.options import Duration, Function
from allotment.cli.stopping import between_steps
from allotment.errors import AllotmentError, ExitCode
from allotment.model.dead_letter import REASONS, DeadLetter
from allotment.model.dead_letter_choice import DeadLetterFilter, chosen

if TYPE_CHECKING:
    from allotment.engine.dead.letters import Outcome

Progress = Callable[[int], object] | None

_FILTERS = (
    click.option("-t", "--task", "tasks", multiple=True, metavar="TASK", help="Of this task; * stands for any text."),
    click.option(
        "--reason",
        "reasons",
        multiple=True,
        type=click.Choice(list(REASONS)),
        metavar="REASON",
        help="Set aside for this reason, by the word that `list` shows.",
    ),
    click.option("-q", "--queue", metavar="QUEUE", help="Arrived at this queue of the file, or by this key."),
    click.option(
        "--older-than", type=Duration(), metavar="TIME", help="Set aside longer ago than this, as 12h or 30d."
    ),
    click.option("--newer-than", type=Duration(), metavar="TIME", help="Set aside since then, as 10m or 1h."),
    click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="Only the N oldest of them."),
)


def filter_options(function: Function) -> Function:
    """Give a command the options that say which letters are meant; `Asked.filter_for` reads them."""
    for option in reversed(_FILTERS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Asked:
    """Which letters a command line means."""

    filters: Mapping[str, Any] = field(default_factory=dict)
    ids: Sequence[str] = ()

    def check_says_which(self, *, every: bool) -> None:
        """See that something says which: nothing is sent or thrown away by leaving something out."""
        narrowed = any(value for key, value in self.filters.items() if key != "limit")
        if every and (self.ids or narrowed):
            raise click.UsageError("--all goes together with no ID and no filter")
        if not (every or self.ids or narrowed):
            raise click.UsageError("name an ID, a filter, or --all")

    def filter_for(self, routing_keys: Callable[[str], frozenset[str]]) -> DeadLetterFilter:
        """Give the filter; `routing_keys` gives those that lead to a queue of the file."""
        said = self.filters
        return DeadLetterFilter(
            tasks=said.get("tasks", ()),
            reasons=frozenset(said.get("reasons", ())),
            queues=routing_keys(said["queue"]) if said.get("queue") else frozenset(),
            older_than=said.get("older_than"),
            newer_than=said.get("newer_than"),
            most=said.get("limit"),
        )


@contextmanager
def fleet_app(path: Path) -> Iterator[Any]:
    """Give the fleet's app, whose broker answers; an embedded one runs meanwhile.

    Raises FileInvalid, AppUnusable, UnknownName where the file names no app, and BrokerUnreachable.
    """
    loaded = load(path)
    from allotment.engine import client  # imports Celery

    app = client.client_app(loaded.file, loaded.inventory)
    client.connect(app)
    try:
        yield app
    finally:
        client.close(app)


def letters_meant(app: Any, asked: Asked) -> tuple[DeadLetter, ...]:
    """Read all letters and give those that are meant. Raises UnknownName for an id that names none or several."""
    from allotment.cli.views.dead import progress
    from allotment.engine.dead.letters import read, routing_keys

    with progress("messages read") as step:
        letters = read(app, step)
    wanted = asked.filter_for(lambda queue: routing_keys(app.allotment.plan, queue))
    return chosen(letters, wanted, time.time(), asked.ids)


@dataclass
class Followed:
    """What became of letters, one after the other; `failed` is what ended it before all were done."""

    meant: int
    outcomes: list["Outcome"] = field(default_factory=list)
    failed: AllotmentError | None = None
    stopped: bool = False

    @property
    def done(self) -> "list[Outcome]":
        """Those with which what was asked for was done."""
        return [one for one in self.outcomes if one.refused is None and not one.gone]

    @property
    def refused(self) -> "list[Outcome]":
        """Those that stay."""
        return [one for one in self.outcomes if one.refused is not None]

    @property
    def gone(self) -> int:
        """How many others had taken before they were met."""
        if self.failed or self.stopped:
            return sum(one.gone for one in self.outcomes)
        return self.meant - len(self.done) - len(self.refused)

    @property
    def exit_code(self) -> ExitCode:
        """What the command ends with."""
        if self.failed is not None:
            return self.failed.exit_code
        if self.stopped:
            return ExitCode.INTERRUPTED
        return ExitCode.FINDINGS if self.refused else ExitCode.OK


def follow(outcomes: "Generator[Outcome, None, None]", meant: int, what: str) -> Followed:
    """Take outcomes until there are no more, an error ends it, or Ctrl-C is pressed; show how far it is."""
    from allotment.cli.views.dead import progress

    followed = Followed(meant)
    try:
        with between_steps() as asked_to_stop, progress(what, meant) as step:
            for outcome in outcomes:
                followed.outcomes.append(outcome)
                if step is not None:
                    step(len(followed.outcomes))
                if asked_to_stop() and len(followed.outcomes) < meant:
                    followed.stopped = True
                    break
    except AllotmentError as error:
        followed.failed = error
    except KeyboardInterrupt:
        followed.stopped = True
    finally:
        outcomes.close()
    return followed
