"""How often a message was delivered before: two headers say it, and the two together are the number."""

from collections.abc import Mapping
from typing import Any

BROKERS_COUNT = "x-delivery-count"
"""How often a message came back: written by RabbitMQ for quorum queues, and by our transport for Redis."""

OWN_COUNT = "allotment_deliveries"
"""How often it had come back before it was published anew, and on classic queues, where RabbitMQ counts nothing."""

SAME_MESSAGE = "allotment_same_message"
"""An option of a publish: it is a message that was received, sent once more, and goes on with its headers."""


def deliveries(headers: Mapping[str, Any] | None) -> int:
    """Add up what the headers say; what is no count counts for nothing."""
    return sum(count((headers or {}).get(name)) for name in (BROKERS_COUNT, OWN_COUNT))


def carried_over(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Give the headers for the same message published anew: the broker counts that from nothing."""
    kept = {key: value for key, value in headers.items() if key not in {BROKERS_COUNT, OWN_COUNT}}
    earlier = deliveries(headers)
    return kept | ({OWN_COUNT: earlier} if earlier else {})


def count(value: Any) -> int:
    """Give what a header counts. Anybody may write anything there: what is no count, or less than nothing, is 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
