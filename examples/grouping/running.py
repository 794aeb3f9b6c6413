"""Run the workers of a grouping, send them a few hundred tasks, and show who ran what beside what was predicted."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-m", "allotment.cli.task_backend_worker", "--backend=celery", "--app=tasks:backend"]
EACH = 80
START_TIMEOUT = 60

Workers = Mapping[str, Sequence[str]]
"""The flags of each worker by its name."""


def show(title: str, workers: Workers) -> int:
    """Run one grouping and print its table; give 0 if every task ran where it was predicted to, else 1."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("BROKER_URL", "embedded")  # a Valkey that Allotment starts itself
        os.environ.setdefault("ALLOTMENT_STATE", folder)
        os.chdir(HERE)
        predicted = {name: registered(command(name, flags)) for name, flags in workers.items()}
        processes = [subprocess.Popen(command(name, flags)) for name, flags in workers.items()]
        try:
            observed = send(processes)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
    print(f"\n{title}\n")
    return table(list(workers), predicted, observed)


def command(name: str, flags: Sequence[str]) -> list[str]:
    """Give the command of one worker."""
    return [*COMMAND, *flags, f"--worker-name={name}", "--concurrency=1", "--log-level=WARNING"]


def registered(worker: list[str]) -> set[str]:
    """Ask a worker's command what it would register."""
    done = subprocess.run([*worker, "--dry-run", "--format=json"], stdout=subprocess.PIPE, check=True)
    return {task["name"] for task in json.loads(done.stdout)["registers"]}


def send(workers: Sequence[subprocess.Popen[bytes]]) -> dict[str, Counter[str]]:
    """Wait until the workers answer, send the tasks of all kinds in turn, and count who ran them."""
    from tasks import backend  # noqa: PLC0415 - it reads BROKER_URL when it is imported

    app = backend.celery
    deadline = time.monotonic() + START_TIMEOUT
    while len(app.control.ping(timeout=1, limit=len(workers)) or []) < len(workers):
        if time.monotonic() > deadline or any(worker.poll() is not None for worker in workers):
            raise SystemExit("the workers did not start")
    sent = [(name, app.tasks[name].delay(number)) for number in range(EACH) for name in backend.tasks]
    observed = {name: Counter() for name in backend.tasks}
    for name, result in sent:
        observed[name][result.get(timeout=60).partition("@")[0]] += 1
    return observed


def table(workers: list[str], predicted: Mapping[str, set[str]], observed: Mapping[str, Counter[str]]) -> int:
    """Print a row a task and a column a worker: how many were predicted, and how many it ran."""
    width = max(len(cell) for cell in [*workers, f"some: {EACH}"]) + 2
    first = max(len(cell) for cell in [*observed, "predicted: ran"]) + 2
    print(f"{'predicted: ran':<{first}}" + "".join(f"{worker:<{width}}" for worker in workers))
    right = True
    for task, counts in observed.items():
        able = [worker for worker in workers if task in predicted[worker]]
        cells = [f"{expected(worker, able)}: {counts[worker]}" for worker in workers]
        print(f"{task:<{first}}" + "".join(f"{cell:<{width}}" for cell in cells))
        right = right and set(counts) <= set(able) and counts.total() == EACH
    print("\nevery task ran where it was predicted to" if right else "\nNOT AS PREDICTED")
    return 0 if right else 1


def expected(worker: str, able: list[str]) -> str:
    """Say how many of a task a worker is to run."""
    if worker not in able:
        return "0"
    return str(EACH) if able == [worker] else "some"
