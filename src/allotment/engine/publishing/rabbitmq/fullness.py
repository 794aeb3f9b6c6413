"""Whether a queue that refused a message is full."""

from collections.abc import Mapping
from typing import Any

_SOFT = 0.8
"""The part of its limit under which a quorum queue that was full takes messages again (`rabbit_fifo.erl`)."""


def may_refuse(arguments: Mapping[str, Any]) -> bool:
    """Say whether a queue with these arguments refuses messages when it is full."""
    limited = "x-max-length" in arguments or "x-max-length-bytes" in arguments
    return limited and str(arguments.get("x-overflow", "")).startswith("reject-publish")


def is_full(arguments: Mapping[str, Any], waiting: int) -> bool:
    """Say whether a queue that has just refused a message did so for its limit; `waiting` counts its messages now."""
    limit = arguments.get("x-max-length")
    if limit is None:
        return True  # the limit is one of bytes, of which nothing is told
    return waiting >= int(limit) * (_SOFT if arguments.get("x-queue-type") == "quorum" else 1)
