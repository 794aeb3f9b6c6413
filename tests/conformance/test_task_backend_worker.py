"""On real brokers: a worker registers what was chosen and consumes its lanes, and no other task reaches it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from allotment.engine.client import close, keep_results_quiet

PROJECT = Path(__file__).parent.parent / "fixtures" / "projects" / "mill"
EVERY = {"file_extract", "file_load", "file_transform", "mail_send", "report_build"}
COUNT = 1000
LEFT_OUT = {"ALLOTMENT_FLEET", "ALLOTMENT_STATE", "ALLOTMENT_HEARTBEAT", "RABBITMQ_HOST", "TASK_APP", "TASK_QUEUES"}

pytestmark = pytest.mark.timeout(240)


@dataclass
class Worker:
    """A worker that runs, and what it has said."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _ready: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if " ready." in line:
                self._ready.set()
        self._ready.set()

    def wait_until_ready(self) -> "Worker":
        assert self._ready.wait(60), self.lines
        assert self.process.poll() is None, "\n".join(self.lines)
        return self

    @property
    def name(self) -> str:
        return next(line for line in self.lines if line.endswith(" ready.")).split()[-2]

    @property
    def passed_on(self) -> list[str]:
        return [line for line in self.lines if "forwarded" in line or "set aside" in line]


