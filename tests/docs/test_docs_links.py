"""Links inside the pages lead somewhere."""

import re

import pytest
from docs_tools import DOCS, PAGES, ROOT, name_of, prose_of

_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def _anchors(page):
    """Give the anchors of a page's headings, as the toc extension of Python-Markdown makes them."""
    for heading in re.findall(r"^#{1,6} (.+)$", prose_of(page), flags=re.MULTILINE):
        given = re.search(r"\{ #([\w-]+) \}$", heading)
        if given:
            yield given[1]
        else:
            plain = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
            yield re.sub(r"[-\s]+", "-", plain)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_links_of_a_page_lead_somewhere(page):
    for target in _LINK.findall(prose_of(page)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.is_file(), target
        if page.is_relative_to(DOCS):
            assert found.is_relative_to(DOCS), f"{target} is not part of the site"
        if anchor:
            assert anchor in set(_anchors(found)), target


def test_every_page_can_be_reached_from_the_first():
    seen, waiting = set(), [ROOT / "README.md", DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page not in PAGES:
            continue
        seen.add(page)
        targets = (target.partition("#")[0] for target in _LINK.findall(prose_of(page)))
        waiting += [(page.parent / target).resolve() for target in targets if target and "://" not in target]
    assert [name_of(page) for page in PAGES if page not in seen] == []
