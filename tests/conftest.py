"""What every test may use: real brokers, and projects to run on them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ["allotment.testing.fixtures"]

PROJECTS = Path(__file__).parent / "fixtures" / "projects"
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Path]:
    """Give a function that copies a project of the fixtures and gives the copy's folder."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(PROJECTS / name, tmp_path / name))

    return copy
