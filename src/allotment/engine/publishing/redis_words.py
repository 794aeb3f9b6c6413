"""What Redis and Valkey say when they take nothing, in words."""

import re

_REASONS = {
    "OOM": ("its memory is at `maxmemory`", "free some, or raise maxmemory; then send it again"),
    "MISCONF": (
        "it cannot save its data to disk",
        "look into its log and at the space on its disk; it takes messages again once it has saved",
    ),
    "READONLY": ("it is a replica, which only reads", "name the primary in the broker's address"),
    "LOADING": ("it is starting, and loads its data", "send it again in a moment"),
    "MASTERDOWN": ("it is a replica that has lost its primary", "see whether the primary runs"),
    "NOREPLICAS": ("it has fewer replicas than `min-replicas-to-write`", "see whether its replicas run"),
    "CLUSTERDOWN": ("its cluster is down", "see `CLUSTER INFO`"),
}
"""Why, and what to do, by the words that an error of Redis begins with (https://redis.io/docs/latest/develop/reference/protocol-spec)."""

_WORD = re.compile(r"\b(" + "|".join(_REASONS) + r")\b")
_WORDS_WITHOUT = {
    "is loading the dataset": "LOADING",
    "against a read only replica": "READONLY",
    "command not allowed when used memory": "OOM",
}
"""What is left of an error where redis-py has taken the word off (`redis/_parsers/base.py`, `parse_error`)."""


def is_of_redis(error: BaseException) -> bool:
    """Say whether an error is one of redis-py's, which a program that sends to RabbitMQ does not import."""
    return any((kind.__module__, kind.__name__) == ("redis.exceptions", "RedisError") for kind in type(error).__mro__)


def reason_to_refuse(error: BaseException) -> tuple[str, str] | None:
    """Give why the server takes no message and what to do about it; None where the error says nothing of the kind."""
    text = str(error)
    found = _WORD.search(text)
    word = found[1] if found else next((word for words, word in _WORDS_WITHOUT.items() if words in text), None)
    return None if word is None else _REASONS[word]
