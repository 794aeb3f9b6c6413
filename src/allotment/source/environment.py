"""`${NAME}` and `${NAME:-default}` in the values of a file."""

import re
from collections.abc import Iterator, Mapping

_BEGIN = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<more>:-|\})")


class UnsetVariable(Exception):
    """A value refers to an environment variable that is not set and gives no default."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the environment variable {name} is not set")
        self.name = name


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Put the environment's values in; an empty value counts as unset where a default is given, as in a shell."""
    parts: list[str] = []
    done = 0
    for begin, end, name, default in _found(text):
        value = environment.get(name)
        if value is None and default is None:
            raise UnsetVariable(name)
        parts += (text[done:begin], default if default is not None and not value else value or "")
        done = end
    return "".join(parts) + text[done:]


def references(text: str) -> list[tuple[str, str | None]]:
    """List the variables a text refers to, each with its default or None."""
    return [(name, default) for _, _, name, default in _found(text)]


def _found(text: str) -> Iterator[tuple[int, int, str, str | None]]:
    """Give each reference: where it begins and ends, its name and its default; in one pass, whatever the text."""
    position = 0
    while match := _BEGIN.search(text, position):
        position = match.end()
        if match["more"] == "}":
            yield match.start(), position, match["name"], None
            continue
        end = text.find("}", position)
        if end < 0:
            return
        yield match.start(), end + 1, match["name"], text[position:end]
        position = end + 1
