"""Bodies of messages that nobody trusts: expanded and decoded to a limit, and only where that runs no code."""

import bz2
import json
import lzma
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from allotment.model.dead_letter import StoredMessage

JSON = "application/json"

LARGEST = 16 * 2**20
"""Bytes of a body, expanded, that is still decoded."""

_EXPANDERS: Mapping[str, Callable[[], Any]] = {
    "application/x-gzip": zlib.decompressobj,
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": lzma.LZMADecompressor,
}
"""By the names that kombu writes into the header `compression` (`kombu/compression.py`)."""


def expanded(message: StoredMessage) -> bytes:
    """Give the body without its compression. Raises ValueError where that is unknown, damaged, or leads to too much."""
    compression = message.headers.get("compression")
    if not compression:
        return message.body
    make = _EXPANDERS.get(compression) if isinstance(compression, str) else None
    if make is None:
        raise ValueError("its compression is not known here")
    try:
        found: bytes = make().decompress(message.body, LARGEST + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise ValueError("its compression is damaged") from error
    if len(found) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes when it is expanded")
    return found


def decoded(message: StoredMessage) -> Any:
    """Give what a JSON body says. Raises ValueError for everything else: no other decoder is safe on such bytes."""
    if message.content_type != JSON:
        raise ValueError(f"its content type is {message.content_type}")
    body = expanded(message)
    if len(body) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
