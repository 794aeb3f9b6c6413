"""The pages that `allot docs` prints: one a rule, one a practice."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from allotment.errors import UnknownName
from allotment.model.names import did_you_mean
from allotment.rules import practices
from allotment.rules.registry import every_rule

_MISTAKE = "**Mistake.**"


@dataclass(frozen=True, slots=True)
class Practice:
    """What serves fleets well, or a mistake that many make; `page` is its page's file."""

    name: str
    summary: str
    mistake: bool
    page: Path


@cache
def every_practice() -> tuple[Practice, ...]:
    """Give every practice by name, and then every mistake."""
    pages = (path for folder in practices.__path__ for path in Path(folder).glob("*.md"))
    return tuple(sorted((_practice(page) for page in pages), key=lambda one: (one.mistake, one.name)))


def _practice(page: Path) -> Practice:
    title, summary, kind = page.read_text(encoding="utf-8").split("\n\n", 3)[:3]
    return Practice(title.removeprefix("# "), summary.replace("\n", " "), kind.startswith(_MISTAKE), page)


def page_of_rule(name: str) -> str:
    """Give the page of a rule, or of a practice. Raises UnknownName."""
    rules = {one.name: one.page for one in every_rule()}
    return _page(name, rules | {one.name: one.page for one in every_practice()}, "rule")


def page_of_practice(name: str) -> str:
    """Give the page of a practice. Raises UnknownName."""
    return _page(name, {one.name: one.page for one in every_practice()}, "practice")


def _page(name: str, pages: dict[str, Path], what: str) -> str:
    if name not in pages:
        hint = did_you_mean(name, pages, otherwise=f"`allot docs {what}` lists them")
        raise UnknownName(f"there is no {what} {name!r}", hint=hint)
    return pages[name].read_text(encoding="utf-8")
