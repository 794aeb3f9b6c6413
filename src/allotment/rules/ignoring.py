"""Comments that ignore a rule at a place: `# allot: ignore[rule-name] why this is as it should be`."""

import re
from collections.abc import Iterator, Mapping

from allotment.rules.subject import Ignore

_COMMENT = r"(?:^|(?<=\s))#\s*allot:\s*ignore\[([^\]]*)\]\s*(.*?)\s*$"


def ignores_in(texts: Mapping[str, str]) -> tuple[Ignore, ...]:
    """Find the comments in files, given by name; one alone on its line is for the next line that says something."""
    return tuple(ignore for file, text in texts.items() if "allot:" in text for ignore in _in_file(file, text))


def _in_file(file: str, text: str) -> Iterator[Ignore]:
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        found = re.search(_COMMENT, line)
        if not found:
            continue
        alone = not line[: found.start()].strip()
        target = _next_said(lines, number) if alone else number
        rules = tuple(name.strip() for name in found[1].split(",") if name.strip())
        yield Ignore(file, number, found.start() + 1, len(line) + 1, target, rules, found[2])


def _next_said(lines: list[str], number: int) -> int:
    for place in range(number, len(lines)):
        said = lines[place].strip()
        if said and not said.startswith("#"):
            return place + 1
    return number
