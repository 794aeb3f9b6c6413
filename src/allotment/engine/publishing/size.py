"""How large a message is, before it is sent."""

from collections.abc import Mapping
from typing import Any

from allotment.engine.publishing import failures
from allotment.engine.publishing.attempt import current_of

_NUMBER = 8
_MOST_BYTES_OF_A_SIGN = 4
"""Of UTF-8."""


def check_size(body: str | bytes, headers: Mapping[str, Any] | None, correlation_id: Any = None) -> None:
    """Raise MessageTooLarge where the encoded body and the headers are more than the message may have."""
    attempt = current_of(headers, correlation_id)
    if attempt is None or attempt.max_size is None:
        return
    # encoding all texts to count their bytes costs more than most messages do
    if (len(body) + _weight(headers)) * _MOST_BYTES_OF_A_SIGN <= attempt.max_size:
        return
    size = len(body.encode()) if isinstance(body, str) else len(body)
    size += _weight(headers, exact=True)
    if size > attempt.max_size:
        raise failures.too_large(attempt, size)


def _weight(value: Any, *, exact: bool = False) -> int:
    """Count the bytes of a header; not exactly, the signs of its texts."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass")) if exact else len(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_weight(key, exact=exact) + _weight(inner, exact=exact) for key, inner in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return sum(_weight(inner, exact=exact) for inner in value)
    return _NUMBER
