"""A message that lies in `allotment.dead`, read into what is told of it.

Everybody who may publish may put there what he likes, so no header is believed to be of the type it should have.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeGuard

from allotment.engine.dead.body import decoded
from allotment.engine.delays import is_waiting_place
from allotment.engine.deliveries import deliveries
from allotment.engine.guard.arrival import NO_DATE, read_date
from allotment.engine.guard.shape import Fields, fields_of, task_named
from allotment.engine.quarantine import HEADER
from allotment.model.dead_letter import UNDECODABLE, UNSTATED, DeadLetter, StoredMessage

FIRST_REASON = "x-first-death-reason"
"""What RabbitMQ writes into the dead letters of a queue (its docs, "Dead Letter Exchanges"), with `x-death` beside."""

BROKERS_REASONS = {"delivery_limit": "delivered-too-often", "maxlen": "dropped"}
"""RabbitMQ's words for reasons that have another word here."""

_READ_OF_FIELDS = ("task", "id", "eta", "expires")

_MOST_TEXT = 500
_LATEST = 253_402_300_799.0
"""The last second of the year 9999, the last that dates can say."""


def dead_letter(message: StoredMessage, timezone: Any = None) -> DeadLetter:
    """Read a message. Nothing in it raises: what makes no sense is left out. `timezone` is that of the app."""
    headers = message.headers
    why = _mapping(headers.get(HEADER)) or _of_the_broker(headers)
    fields = fields_in(message)
    unreadable = not message.whole
    return DeadLetter(
        digest=message.digest,
        id=_text(fields.get("id")),
        task=_text(fields.get("task")),
        reason=UNDECODABLE if unreadable else _text(why.get("reason")) or UNSTATED,
        detail="what lies there is no message" if unreadable else _text(why.get("detail")) or "",
        worker=_text(why.get("worker")),
        time=_time(why.get("time")),
        exchange=_text(why.get("exchange")) or "",
        queue=_text(why.get("queue")) or "",
        size=len(message.body),
        content_type=_text(message.content_type),
        deliveries=deliveries(headers),
        expires=_expires(fields, timezone),
    )


def fields_in(message: StoredMessage) -> Fields:
    """Give the fields of a message as a worker reads them, as far as `task`, `id`, `eta` and `expires` go.

    They are its headers, in Celery's protocol 1 its body, and in the mixed one both. Of a body that is not to be
    decoded here, nothing is known.
    """
    headers = message.headers
    if not message.whole or all(name in headers for name in _READ_OF_FIELDS):  # a header counts before the body
        return headers
    try:
        body = decoded(message)
    except ValueError:
        return headers
    return headers if task_named(headers, body) is None else fields_of(headers, body)


def date_in(fields: Fields, name: str, timezone: Any) -> datetime | None:
    """Read `eta` or `expires` as a worker does; None where there is none. Raises ValueError where that is no date.

    `timezone` is that of the app, for dates that say none.
    """
    value = fields.get(name)
    if value is None:
        return None
    try:
        return read_date(value, timezone)
    except NO_DATE as error:
        raise ValueError(f"{name!r} is no date: {error}") from error


def _expires(fields: Fields, timezone: Any) -> float | None:
    try:
        return _time(date_in(fields, "expires", timezone))
    except ValueError:
        return None


def _of_the_broker(headers: Mapping[str, Any]) -> dict[str, object]:
    """Give in our words what RabbitMQ says of a message that it gave up itself; nothing where it says nothing."""
    reason, queue = _text(headers.get(FIRST_REASON)), headers.get("x-first-death-queue")
    deaths = headers.get("x-death")
    every = [death for death in deaths if isinstance(death, Mapping)] if _is_list(deaths) else []
    if is_waiting_place(queue):  # a delayed call waited there, and came to its lane
        every = [death for death in every if not is_waiting_place(death.get("queue"))]
        reason, queue = None, None
    first = next((death for death in every if death.get("queue") == queue), every[-1] if every else {})
    reason = reason or _text(first.get("reason"))
    if reason is None:
        return {}
    keys = first.get("routing-keys")
    return {
        "reason": BROKERS_REASONS.get(reason, reason),
        "detail": f"RabbitMQ took it from the queue {_text(queue) or _text(first.get('queue')) or 'of another name'}",
        "time": first.get("time"),
        "exchange": first.get("exchange"),
        "queue": _text(queue) or _text(first.get("queue")) or _text(next(iter(keys), None) if _is_list(keys) else None),
    }


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, (list, tuple))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value[: _MOST_TEXT + 1].decode(errors="backslashreplace")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        value = str(value)
    if not isinstance(value, str) or not value:
        return None
    return value if len(value) <= _MOST_TEXT else value[:_MOST_TEXT] + "…"


def _time(value: object) -> float | None:
    """Give seconds of the epoch from such a number, or from a date as AMQP has them: without a zone, in UTC."""
    if isinstance(value, datetime):
        try:
            value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        except OverflowError:  # in the last hours of the year 9999
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= _LATEST and math.isfinite(value) else None