@dataclass(frozen=True)
class Site:
    """A folder with the project, and the environment that names the broker."""

    folder: Path
    environment: Mapping[str, str]

    def client(self) -> Celery:
        """Give an app that has never heard of the plan."""
        app = Celery("plain", broker=self.environment["BROKER_URL"], backend=self.environment["RESULT_URL"])
        keep_results_quiet(app)
        return app

    def start(self, stack: ExitStack, *flags: str) -> Worker:
        process = subprocess.Popen(
            [sys.executable, "-m", "allotment.cli.task_backend_worker", "--backend=celery", *flags],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        worker = Worker(process)
        reader = threading.Thread(target=worker.read, daemon=True)
        reader.start()

        def end() -> None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, "\n".join(worker.lines)
            reader.join(10)
            assert process.stdout is not None
            process.stdout.close()

        stack.callback(end)
        return worker

    def python(self, *arguments: str) -> str:
        """Run a program in the folder and give what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def send(self, module: str, count: int = COUNT) -> dict[str, dict[str, int]]:
        """Send so many tasks of the five kinds and give who ran how many of which."""
        ran: dict[str, dict[str, int]] = json.loads(self.python("send.py", module, str(count)))
        return ran


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp(request.param) / "mill"))
    results = request.getfixturevalue("redis_server").url.rpartition("/")[0]
    broker = f"{results}/10" if request.param == "redis" else request.getfixturevalue("rabbitmq").url
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    return Site(folder, environment | {"BROKER_URL": broker, "RESULT_URL": f"{results}/11"})


def wait_until_they_answer(control: Any, names: set[str]) -> None:
    """Wait for workers' remote control, which on Redis begins a moment after they say that they are ready."""
    deadline = time.monotonic() + 30
    silent = names
    while silent:
        assert time.monotonic() < deadline, f"no answer from {silent}"
        silent = names - {name for reply in control.ping(list(names), timeout=1.0) for name in reply}


def registered(inspected: Mapping[str, Any] | None, worker: str) -> set[str]:
    """Give what a worker says it has registered, which leaves Celery's own tasks out."""
    assert inspected is not None
    return set(inspected[worker])


PLAN_ALONE = ("-A", "mill:backend")
BY_FILE = ("--profiles-file=worker-profiles.yaml", "-A", "by_profile:app")


@pytest.mark.parametrize(
    ("module", "flags", "tasks", "queues"),
    [
        pytest.param(
            "mill",
            (
                (*PLAN_ALONE, "--tasks=file_extract,file_transform"),
                (*PLAN_ALONE, "--tasks=file_load,mail_send,report_build"),
            ),
            {"file_extract", "file_transform"},
            {"files", "files:file_extract", "file_transform"},
            id="tasks",
        ),
        pytest.param(
            "mill",
            ((*PLAN_ALONE, "--exclude-tasks=file_load,mail_*"), (*PLAN_ALONE, "--tasks=file_load,mail_send")),
            {"file_extract", "file_transform", "report_build"},
            {"files", "files:file_extract", "file_transform", "high_priority", "high_priority:report_build"},
            id="exclude-tasks",
        ),
        pytest.param(
            "mill",
            ((*PLAN_ALONE, "--queues=high_priority"), (*PLAN_ALONE, "--queues=files,file_transform")),
            {"mail_send", "report_build"},
            {"high_priority", "high_priority:mail_send", "high_priority:report_build"},
            id="queues",
        ),
        pytest.param(
            "by_profile",
            ((*BY_FILE, "--worker-profile=high-memory"), (*BY_FILE, "--worker-profile=general")),
            {"file_transform", "report_build"},
            {"work", "work:high-memory"},
            id="worker-profile",
        ),
    ],
)
def test_it_registers_what_was_chosen_and_nothing_else_reaches_it(
    site: Site, module: str, flags: tuple[tuple[str, ...], tuple[str, ...]], tasks: set[str], queues: set[str]
) -> None:
    plain = site.client()
    with ExitStack() as stack:
        chosen, rest = (site.start(stack, *one, "--concurrency=2") for one in flags)
        chosen.wait_until_ready()
        rest.wait_until_ready()
        wait_until_they_answer(plain.control, {chosen.name, rest.name})
        inspect = plain.control.inspect([chosen.name, rest.name], timeout=10.0)
        assert registered(inspect.registered(), chosen.name) == tasks
        assert registered(inspect.registered(), rest.name) == EVERY - tasks
        assert {queue["name"] for queue in inspect.active_queues()[chosen.name]} == queues

        ran = site.send(module)

        assert {kind: sum(counts.values()) for kind, counts in ran.items()} == dict.fromkeys(EVERY, COUNT // 5)
        assert {kind for kind, counts in ran.items() if chosen.name in counts} == tasks
        assert {kind for kind, counts in ran.items() if rest.name in counts} == EVERY - tasks
        assert set(inspect.stats()[chosen.name]["total"]) == tasks
    assert chosen.passed_on == rest.passed_on == [], "nothing had to be passed on"
    close(plain)


def test_what_a_plain_producer_sends_to_a_queue_reaches_the_worker_that_has_it(site: Site) -> None:
    """It knows no lanes: whoever takes it from the queue's plain name runs it, or passes it on."""
    plain = site.client()
    with ExitStack() as stack:
        workers = [site.start(stack, *PLAN_ALONE, f"--tasks={name}") for name in ("file_extract", "file_load")]
        names = [worker.wait_until_ready().name for worker in workers]
        kinds = ("file_extract", "file_load")
        sent = [(kind, plain.send_task(kind, args=[number], queue="files")) for number in range(40) for kind in kinds]
        assert {(kind, result.get(timeout=60)) for kind, result in sent} == set(zip(kinds, names, strict=True))
    close(plain)


ONE_TASK = """\
from allotment import CeleryBackend

backend = CeleryBackend()


@backend.register_task(queue="released")
def deliver(number):
    return number + 1
"""
TWO_TASKS = f"""{ONE_TASK}

@backend.register_task(queue="released")
def digest(number):
    return -number
"""


@pytest.mark.parametrize(("running", "sending"), [(ONE_TASK, TWO_TASKS), (TWO_TASKS, ONE_TASK)], ids=["old", "new"])
def test_a_worker_takes_what_programs_of_another_release_send(
    site: Site, tmp_path: Path, running: str, sending: str
) -> None:
    """Its queue has one task more in the one than in the other."""
    sites = {}
    for name, text in (("running", running), ("sending", sending)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "posting.py").write_text(text)
        sites[name] = replace(site, folder=folder)
    with ExitStack() as stack:
        sites["running"].start(stack, "-A", "posting:backend", "--tasks=deliver").wait_until_ready()
        code = "import posting; print(posting.deliver.delay(1).get(timeout=30))"
        assert sites["sending"].python("-c", code) == "2"


def test_a_task_runs_whatever_its_name(site: Site, tmp_path: Path) -> None:
    name = "weird name/ü[1]*"
    (tmp_path / "odd.py").write_text(
        "from allotment import CeleryBackend\nbackend = CeleryBackend()\n"
        f"@backend.register_task(name={name!r}, queue='odd')\ndef odd(number): return number + 1\n"
        f"@backend.register_task(name={name!r} + 'x', queue='odd')\ndef other(number): return -number\n"
    )
    here = replace(site, folder=tmp_path)
    with ExitStack() as stack:
        here.start(stack, "-A", "odd:backend", f"--tasks={name}").wait_until_ready()
        assert here.python("-c", "import odd; print(odd.odd.delay(1).get(timeout=30))") == "2"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_finishes_what_it_runs(
    site: Site, tmp_path: Path, number: signal.Signals
) -> None:
    plain, begun = site.client(), tmp_path / "begun"
    with ExitStack() as stack:
        worker = site.start(stack, "-A", "slow:backend").wait_until_ready()
        result = plain.send_task("rest", args=[2.0, str(begun)], queue="rest")
        deadline = time.monotonic() + 30
        while not begun.exists():
            assert time.monotonic() < deadline, worker.lines
            time.sleep(0.02)
        worker.process.send_signal(number)
        assert worker.process.wait(30) == 0
        assert result.get(timeout=10) == "rested"
    assert not [line for line in worker.lines if "Traceback" in line]
    close(plain)


def test_a_worker_is_healthy_while_it_runs_and_not_afterwards(site: Site) -> None:
    flags = (*PLAN_ALONE, "--tasks=file_transform", "--worker-name=probed")
    with ExitStack() as stack:
        site.start(stack, *flags).wait_until_ready()
        code, said = health(site, *flags)
        while code != 0 and "does not" in said:  # it has said that it is ready before its first beat
            code, said = health(site, *flags)
        assert (code, said.startswith("healthy: probed@")) == (0, True), said
    code, said = health(site, *flags)
    assert (code, said.startswith("unhealthy: ")) == (1, True), said


def test_a_worker_is_not_taken_for_one_of_another_app_or_choice(site: Site, tmp_path: Path) -> None:
    there = replace(site, folder=Path(shutil.copytree(PROJECT, tmp_path / "mill")))
    with ExitStack() as stack:
        site.start(stack, *PLAN_ALONE, "--exclude-tasks=mail_send").wait_until_ready()
        while health(site, *PLAN_ALONE, "--exclude-tasks=mail_send")[0] != 0:
            time.sleep(0.1)  # until its first beat; the test's own limit ends it
        for asked, flags in (
            (there, (*PLAN_ALONE, "--exclude-tasks=mail_send")),
            (site, ("-A", "slow:backend", "--exclude-tasks=mail_send")),
            (site, (*PLAN_ALONE, "--exclude-tasks=file_load")),
            (site, PLAN_ALONE),
        ):
            assert health(asked, *flags)[0] == 1, flags


def health(site: Site, *flags: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "allotment.cli.task_backend_worker", *flags, "--health-check"],
        cwd=site.folder,
        env=dict(site.environment),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
