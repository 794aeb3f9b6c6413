"""Properties of a message of RabbitMQ that py-amqp cannot read, a date after the year 9999 among the headers, say.

Py-amqp raises while it takes the frame from the connection, before anybody has the message: the worker ends, gets the
message again, and ends. Nothing in kombu or Celery stands in between, so py-amqp's own table of readers is changed.
"""

import base64
from typing import Any

from amqp.serialization import PROPERTY_CLASSES
from amqp.serialization import decode_properties_basic as read
from amqp.spec import Basic

UNREAD = "allotment_properties"
"""A header in place of all: the properties as they came, in base64."""


def _read_or_keep(buf: Any, offset: int) -> tuple[dict[str, Any], int]:
    """Read properties as py-amqp does; keep those that cannot be read as they are."""
    try:
        found: tuple[dict[str, Any], int] = read(buf, offset)
    except (ValueError, OverflowError, ArithmeticError, OSError, LookupError, RecursionError):
        return {"application_headers": {UNREAD: base64.b64encode(bytes(buf[offset:])).decode()}}, len(buf)
    return found


def keep_what_cannot_be_read() -> None:
    """Have every connection of this process do so."""
    PROPERTY_CLASSES[Basic.CLASS_ID] = _read_or_keep
