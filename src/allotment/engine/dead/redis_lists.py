"""Dead letters on Redis, Valkey and the embedded broker: lists whose elements are read without being taken.

Kombu keeps a queue as a list for each step of priority, the newest element at its head (`kombu/transport/redis.py`,
`_put` and `_get`). An element is a JSON object: the body as a text, mostly in base64, with headers and properties.
"""

import base64
import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kombu import Queue
from redis import Redis

from allotment.engine.redis_transport.scripts import Script
from allotment.errors import QueueFull
from allotment.model.dead_letter import StoredMessage
from allotment.model.names import DEAD_QUEUE

PAGE = 50
"""Elements that are read at once."""

_MOVE = Script(
    """
local limit, length = tonumber(ARGV[3]), 0
for number = 2, #KEYS do length = length + redis.call('LLEN', KEYS[number]) end
if limit >= 0 and length >= limit then return -1 end
redis.call('LPUSH', KEYS[2], ARGV[2])
if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 0 then
  redis.call('LPOP', KEYS[2])
  return 0
end
return 1
""",
    frees=True,
)
"""Move an element from the first list to the second; the lists from the second on are those of the queue it goes to.

It is pushed first: a script that fails halfway is not undone, and what is refused is the first write. The oldest
elements lie at the end, from where LREM looks.
"""


class RedisDeadLetters:
    """The lists of `allotment.dead`."""

    doubt: str | None = None
    """Nothing is ever in doubt: what is sent is moved in one step."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        # kombu's own client puts the prefix of keys before some commands and not before others
        self.client: Any = Redis(connection_pool=channel.pool)

    def held(self) -> Iterator["RedisHeld"]:
        """Read page after page from the end of each list, where the oldest are; anew where others were at it too.

        A page is found by how many elements lie behind it, and what others take from these shifts all that follow.
        """
        for key in self.keys(DEAD_QUEUE):
            met: Counter[str] = Counter()
            while (yield from self._scanned(key, met)):
                pass

    def _scanned(self, key: str, met: Counter[str]) -> Generator["RedisHeld", None, bool]:
        """Give the elements of a list that were not met yet, and say whether some may have been passed over.

        `met` counts by their digests those that were left where they are.
        """
        known, passed, shifted = met.copy(), 0, False
        last: bytes | None = None
        while True:
            page, before = self._page(key, passed)
            shifted = shifted or before != last
            if not page:
                return shifted
            for element in reversed(page):
                held = RedisHeld(self, key, element, read_element(element))
                digest = held.message.digest
                if known[digest]:
                    known[digest] -= 1
                else:
                    yield held
                    met[digest] += not held.gone
                if not held.gone:
                    passed, last = passed + 1, element

    def close(self) -> None:
        """Nothing was taken."""

    def keys(self, queue: str) -> list[str]:
        """Give the lists of a queue, that of the first priority first."""
        names = dict.fromkeys(self.channel._q_for_pri(queue, step) for step in self.channel.priority_steps)  # noqa: SLF001 - kombu has no public name for it
        return [self.channel.global_keyprefix + name for name in names]

    def key_for(self, queue: str, element: Mapping[str, Any]) -> str:
        """Give the list of a queue that kombu would put an element into."""
        priority = self.channel._get_message_priority(element, reverse=False)  # noqa: SLF001 - as above
        return f"{self.channel.global_keyprefix}{self.channel._q_for_pri(queue, priority)}"  # noqa: SLF001 - as above

    def _page(self, key: str, passed: int) -> tuple[list[bytes], bytes | None]:
        """Give the elements that come after so many, the newest first, and the last of these; None: there is none."""
        found = self.client.lrange(key, -passed - PAGE, -passed if passed else -1)
        page = [element if isinstance(element, bytes) else str(element).encode() for element in found]
        return (page[:-1], page[-1] if page else None) if passed else (page, None)


@dataclass
class RedisHeld:
    """An element of a list."""

    store: RedisDeadLetters
    key: str
    element: bytes
    message: StoredMessage
    gone: bool = False

    def send(self, queue: Queue, headers: Mapping[str, Any]) -> bool:
        """Move it in one atomic step. Raises QueueFull where the queue has as many as it may."""
        element = {**json.loads(self.element), "headers": dict(headers)}
        element["properties"] = {
            **self.message.properties,
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": queue.name},
        }
        target = self.store.key_for(queue.name, element)
        keys = [self.key, target, *(key for key in self.store.keys(queue.name) if key != target)]
        limit = (queue.queue_arguments or {}).get("x-max-length", -1)
        moved = _MOVE.run(self.store.client, keys, [self.element, json.dumps(element), limit])
        if moved == -1:
            raise QueueFull(f"the queue {queue.name!r} is full: its limit is {limit} messages", queue=queue.name)
        self.gone = True
        return bool(moved)

    def drop(self) -> bool:
        """Take it out of its list."""
        self.gone = True
        return bool(self.store.client.lrem(self.key, -1, self.element))


def read_element(element: bytes) -> StoredMessage:
    """Read an element of a list; what is no message of kombu's is given as it is."""
    digest = hashlib.sha256(element).hexdigest()[:16]
    try:
        read = json.loads(element)
        properties = read["properties"]
        body = _body(read["body"], properties.get("body_encoding"))
        return StoredMessage(
            body,
            digest,
            dict(read.get("headers") or {}),
            dict(properties),
            _text(read.get("content-type")),
            _text(read.get("content-encoding")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return StoredMessage(element, digest, whole=False)


def _body(body: str, encoding: object) -> bytes:
    """Give the bytes that were sent (`kombu/transport/virtual/base.py`, `Base64`)."""
    return base64.b64decode(body) if encoding == "base64" else body.encode()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
