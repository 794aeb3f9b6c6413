"""The kinds of work a task may be, and the words of a task's name that tell them."""

import re
from collections.abc import Iterator, Mapping
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
    Kind.CPU: """train model encode decode transcode analyze analyse compress render resize predict infer compute
        calculate recalculate simulate optimize optimise classify cluster transcribe convert score embed tokenize
        segment encrypt decrypt rotate crop vectorize solve rasterize compile upscale""",
    Kind.IO: """fetch download upload email mail scrape crawl send notify request ping poll publish push pull call
        sync synchronize synchronise deliver transfer replicate""",
    Kind.MEMORY: """aggregate join merge import export bulk deduplicate dedupe pivot backfill consolidate""",
}
_NOUNS = {
    Kind.CPU: """training analysis analyses inference prediction computation calculation simulation optimization
        optimisation classification clustering transcription conversion compression encryption ocr thumbnail video
        embedding segmentation gpu ml""",
    Kind.IO: """api http https webhook notification sms url ftp sftp ssh smtp s3 slack feed rss request""",
    Kind.MEMORY: """aggregation merger etl dataset dataframe rollup warehouse""",
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_DOUBLES_ITS_LAST = re.compile(r"[^aeiou][aeiou][bdgmnprt]$")


def _forms(verb: str) -> Iterator[str]:
    """Give a verb as names have it: send, sends, sending, sent is not among them."""
    stem = verb.removesuffix("e")
    if verb.endswith("y") and verb[-2] not in "aeiou":
        yield from (verb, verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing", verb[:-1] + "ier")
        return
    yield from (verb, verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh")) else "s"))
    yield from (stem + ending for ending in ("ed", "ing", "er"))
    if _DOUBLES_ITS_LAST.search(verb):
        yield from (verb + verb[-1] + ending for ending in ("ed", "ing", "er"))


def _table() -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for kind in Kind:
        for verb in _VERBS[kind].split():
            found |= dict.fromkeys(_forms(verb), kind)
        for noun in _NOUNS[kind].split():
            found |= dict.fromkeys((noun, noun + "s"), kind)
    return found


WORDS: Mapping[str, Kind] = _table()
"""Every word that tells a kind, in the forms that names have."""


def words_of(task: str) -> tuple[str, ...]:
    """Give the words of the function's own name, in lower case: the part after the last dot, never the module's path.

    They are told apart by underscores, digits and capitals: `shop.mail.sendWelcomeEmail` has send, welcome and email.
    """
    own = re.split(r"[.:]", task)[-1]
    return tuple(word for part in re.split(r"[_-]+", own) for word in _words_in(part))


def _words_in(part: str) -> list[str]:
    whole = part.lower()
    return [whole] if whole in WORDS else [word.lower() for word in _WORD.findall(part)]


def kinds_told(task: str, more: Mapping[Kind, tuple[str, ...]] | None = None) -> dict[Kind, str]:
    """Give the kinds that the words of a task's name tell, each with the first word that does.

    `more` adds words, and takes them from the kind they had.
    """
    added = {word.lower(): kind for kind, words in (more or {}).items() for word in words}
    found: dict[Kind, str] = {}
    for word in words_of(task):
        kind = added.get(word) or WORDS.get(word)
        if kind is not None:
            found.setdefault(kind, word)
    return found
