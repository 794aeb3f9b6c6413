"""kombu's `Queue(...)` and `Exchange(...)`, as queues of a fleet file."""

from collections.abc import Mapping
from typing import Any

from allotment.source.shapes.draft import At, Draft
from allotment.source.shapes.python_values import Called

_SAYS_NOTHING: Mapping[str, tuple[Any, ...]] = {
    "channel": (None,),
    "bindings": (None, []),
    "on_declared": (None,),
    "binding_arguments": (None, {}),
    "consumer_arguments": (None, {}),
    "arguments": (None, {}),
    "alias": (None,),
    "no_ack": (None, False),
    "exclusive": (None, False),
    "auto_delete": (None, False),
    "no_declare": (None, False),
    "passive": (None, False),
    "durable": (None, True),
    "delivery_mode": (None, 2, "persistent"),
}
"""Arguments with the values that mean what Allotment does anyway."""

_ARGUMENTS: Mapping[str, tuple[str, int]] = {
    "max_length": ("x-max-length", 1),
    "max_length_bytes": ("x-max-length-bytes", 1),
    "max_priority": ("x-max-priority", 1),
    "expires": ("x-expires", 1000),
    "message_ttl": ("x-message-ttl", 1000),
}
"""What kombu makes RabbitMQ's arguments of (`kombu/transport/base.py`), with the factor: it takes seconds."""

_OURS: Mapping[str, str] = {
    "x-max-priority": "max_priority",
    "x-queue-type": "type",
    "x-delivery-limit": "delivery_limit",
}
_OF_EXCHANGE: Mapping[str, str] = {"name": "exchange", "type": "exchange_type"}
_WHEN_FULL: Mapping[Any, str] = {"reject-publish": "reject", "drop-head": "drop-oldest"}


def queue(draft: Draft, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give a queue of a fleet file, made from the arguments of a `Queue`; what has no key of ours stays as it is."""
    made, arguments = draft.mapping(), draft.mapping()
    for key in values:
        at = At(values, key)
        if key == "exchange":
            _exchange(draft, made, at)
        elif key == "queue_arguments":
            _arguments(draft, made, arguments, at)
        elif key in ("routing_key", "binding_key"):
            if at.value not in (None, ""):
                draft.take(made, "routing_key", at)
        elif key != "name" and key not in _ARGUMENTS and at.value not in _SAYS_NOTHING.get(key, ()):
            draft.take(made, key, at)
    for key, (name, factor) in _ARGUMENTS.items():
        value = values.get(key)
        if value is not None:
            scaled = int(value * factor) if isinstance(value, (int, float)) and factor > 1 else value
            draft.put(arguments, name, scaled, At(values, key))
    _take_ours(draft, made, arguments)
    if arguments:
        first = next(iter(arguments))
        draft.put(made, "arguments", arguments, At(arguments, first), named=True)
    return made


def _exchange(draft: Draft, made: dict[str, Any], at: At) -> None:
    exchange = at.value
    if not isinstance(exchange, Called):
        if exchange not in (None, ""):
            draft.take(made, "exchange", at)
        return
    for key in exchange:
        inner = At(exchange, key)
        if key in _OF_EXCHANGE:
            if inner.value not in (None, ""):
                draft.take(made, _OF_EXCHANGE[key], inner)
        elif inner.value not in _SAYS_NOTHING.get(key, ()):
            hint = "Allotment makes durable exchanges, and none that vanish: leave it out"
            draft.problem("unknown-key", f"an exchange of a fleet has no {key!r}", inner, hint, key=True)


def _arguments(draft: Draft, made: dict[str, Any], arguments: dict[str, Any], at: At) -> None:
    if isinstance(at.value, dict):
        for name in at.value:
            draft.take(arguments, name, At(at.value, name))
    elif at.value is not None:
        draft.take(made, "arguments", at)


def _take_ours(draft: Draft, made: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Move the arguments that a fleet file has keys for.

    A limit without a word on what happens then stays as it is: RabbitMQ drops the oldest, and our key would not.
    """
    for name, key in _OURS.items():
        if name in arguments:
            draft.take(made, key, At(arguments, name))
            draft.remove(arguments, name)
    overflow = arguments.get("x-overflow")
    if "x-max-length" in arguments and isinstance(overflow, str) and overflow in _WHEN_FULL:
        draft.take(made, "max_length", At(arguments, "x-max-length"))
        draft.put(made, "when_full", _WHEN_FULL[overflow], At(arguments, "x-overflow"))
        draft.remove(arguments, "x-max-length", "x-overflow")
    dead = arguments.get("x-dead-letter-routing-key")
    if arguments.get("x-dead-letter-exchange") == "" and isinstance(dead, str):
        # only through the default exchange does the key name the queue
        draft.take(made, "dead_letter", At(arguments, "x-dead-letter-routing-key"))
        draft.remove(arguments, "x-dead-letter-exchange", "x-dead-letter-routing-key")
