"""What `allot dead show` shows of a message: all of it, and nothing that could harm who looks at it."""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from allotment.cli.output import note, print_json, visible
from allotment.cli.views.dead import age, letter_document, moment
from allotment.model.dead_letter import REASONS, DeadLetter, StoredMessage
from allotment.model.quantities import counted

Found = Sequence[tuple[DeadLetter, StoredMessage]]

_MOST_TEXT = 4000
"""Characters of a body, or of one header, that are shown."""
_MOST_BYTES = 1000
_MOST_NAMES = 100
_DEEPEST = 20


def body(found: Found) -> None:
    """Write the body of a message to standard output, as it was sent."""
    if len(found) > 1:
        digests = ", ".join(letter.digest for letter, _ in found)
        raise click.UsageError(f"{len(found)} messages have this id; name one by its digest: {digests}")
    for _, message in found:
        sys.stdout.buffer.write(message.body)


def as_text(found: Found, now: float) -> None:
    """Print each message: what is told of it, its headers, its properties and its body."""
    if len(found) > 1:
        note(f"note: {len(found)} messages have this id; a digest names one of them")
    for number, (letter, message) in enumerate(found):
        if number:
            click.echo()
        _fields(_told(letter, now))
        for title, values in (("headers", message.headers), ("properties", message.properties)):
            click.echo(f"\n{title}")
            _fields(_lines(values))
        click.echo(f"\nbody, {counted(len(message.body), 'byte')}")
        for line in _body_lines(message):
            click.echo(visible(f"  {line}"))


def as_json(found: Found) -> None:
    """Print the same for programs. `body` is null where it is no JSON, and `bytes`, in hexadecimal, then begins it."""
    print_json({"letters": [_document(letter, message) for letter, message in found]})


def _told(letter: DeadLetter, now: float) -> Iterator[tuple[str, str]]:
    yield "id", letter.id or "none"
    yield "task", letter.task or "none"
    words = REASONS.get(letter.reason)
    yield "reason", f"{letter.reason}: {words}" if words else letter.reason
    if letter.detail:
        yield "detail", letter.detail
    when = "not said" if letter.time is None else f"{moment(letter.time)} ({age(letter.time, now)} ago)"
    yield "set aside", when + (f" by {letter.worker}" if letter.worker else "")
    yield "arrived by", f"{letter.queue or 'no key'}{f', exchange {letter.exchange}' if letter.exchange else ''}"
    yield "size", f"{counted(letter.size, 'byte')}, {letter.content_type or 'no content type'}"
    if letter.deliveries:
        yield "deliveries", str(letter.deliveries)
    if letter.expires is not None:
        yield "expired" if letter.expires <= now else "expires", moment(letter.expires)
    yield "digest", letter.digest


def _fields(fields: Iterator[tuple[str, str]]) -> None:
    rows = list(fields)
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        click.echo(visible(f"  {name:<{width}}  {value}"))


def _lines(values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name in list(values)[:_MOST_NAMES]:
        yield str(name)[:_MOST_TEXT], _cut(json.dumps(plain(values[name]), ensure_ascii=False))
    if len(values) > _MOST_NAMES:
        yield "…", f"and {len(values) - _MOST_NAMES} more"


def _body_lines(message: StoredMessage) -> Iterator[str]:
    found = _decoded(message)
    if found is None:
        yield repr(message.body[:_MOST_BYTES])
        shown = _MOST_BYTES
    else:
        text = json.dumps(plain(found[0]), indent=2, ensure_ascii=False)
        yield from text[:_MOST_TEXT].splitlines()
        if len(text) <= _MOST_TEXT:
            return
        shown = 0
    if len(message.body) > shown:
        yield "… --body writes all of it"


def _decoded(message: StoredMessage) -> tuple[Any] | None:
    """Give what the body says, in a tuple; None where that is not to be decoded."""
    from allotment.engine.dead.body import decoded

    try:
        return (decoded(message),)
    except ValueError:
        return None


def _document(letter: DeadLetter, message: StoredMessage) -> dict[str, Any]:
    found = _decoded(message)
    return letter_document(letter) | {
        "reason_in_words": REASONS.get(letter.reason),
        "headers": plain(message.headers),
        "properties": plain(message.properties),
        "content_encoding": message.content_encoding,
        "body": plain(found[0]) if found else None,
        "bytes": None if found else message.body[:_MOST_BYTES].hex(),
        "cut": not found and len(message.body) > _MOST_BYTES,
    }


def plain(value: object, depth: int = 0) -> Any:
    """Give a value as JSON has it, whatever it is: what JSON has no word for as a text, and nothing nested too deep."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if depth == _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one, depth + 1) for one in value]
    return repr(value) if isinstance(value, bytes) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "…"
