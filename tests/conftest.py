"""What every test may use: real brokers, and projects to run on them."""

import shutil
import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture(autouse=True)
def _shared_tasks_stay_in_their_test() -> Iterator[None]:
    """Take back the tasks that a test gave to all apps of the process, as Celery's are unless they say otherwise."""
    if "celery" not in sys.modules:
        yield
        return
    from celery import _state

    before = set(_state._on_app_finalizers)
    yield
    _state._on_app_finalizers.intersection_update(before)
