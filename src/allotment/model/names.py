"""The names a fleet may use, and what they look like when nearly right.

Names end up in broker queues, process arguments, file names, unit files and manifests, so only characters that are
plain in all of them are let in. RabbitMQ allows 255 bytes for a queue's name; lanes add to it, hence the shorter limit.
"""

import re
from collections.abc import Iterable

TASK_LENGTH = 255
QUEUE_LENGTH = 128
LABEL_LENGTH = 63

MOST_STARS = 8
"""In a pattern: each makes it slower to match."""

RESERVED_PREFIX = "allotment."
DEAD_QUEUE = "allotment.dead"
"""Where messages are kept that no worker can run."""
DROPPED_QUEUE = "allotment.dropped"
"""Where RabbitMQ keeps what queues drop to make room, so that it can be counted."""

# Patterns are compiled when they are first used: a command uses few of them, and should answer at once.
_TASK = r"[A-Za-z_][A-Za-z0-9_.:-]*"
_TASK_PATTERN = r"[A-Za-z_*?\[][A-Za-z0-9_.:*?\[\]!-]*"
_QUEUE = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_LABEL = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_APP = r"[A-Za-z_][A-Za-z0-9_.]*(:[A-Za-z_][A-Za-z0-9_.]*)?"
_BINDING = r"[A-Za-z0-9_*#][A-Za-z0-9_.*#-]*"
_SETTING = r"[a-z][a-z0-9_]*"
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_WORD = r"[A-Za-z]+[0-9]*"
_ARGUMENT = r"x-[a-z0-9-]+"
_MODULE = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"


def task_name(text: str) -> str:
    """Give the text back if it may name a task, else raise ValueError."""
    return _matching(_TASK, text, TASK_LENGTH, "a task's name", "letters, digits, '_', '.', ':' and '-'")


def task_pattern(text: str) -> str:
    """Give the text back if it may name a task or, with `*`, several; else raise ValueError."""
    pattern = _TASK_PATTERN if "*" in text else _TASK
    if text.count("*") > MOST_STARS:
        raise ValueError(f"{text[:20] + '…'!r} has {text.count('*')} times '*', at most {MOST_STARS}")
    return _matching(
        pattern, text, TASK_LENGTH, "a task's name or pattern", "letters, digits, '_', '.', ':', '-' and '*'"
    )


def queue_name(text: str) -> str:
    """Give the text back if it may name a queue, else raise ValueError."""
    if text.startswith(RESERVED_PREFIX):
        raise ValueError(f"{text!r} starts with {RESERVED_PREFIX!r}, which is kept for Allotment's own queues")
    return _matching(_QUEUE, text, QUEUE_LENGTH, "a queue's name", "letters, digits, '_', '.' and '-'")


def dead_letter_name(text: str) -> str:
    """Give the text back if it may name a queue for dead letters: any queue, or Allotment's own; else ValueError."""
    return text if text == DEAD_QUEUE else queue_name(text)


def binding_key(text: str) -> str:
    """Give the text back if a queue may be bound with it, a topic's `*` and `#` included; else raise ValueError."""
    return _matching(_BINDING, text, QUEUE_LENGTH, "a routing key", "letters, digits, '_', '.', '-', '*' and '#'")


def argument_name(text: str) -> str:
    """Give the text back if it may name an argument of a RabbitMQ queue, else raise ValueError."""
    return _matching(_ARGUMENT, text, LABEL_LENGTH, "a queue's argument", "'x-', then small letters, digits and '-'")


def setting_name(text: str) -> str:
    """Give the text back if it may name a Celery setting, else raise ValueError."""
    if text.isupper():
        raise ValueError(f"{text!r} is a setting's old or Django's name: write {text.lower().removeprefix('celery_')}")
    return _matching(_SETTING, text, LABEL_LENGTH, "a setting's name", "small letters, digits and '_'")


def argument(text: str) -> str:
    """Give the text back if it may name an argument of a function, else raise ValueError."""
    return _matching(_IDENTIFIER, text, LABEL_LENGTH, "an argument's name", "letters, digits and '_'")


def word(text: str) -> str:
    """Give the text back if it is one word as names of functions hold them, else raise ValueError."""
    return _matching(_WORD, text, LABEL_LENGTH, "a word", "letters, and digits after them")


def label(text: str) -> str:
    """Give the text back if it may name a profile, a node, a zone or a label; else raise ValueError."""
    return _matching(_LABEL, text, LABEL_LENGTH, "a name", "letters, digits, '_' and '-', a letter or digit first")


def app_reference(text: str) -> str:
    """Give the text back if it has the form `module:attribute`, else raise ValueError."""
    return _matching(_APP, text, TASK_LENGTH, "an app", "the form module:attribute")


def module_name(text: str) -> str:
    """Give the text back if it may name a Python module, else raise ValueError."""
    return _matching(_MODULE, text, TASK_LENGTH, "a module's name", "Python names joined by '.'")


def worker_name(profile: str, index: int, node: str) -> str:
    """Give the name of one of a profile's workers on a node, which count from 1."""
    return f"{profile}-{index}@{node}"


def _matching(pattern: str, text: str, length: int, what: str, allowed: str) -> str:
    if len(text) > length:
        raise ValueError(f"{text[:20] + '…'!r} is too long for {what}: {len(text)} characters, at most {length}")
    if not re.fullmatch(pattern, text):
        raise ValueError(f"{text!r} is not {what}: it takes {allowed}")
    return text


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name most like this one, or None where nothing is near."""
    import difflib  # noqa: PLC0415 - only mistakes pay for it

    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Give the hint for a name that is not known: the nearest one, else the few there are, else `otherwise`."""
    choices = sorted(set(known))
    near = nearest(name, choices)
    if near:
        return f"did you mean {near!r}?"
    if 0 < len(choices) <= 8:  # noqa: PLR2004 - as many as are read at a glance
        return f"there is {', '.join(choices)}"
    return otherwise
