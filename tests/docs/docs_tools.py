"""What the tests of the pages share: the pages, what stands in them, and the script that writes them."""

import ast
import importlib.machinery
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "allotment"
DOCS = ROOT / "docs"
COMMAND_PAGES = DOCS / "reference" / "commands"


def _load_script():
    path = str(ROOT / "scripts" / "write-docs")
    loader = importlib.machinery.SourceFileLoader("write_docs", path)
    spec = importlib.util.spec_from_loader("write_docs", loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["write_docs"] = module
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes_bytecode
    return module


write_docs = _load_script()
PAGES = write_docs.PAGES


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fences_of(page: Path, language: str):
    return [fence for fence in write_docs.fences(page.read_text()) if fence.language == language]


def prose_of(page: Path) -> str:
    """Give a page without its fenced blocks and comments, lines kept."""
    text = re.sub(r"^(`{3,}).*?^\1$", _blank_lines, page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", _blank_lines, text, flags=re.DOTALL)


def _blank_lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def shell_commands(text: str) -> Iterator[list[str]]:
    """Give the words of each command of a shell block, without variables set before it and what it is piped to."""
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), "|"]:
            if word not in {"|", ">", "&&", ";"}:
                words.append(word)
                continue
            while words and (words[0] == "export" or re.match(r"[A-Z_]+=", words[0])):
                words.pop(0)
            if words:
                yield words
            if word == ">":
                break
            words = []


@lru_cache(maxsize=1)
def trees() -> tuple[tuple[Path, ast.Module], ...]:
    """Give every module of the package, parsed."""
    return tuple((path, ast.parse(path.read_text())) for path in sorted(SOURCE.rglob("*.py")))


def nodes(kind: type[ast.AST]) -> Iterator[ast.AST]:
    for _, tree in trees():
        yield from (node for node in ast.walk(tree) if isinstance(node, kind))


def first_cells(text: str) -> list[str]:
    """Give the code spans in the first cell of each row of a page's tables."""
    return re.findall(r"^\| `([^`]+)`", text, flags=re.MULTILINE)
