"""The kinds of work a task may be, and the words of a task's name that tell them."""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a task mostly takes of a machine: its processor, its waiting, or its memory."""

    CPU = "cpu"
    IO = "io"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class ResourceRouting:
    """Where tasks of each kind go that have no entry of their own.

    `argument` names the keyword argument in which a call may say the kind; `words` are told apart from the built-in
    ones only in that they come from the file.
    """

    queues: Mapping[Kind, str]
    argument: str | None = None
    words: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)


_VERBS = {
    Kind.CPU: """train encode decode transcode analyze analyse parse extract compress render resize predict infer
        compute calculate recalculate simulate classify transcribe convert score embed tokenize encrypt decrypt crop
        vectorize solve rasterize compile upscale""",
    Kind.IO: """fetch download upload email mail scrape crawl send notify request ping poll publish push pull call
        sync synchronize synchronise deliver transfer replicate broadcast index reindex""",
    Kind.MEMORY: """aggregate join merge import export deduplicate dedupe pivot backfill consolidate""",
}
_NOUNS = {
    Kind.CPU: """training analysis analyses inference prediction computation calculation simulation optimization
        optimisation classification clustering transcription conversion compression encryption ocr thumbnail video
        embedding segmentation preview forecast checksum calc gpu ml""",
    Kind.IO: """api http https webhook notification sms url ftp sftp ssh smtp s3 slack feed rss query queries sql
        backup remote""",
    Kind.MEMORY: """aggregation etl dataframe rollup report dump""",
}
_QUALIFYING = {"model": Kind.CPU, "models": Kind.CPU, "bulk": Kind.MEMORY}
"""Words that tell a kind only where no other word does: in `send_bulk_email` it is the sending that takes the time."""

_HOUSEKEEPING = frozenset(
    [
        "delete",
        "remove",
        "clean",
        "cleanup",
        "clear",
        "purge",
        "prune",
        "expire",
        "trim",
        "flush",
        "empty",
        "drop",
        "discard",
        "mark",
        "unverify",
        "disable",
    ]
)
"""Words that, as the first or the last of a name, say that things are put away: deleting exports exports nothing."""

_SAYS_NOTHING = frozenset({"task", "async", "do", "bulk"})
"""Words at either end of a name that tell nothing of it."""

_ACT_FIRST = frozenset({"report", "reports"})
"""Nouns that are a verb, and tell nothing, as the first word: `report_error` makes no report."""

_WORD = re.compile(r"(?:[A-Z]?[a-z]+|[A-Z]+(?![a-z]))[0-9]*|[0-9]+")


def _forms(verb: str) -> Iterator[str]:
    """Give a verb as names have it: send, sends, sending, sender. Its past names a state and is left out."""
    if verb.endswith("y") and verb[-2] not in "aeiou":
        yield from (verb, verb[:-1] + "ies", verb + "ing", verb[:-1] + "ier")
        return
    yield from (verb, verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh")) else "s"))
    stem = verb.removesuffix("e") + (verb[-1] if _doubles_its_last(verb) else "")
    yield from (stem + ending for ending in ("ing", "er"))


def _doubles_its_last(verb: str) -> bool:
    """Say whether its last letter is doubled before an ending, as in cropping."""
    return verb[-1] in "bdgmnprt" and verb[-2] in "aeiou" and verb[-3] not in "aeiou"


def _table() -> dict[str, Kind]:
    found: dict[str, Kind] = dict(_QUALIFYING)
    for kind in Kind:
        for verb in _VERBS[kind].split():
            found |= dict.fromkeys(_forms(verb), kind)
        for noun in _NOUNS[kind].split():
            found |= dict.fromkeys((noun, noun + "s"), kind)
    return found


WORDS: Mapping[str, Kind] = _table()
"""Every word that tells a kind, in the forms that names have."""


def words_of(task: str, known: Container[str] = WORDS) -> tuple[str, ...]:
    """Give the words of the function's own name, in lower case: the part after the last dot, never the module's path.

    They are told apart by underscores and capitals: `shop.mail.sendWelcomeEmail` has send, welcome and email. Digits
    at a word's end belong to it where that word is known: `copyToS3` has s3, `resize2` has resize.
    """
    own = re.split(r"[.:]", task)[-1]
    found = (word.lower() for word in _WORD.findall(own))
    return tuple(word if word in known else word.rstrip("0123456789") or word for word in found)


def kinds_told(task: str, more: Mapping[Kind, tuple[str, ...]] | None = None) -> dict[Kind, str]:
    """Give the kinds that the words of a task's name tell, each with the first word that does.

    `more` adds words, and takes them from the kind they had. Names of housekeeping tell nothing.
    """
    added = {word.lower(): kind for kind, words in (more or {}).items() for word in words}
    known = {**WORDS, **added} if added else WORDS
    words = words_of(task, known)
    told = {
        word: known[word]
        for place, word in enumerate(words)
        if word in known and not (place == 0 and word in _ACT_FIRST)
    }
    if not told or (_puts_away(words) and not any(word in added for word in told)):
        return {}
    strong = {word: kind for word, kind in told.items() if word in added or word not in _QUALIFYING}
    found: dict[Kind, str] = {}
    for word, kind in (strong or told).items():
        found.setdefault(kind, word)
    return found


def _puts_away(words: tuple[str, ...]) -> bool:
    telling = [word for word in words if word not in _SAYS_NOTHING]
    return bool(telling) and (telling[0] in _HOUSEKEEPING or telling[-1] in _HOUSEKEEPING)
