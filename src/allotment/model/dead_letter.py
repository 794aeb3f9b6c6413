"""Dead letters: messages that were set aside in `allotment.dead`, as they lie there and as they are told of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

REASONS = {
    "unknown-task": "no worker of the fleet has the task",
    "forwarded-too-often": "workers passed it on to each other, and none of them had the task",
    "contract-differs": "it was made from a version of its contract that does not go together with the worker's",
    "undecodable": "it cannot be decoded, or is not the message of a task",
    "content-refused": "the worker does not accept its content type",
    "unreadable-eta": "its ETA or its expiry is no date",
    "unknown-protocol": "it is written in a protocol that Celery does not know",
    "delivered-too-often": "it was delivered again and again, and never finished",
    "dropped": "its queue was full and gave up the oldest message",
    "expired": "it waited in its queue for longer than it was allowed to",
    "rejected": "a worker rejected it",
    "unstated": "whoever put it there did not say why",
}
"""Why a message may be set aside, in words: the guard's reasons, those of RabbitMQ, and none."""

UNDECODABLE = "undecodable"
UNSTATED = "unstated"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it lies in the queue; nothing in it is to be trusted.

    `body` are its bytes as they lie there, compressed where they are. `digest` tells it from all others, but for
    copies that are the same to the last byte.
    """

    body: bytes
    digest: str
    headers: Mapping[str, object] = field(default_factory=dict)
    properties: Mapping[str, object] = field(default_factory=dict)
    content_type: str | None = None
    content_encoding: str | None = None
    whole: bool = True
    """False: what lies there is no message; then the body is all of it."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is told of a message that was set aside, without its arguments.

    `time` and `expires` are in seconds of the epoch, `size` in bytes. `queue` is the routing key with which it arrived
    at `exchange`. None: it does not say.
    """

    digest: str
    id: str | None = None
    task: str | None = None
    reason: str = UNSTATED
    detail: str = ""
    worker: str | None = None
    time: float | None = None
    exchange: str = ""
    queue: str = ""
    size: int = 0
    content_type: str | None = None
    deliveries: int = 0
    expires: float | None = None

    @property
    def key(self) -> str:
        """What it is called: the id of its task, or its digest where it has none."""
        return self.id or self.digest
