"""Dead letters read, sent again and thrown away.

Each of these looks at the letters one after the other and tells what became of each as soon as it is known, so that who
uses them may stop between two.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celery import Celery

from allotment.engine.amqp import HEADER as SENT_HEADER
from allotment.engine.dead.destination import Refusal, Terms, destination
from allotment.engine.dead.reading import dead_letter
from allotment.engine.dead.store import DeadLetterStore, Held, opened
from allotment.engine.deliveries import BROKERS_COUNT, OWN_COUNT
from allotment.engine.guard.arrival import FORWARDS_HEADER
from allotment.engine.quarantine import HEADER
from allotment.errors import BrokerBlocked, PublishFailed, PublishUnconfirmed, QueueDiffers, QueueFull
from allotment.model.dead_letter import DeadLetter, StoredMessage
from allotment.plan.lanes import Lane
from allotment.plan.plan import Plan

_TAKEN_OFF = (HEADER, OWN_COUNT, FORWARDS_HEADER, BROKERS_COUNT, "x-acquired-count", "redelivered", "CC", "BCC")
_TAKEN_OFF_PREFIXES = ("x-death", "x-first-death-", "x-last-death-", "x-opt-")
"""Headers that tell of a message's way so far; without them it counts anew, and RabbitMQ makes no copies of it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a letter: the lane it was sent to, or why it stays; neither: it was thrown away, or is gone."""

    letter: DeadLetter
    lane: str | None = None
    refused: str | None = None
    gone: bool = False


def read(app: Celery, progress: Callable[[int], object] | None = None) -> list[DeadLetter]:
    """Give what is told of every message that is there. Raises what `opened` does."""
    found = []
    with opened(app) as store:
        for held in store.held():
            found.append(dead_letter(held.message, app.conf.timezone))
            if progress is not None:
                progress(len(found))
    return found


def in_full(app: Celery, letters: Iterable[DeadLetter]) -> Iterator[tuple[DeadLetter, StoredMessage]]:
    """Give the messages of these letters, whole. Raises what `opened` does."""
    with _looked_up(app, letters) as found:
        for held, letter in found:
            yield letter, held.message


def replay(
    app: Celery, letters: Iterable[DeadLetter], terms: Terms, *, dry: bool = False
) -> Generator[Outcome, None, None]:
    """Send these letters again, each once, and give what became of each. Those that are gone are left out.

    `dry`: only say where they would go, not looking whether there is room. Raises PublishUnconfirmed, BrokerBlocked
    and what `opened` does.
    """
    with _looked_up(app, letters) as found:
        for held, letter in found:
            place = destination(app, held.message, letter, terms, datetime.now(UTC))
            if isinstance(place, Refusal):
                yield Outcome(letter, refused=place.why)
            elif dry:
                yield Outcome(letter, lane=place.name)
            else:
                yield _sent(app, held, letter, place, terms)


def purge(app: Celery, letters: Iterable[DeadLetter], *, dry: bool = False) -> Generator[Outcome, None, None]:
    """Throw these letters away, and give each once it is; `dry`: leave them. Raises what `opened` does."""
    with _looked_up(app, letters) as found:
        for held, letter in found:
            yield Outcome(letter, gone=not (dry or held.drop()))


def routing_keys(plan: Plan, queue: str) -> frozenset[str]:
    """Give the routing keys by which a message may have arrived at a queue of the file: its own and its lanes'."""
    keys = {queue}
    if queue in plan.queues:
        keys |= {lane.name for lane in plan.queues[queue].lanes}
        keys.add(plan.model.queues[queue].routing_key or queue)
    return frozenset(keys)


def headers_for_replay(headers: Mapping[str, Any], lane: Lane, terms: Terms) -> dict[str, Any]:
    """Give the headers a message is sent again with."""
    kept = {
        name: value
        for name, value in headers.items()
        if name not in _TAKEN_OFF and not name.startswith(_TAKEN_OFF_PREFIXES)
    }
    if terms.ignore_expiry and ("expires" in kept or "task" in kept):
        kept["expires"] = None  # a header counts before the body, which may have an expiry in the mixed protocol
    if isinstance(kept.get(SENT_HEADER), Mapping):
        kept[SENT_HEADER] = {**kept[SENT_HEADER], "queue": lane.queue}
    return kept


def _sent(app: Celery, held: Held, letter: DeadLetter, lane: Lane, terms: Terms) -> Outcome:
    queue = app.allotment.compiled.queues[lane.name]
    headers = headers_for_replay(held.message.headers, lane, terms)
    try:
        there = held.send(queue, headers)
    except (PublishUnconfirmed, BrokerBlocked):  # and so it would be with the next one
        raise
    except QueueFull:
        return Outcome(letter, refused=f"the queue {lane.name!r} is full")
    except (PublishFailed, QueueDiffers) as error:
        return Outcome(letter, refused=error.message)
    return Outcome(letter, lane=lane.name, gone=not there)


@contextmanager
def _looked_up(app: Celery, letters: Iterable[DeadLetter]) -> Iterator[Iterator[tuple[Held, DeadLetter]]]:
    """Give the letters that are still there. What is done with one inside of this raises what `opened` does."""
    digests = [letter.digest for letter in letters]
    if not digests:
        yield iter(())
        return
    with opened(app) as store:
        yield _of(store, digests, app.conf.timezone)


def _of(store: DeadLetterStore, digests: Iterable[str], timezone: Any) -> Iterator[tuple[Held, DeadLetter]]:
    """Give the letters of a store with these digests, and stop once all were met."""
    left = Counter(digests)
    missing = left.total()
    for held in store.held():
        if not left[held.message.digest]:
            continue
        left[held.message.digest] -= 1
        yield held, dead_letter(held.message, timezone)
        missing -= 1
        if not missing:
            return
