"""The grouping examples run, and every task runs where the grouping says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from acceptance.conftest import clean_environment

GROUPING = Path(__file__).parents[2] / "examples" / "grouping"
FILES = ("file_extract", "file_transform", "file_load")
MAILS = ("mail_send", "mail_digest")
OUTBOX = ["outbox-1", "outbox-2", "outbox-3"]

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(180)]


@pytest.mark.parametrize(
    ("example", "takers"),
    [
        ("dedicated", {name: [name.partition("_")[2]] for name in (*FILES, *MAILS)}),
        ("combined", {name: ["files" if name in FILES else "rest"] for name in (*FILES, *MAILS)}),
        ("queue_based", {name: ["files"] if name in FILES else OUTBOX for name in (*FILES, *MAILS)}),
    ],
)
def test_each_task_runs_on_the_workers_of_its_group(example: str, takers: dict[str, list[str]], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, GROUPING / f"{example}.py"],
        cwd=tmp_path,
        env=clean_environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("predicted: ran"))
    workers = re.split(r"  +", lines[begin].strip())[1:]
    rows = [re.split(r"  +", line.strip()) for line in lines[begin + 1 : begin + 1 + len(takers)]]
    assert {task for task, *_ in rows} == set(takers)
    for task, *cells in rows:
        found = dict(zip(workers, (cell.split(": ") for cell in cells), strict=True))
        predicted = {worker for worker, (expected, _) in found.items() if expected != "0"}
        ran = {worker: int(count) for worker, (_, count) in found.items() if count != "0"}
        assert predicted == set(takers[task])
        assert set(ran) <= predicted
        assert sum(ran.values()) == 80
