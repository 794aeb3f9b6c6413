"""Puts the pages of the rules and the practices, which lie beside their code, among the pages of the site."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

RULES = Path(__file__).resolve().parent.parent / "src" / "allotment" / "rules"
FOLDERS = {"reference/rules": RULES / "catalogue", "explanation/practices": RULES / "practices"}


def on_files(files: Any, config: Any) -> Any:
    """Add each page; mkdocs calls this once it has found those under `docs/`."""
    for place, folder in FOLDERS.items():
        for page in sorted(folder.glob("*.md")):
            name = page.stem.replace("_", "-")
            files.append(File.generated(config, f"{place}/{name}.md", abs_src_path=str(page)))
    return files
