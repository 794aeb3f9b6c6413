"""The programs of the guide on contracts, run for real: a worker of plain Celery, and what the page says they print."""

import os
import subprocess
import sys

import pytest
from docs_tools import DOCS, fences_of, write_docs

from allotment.testing.brokers import ValkeyServer
from allotment.testing.fixtures import require

GUIDE = DOCS / "how-to" / "contracts.md"
SHOWN = {
    "output of the program": "send.py",
    "output of side_by_side.py": "side_by_side.py",
    "output of canvas.py": "canvas.py",
}


def shown(remark):
    """Give the block of the page that a remark stands before."""
    return next(fence.text for fence in write_docs.fences(GUIDE.read_text()) if fence.remark == remark)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page's files, and the address of a broker."""
    require(ValkeyServer)
    made = write_docs.PageFolder(tmp_path_factory.mktemp("parcels"))
    made.add(GUIDE.read_text())
    with ValkeyServer() as server:
        outside = {key: value for key, value in made.environment().items() if not key.startswith("RABBITMQ_")}
        made.environment = lambda: outside | {"BROKER_URL": server.url, "PYTHONWARNINGS": "ignore"}
        yield made


def run(folder, *words):
    return subprocess.run(
        words, cwd=folder.path, env=folder.environment(), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def worker(folder):
    """The worker of the page."""
    command = next(fence.text.split() for fence in fences_of(GUIDE, "console") if "depot" in fence.text)
    with (folder.path / "worker.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder.path, env=folder.environment(), stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.parametrize("remark", SHOWN)
def test_a_program_prints_what_the_guide_shows(folder, worker, remark):
    done = run(folder, sys.executable, SHOWN[remark])
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown(remark)


def test_plain_celery_may_be_on_the_other_side_as_the_guide_says(folder, worker):
    (folder.path / "plain.py").write_text(
        "import os\nfrom celery import Celery\n"
        "app = Celery(broker=os.environ['BROKER_URL'], backend=os.environ['BROKER_URL'])\n"
        "parcel = {'weight': '1.50', 'posted': '2026-02-27'}\n"
        "print(app.send_task('parcels.price', args=[parcel, True], queue='parcels').get(timeout=20))\n"
        "try:\n"
        "    app.send_task('parcels.price', args=[parcel, 'yes'], queue='parcels').get(timeout=20)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__)\n"
    )
    done = run(folder, sys.executable, "plain.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "8.00\nArgumentsInvalid\n"


def test_the_mistaken_worker_says_what_the_guide_shows(folder):
    command = next(fence.text.split() for fence in fences_of(GUIDE, "console") if "mistaken" in fence.text)
    done = run(folder, *command)
    assert done.returncode == 2
    assert done.stderr == shown("output of the mistaken worker")


def test_the_guide_is_right_about_a_body_of_dots(tmp_path):
    """Mypy reports a body of dots and a docstring alone, and nothing of `raise NotImplementedError`."""
    bodies = {"dots": "...", "docstring": '"""Say it."""', "raises": "raise NotImplementedError"}
    for name, body in bodies.items():
        path = tmp_path / f"{name}.py"
        path.write_text(
            f'from allotment import contract\n\n\n@contract(name="{name}")\ndef {name}(one: int) -> int:\n    {body}\n'
        )
        source = str(DOCS.parent / "src")
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--config-file=", "--cache-dir", str(tmp_path / "cache"), str(path)],
            env=os.environ | {"MYPYPATH": source},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ("[empty-body]" in done.stdout) == (name != "raises"), done.stdout
