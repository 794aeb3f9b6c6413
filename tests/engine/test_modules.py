"""Finding an app's tasks: those it has, the modules to import for them, and modules that cannot be imported here."""

import subprocess
import sys
from pathlib import Path

import pytest

from allotment.engine.declared import declared_tasks
from allotment.errors import AppUnusable
from allotment.local.inventory import read_inventory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a project with a sound module, one that needs a library nobody has, and one found by discovery."""
    (tmp_path / "lab").mkdir()
    for name, text in {
        "lab/__init__.py": "",
        "lab/app.py": (
            "print('an app may print')\n"
            "from celery import Celery\n"
            "app = Celery('lab', include=['lab.sound', 'lab.lacking'])\n"
            "app.autodiscover_tasks(['lab.found', 'lab.nothing'])\n"
            "@app.task\ndef own() -> None: ...\n"
        ),
        "lab/sound.py": "from celery import shared_task\n@shared_task\ndef one() -> None: ...\n",
        "lab/lacking.py": (
            "import library_of_another_node\nfrom lab.app import app\n"
            "@app.task\ndef two() -> None: ...\n"
            "@app.task(bind=True, name='lab.named')\ndef three(self) -> None: ...\n"
            "def no_task() -> None: ...\n"
        ),
        "lab/found/__init__.py": "",
        "lab/found/tasks.py": "from celery import shared_task\n@shared_task\ndef four() -> None: ...\n",
        "lab/nothing/__init__.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_every_task_is_found_with_the_module_to_import_for_it(folder: Path) -> None:
    inventory = read_inventory("lab.app:app", folder)
    assert {task.name for task in inventory.tasks} == {
        "lab.app.own",
        "lab.sound.one",
        "lab.lacking.two",
        "lab.named",
        "lab.found.tasks.four",
    }
    assert inventory.modules_for(["lab.sound.one", "lab.app.own"]) == {"lab.sound"}
    assert inventory.modules_for(["lab.named"]) == {"lab.lacking"}
    assert inventory.modules_for(["lab.found.tasks.four"]) == {"lab.found.tasks"}
    assert list(inventory.failed) == ["lab.lacking"]
    assert "library_of_another_node" in inventory.failed["lab.lacking"]


def test_what_an_app_prints_disturbs_nothing_even_as_it_ends(folder: Path) -> None:
    path = folder / "lab" / "app.py"
    path.write_text(path.read_text() + "import atexit\natexit.register(print, '{}')\n")
    assert "lab.app.own" in {task.name for task in read_inventory("lab.app:app", folder).tasks}


def test_a_file_beside_the_app_is_not_taken_for_one_of_pythons_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "types.py").write_text("raise RuntimeError('not these types')\n")
    monkeypatch.chdir(folder)
    assert read_inventory("lab.app:app", folder).tasks


@pytest.mark.parametrize("ending", ["import os; os._exit(7)", "raise SystemExit(7)"])
def test_an_app_that_ends_the_process_is_told_of(folder: Path, ending: str) -> None:
    (folder / "ends.py").write_text(ending)
    with pytest.raises(AppUnusable, match="ended the process with 7"):
        read_inventory("ends:app", folder)


def test_an_app_that_is_no_python_is_told_with_its_line(folder: Path) -> None:
    (folder / "unwritten.py").write_text("x = 1\ndef f(:\n")
    with pytest.raises(AppUnusable) as caught:
        read_inventory("unwritten:app", folder)
    assert str(caught.value.hint).endswith("unwritten.py:2")


def test_an_app_that_breaks_is_told_with_its_place(folder: Path) -> None:
    (folder / "lab" / "app.py").write_text("1 / 0\n")
    with pytest.raises(AppUnusable) as error:
        read_inventory("lab.app:app", folder)
    assert "ZeroDivisionError" in error.value.message
    assert error.value.hint is not None
    assert "app.py:1" in error.value.hint


def test_source_that_is_not_python_declares_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "lab" / "lacking.py").write_text("def (:\n")
    monkeypatch.syspath_prepend(str(folder))
    assert declared_tasks("lab.lacking") == ()
    assert declared_tasks("lab.not_there") == ()


def test_a_worker_imports_neither_what_it_lacks_nor_what_it_need_not(folder: Path) -> None:
    """The profile registers one task; the module that cannot be imported here does not stop it."""
    (folder / "fleet.yaml").write_text(
        "app: lab.app:app\nbroker: embedded\nprofiles:\n  some: {tasks: [lab.sound.one], queues: [q]}\n"
        "  rest: {exclude_tasks: [lab.sound.one], queues: [q]}\n"
    )
    code = (
        "import sys; from pathlib import Path\n"
        "from allotment.engine.worker import WorkerOrder, inventory_of, load_worker\n"
        "from allotment.source.fleet_file import read_fleet_file\n"
        "file = read_fleet_file(Path('fleet.yaml'))\n"
        "app, worker = load_worker(file, WorkerOrder('some', 'local'), inventory_of(file))\n"
        "print(sorted(name for name in app.tasks if not name.startswith('celery.')), worker.consumes)\n"
        "assert 'lab.sound' in sys.modules\n"
        "assert 'lab.found.tasks' not in sys.modules and 'lab.lacking' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "['lab.sound.one'] ('q', 'q:some')" in done.stdout
