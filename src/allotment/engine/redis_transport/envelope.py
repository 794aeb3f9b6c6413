"""A message as it lies in a list, and the note that is kept of it until it is acknowledged: reading and rewriting.

The forms are kombu's (`kombu/transport/virtual/base.py`, `Message`; `kombu/transport/redis.py`, `QoS.append`): an
object in JSON, and `[object, exchange, routing key]` under the delivery's tag. A note of ours names the queue that the
message came from as if it had been sent there by the default exchange, so that plain kombu puts it back there too, and
once, whatever else is bound to its exchange. It repeats the bytes as they came, whether they can be read or not.
"""

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kombu.transport import virtual
from kombu.utils.json import dumps, loads

from allotment.engine.deliveries import BROKERS_COUNT
from allotment.engine.quarantine import HEADER, Reason, shortened
from allotment.model.names import DEAD_QUEUE

_OURS = b', "", '
_END = b"]"


class Unreadable(Exception):
    """Bytes that are no message of kombu's; the text says why."""


class Message(virtual.Message):
    """Kombu's message, which says it in one way where it cannot be made."""

    def __init__(self, payload: Any, channel: Any = None, **options: Any) -> None:
        try:
            super().__init__(payload, channel=channel, **options)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unreadable(f"its envelope is not that of a message: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Note:
    """What was noted of a message that is not acknowledged: its bytes, and where it was sent."""

    message: bytes
    exchange: str
    routing_key: str


def payload(message: bytes) -> dict[str, Any]:
    """Read a message as kombu does. Raises Unreadable."""
    return _checked(_read(message, loads))


def sent_back(message: bytes) -> tuple[bytes, dict[str, Any]]:
    """Give a message with its way back counted and marked, all else as it was, and what it holds. Raises Unreadable."""
    found = _checked(_read(message, json.loads))
    headers = found["headers"] = found.get("headers") or {}
    properties = found["properties"]
    info = properties["delivery_info"] = properties.get("delivery_info") or {}
    count = headers.get(BROKERS_COUNT)
    headers[BROKERS_COUNT] = (count if type(count) is int and count > 0 else 0) + 1
    headers["redelivered"] = info["redelivered"] = True
    return json.dumps(found).encode(), found


def _checked(found: Any) -> dict[str, Any]:
    """Give what was read if it is what kombu takes for a message."""
    if not isinstance(found, dict):
        raise Unreadable(f"its envelope is not an object, but of the type {type(found).__name__}")
    properties = found.get("properties")
    if not isinstance(properties, dict):
        raise Unreadable("its envelope has no properties")
    for name, value in (("headers", found.get("headers")), ("delivery_info", properties.get("delivery_info"))):
        if not isinstance(value, dict | None):
            raise Unreadable(f"the {name} of its envelope are of the type {type(value).__name__}")
    if not isinstance(found.get("body"), str | None):
        raise Unreadable("the body of its envelope is not a text")
    return found


def _read(message: bytes, loads: Callable[[str], Any]) -> Any:
    try:
        return loads(message.decode())
    except Exception as error:
        # kombu's reading calls what others registered, and deep nesting ends in RecursionError
        raise Unreadable(f"it is not JSON in UTF-8: {error}") from error


def ending(queue: str) -> str:
    """Give what follows the message in the note of one that was taken from a queue."""
    return f"{_OURS.decode()}{json.dumps(queue)}{_END.decode()}"


def read_note(note: bytes) -> Note:
    """Read a note, of ours or of plain kombu. Raises Unreadable."""
    start = note.rfind(_OURS)
    if note.startswith(b"[") and start > 0:
        try:
            return Note(note[1:start], "", str(json.loads(note[start + len(_OURS) : -len(_END)])))
        except ValueError:
            pass  # it stands inside the message of another's note
    try:
        text = note.decode()
        end = json.JSONDecoder().raw_decode(text, 1)[1]
        _, exchange, routing_key = json.loads("[null" + text[end:])
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"what was noted of it is damaged: {error}") from error
    return Note(text[1:end].encode(), str(exchange or ""), str(routing_key or ""))


def dead_letter(message: bytes, queue: str, detail: str, worker: str) -> bytes:
    """Wrap bytes that are no message into one that says why it was set aside. `queue` is where they came from."""
    why = {
        "reason": str(Reason.UNDECODABLE),
        "detail": shortened(detail),
        "worker": worker,
        "time": time.time(),
        "exchange": "",
        "queue": queue,
    }
    letter: str = dumps(
        {
            "body": base64.b64encode(message).decode(),
            "content-encoding": "binary",
            "content-type": "application/octet-stream",
            "headers": {HEADER: why},
            "properties": {
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": DEAD_QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )
    return letter.encode()
