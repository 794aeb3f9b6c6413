"""Fleets under test: one that `allot up` runs, and the same as plain Celery workers that something starts again."""

import json
import os
import signal
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from celery import Celery

from allotment.local.running import RunningFleet
from allotment.plan.plan import Plan
from allotment.testing.faults.announced import Announced
from allotment.testing.faults.processes import alive, children, until
from allotment.testing.faults.workload import plain

START_SECONDS = 60.0
_AGAIN_SECONDS = 0.5


class FleetUnderTest(ABC):
    """A fleet that runs, with the processes of its workers."""

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until every worker consumes."""

    @abstractmethod
    def stop(self) -> None:
        """Drain it and wait for its end."""

    @abstractmethod
    def worker(self, name: str) -> psutil.Process | None:
        """Give the process of a worker; None where it does not run now."""

    @abstractmethod
    def times_ready(self, name: str) -> int:
        """Count how often a worker became ready."""

    @property
    @abstractmethod
    def supervisor(self) -> psutil.Process | None:
        """The process that starts workers again; None where that is the harness."""

    @abstractmethod
    def kill_supervisor(self) -> None:
        """SIGKILL it."""

    def pids(self, name: str) -> list[int]:
        """List the process numbers of a worker and its pool."""
        process = self.worker(name)
        return [process.pid, *(child.pid for child in children(process))] if process else []


class SupervisedFleet(FleetUnderTest):
    """A fleet under `allot up`, in a process of its own."""

    def __init__(
        self, fleet_file: Path, environment: Mapping[str, str], log: Path, *, module: str, grace: float
    ) -> None:
        def make() -> RunningFleet:
            return RunningFleet(fleet_file, "--grace", f"{grace:g}s", environment=environment, module=module)

        self._make = make
        self._fleet = make()
        self._log = log
        self._announced = Announced()
        self._earlier: list[dict[str, Any]] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        """Everything `allot up` has said, under every supervisor so far."""
        return [*self._earlier, *self._fleet.events]

    def start(self) -> None:
        """Start it, again too, and wait until every worker consumes. Raises FleetNotStarted."""
        self._read()
        self._earlier += self._fleet.events
        self._fleet = self._make()
        self._announced.begin_again()
        try:
            self._fleet.start()
        finally:
            self._read()

    def stop(self) -> None:
        """Drain it and wait for its end."""
        self.stop_with_code()

    def stop_with_code(self) -> int:
        """Drain it, wait for its end and give the supervisor's exit code."""
        code = self._fleet.stop()
        self._read()
        return code

    def _read(self) -> Announced:
        """Take in what it has said since, and write it down."""
        new = self._announced.read(self._fleet.events)
        if new:
            with self._log.open("a") as log:
                log.writelines(json.dumps(event) + "\n" for event in new)
        return self._announced

    def worker(self, name: str) -> psutil.Process | None:
        """Give the process of a worker that was started last, if it runs."""
        pid = self._read().pid(name)
        if pid is None:
            return None
        try:
            process = psutil.Process(pid)
        except psutil.NoSuchProcess:
            return None
        return process if alive(process) else None

    def times_ready(self, name: str) -> int:
        """Count how often a worker became ready."""
        return self.count("ready", name)

    def count(self, event: str, worker: str | None = None) -> int:
        """Count the events of a kind, of one worker or of all."""
        return self._read().count(event, worker)

    @property
    def supervisor(self) -> psutil.Process | None:
        """The process of `allot up`."""
        try:
            return psutil.Process(self._fleet.pid)
        except psutil.NoSuchProcess:
            return None

    def kill_supervisor(self) -> None:
        """SIGKILL it and collect it."""
        supervisor = self.supervisor
        if supervisor is not None:
            supervisor.kill()
        self._fleet.stop()


class PlainFleet(FleetUnderTest):
    """Plain Celery workers with default settings, each started again when it ends, as a unit would."""

    def __init__(self, plan: Plan, urls: tuple[str, str], environment: Mapping[str, str], log: Path) -> None:
        self._plan = plan
        self._settings = plain_settings(plan, urls)
        self._environment = {**environment, plain.SETTINGS: json.dumps(self._settings)}
        self._log = log
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ready: dict[str, int] = {}
        self._ended = threading.Event()
        self._keeping = threading.Thread()

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of its workers, which its producers share."""
        return self._environment

    def start(self) -> None:
        """Start the workers and wait until all answer."""
        self._ended.clear()
        for worker in self._plan.workers:
            self._run(worker.name)
        app = Celery("ping", set_as_current=False)
        app.conf.update({**self._settings, "broker_pool_limit": None})  # else the connection of the fleet before
        count = len(self._plan.workers)
        until(lambda: len(app.control.ping(timeout=0.5, limit=count) or []) >= count, START_SECONDS)
        app.close()
        self._keeping = threading.Thread(target=self._keep, daemon=True)
        self._keeping.start()

    def stop(self) -> None:
        """Warm shutdown of all, and SIGKILL after 20 seconds."""
        self._ended.set()
        if self._keeping.is_alive():
            self._keeping.join()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def worker(self, name: str) -> psutil.Process | None:
        """Give the process of a worker, if it runs."""
        process = self._processes[name]
        return psutil.Process(process.pid) if process.poll() is None else None

    def times_ready(self, name: str) -> int:
        """Count how often a worker was started: plain Celery tells nobody when it is ready."""
        return self._ready.get(name, 0)

    @property
    def supervisor(self) -> psutil.Process | None:
        """There is none."""
        return None

    def kill_supervisor(self) -> None:
        """There is none to kill."""

    def _keep(self) -> None:
        while not self._ended.wait(_AGAIN_SECONDS):
            for name, process in list(self._processes.items()):
                if process.poll() is not None and not self._ended.is_set():
                    self._run(name)

    def _run(self, name: str) -> None:
        worker = next(worker for worker in self._plan.workers if worker.name == name)
        profile = self._plan.model.profiles[worker.profile]
        command = [
            sys.executable,
            "-m",
            "celery",
            "--quiet",
            "-A",
            "allotment.testing.faults.workload.plain:app",
            "worker",
        ]
        command += ["-n", name, "-Q", ",".join(profile.queues), "-c", str(worker.concurrency or 2)]
        command += ["-P", str(profile.pool), "-I", f"allotment.testing.faults.workload.{worker.profile}"]
        command += ["--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
        with self._log.open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._ready[name] = self._ready.get(name, 0) + 1


def plain_settings(plan: Plan, urls: tuple[str, str]) -> dict[str, Any]:
    """Give the settings of the plain app: the addresses, and the queue of each task; all else is Celery's default."""
    routes: Sequence[tuple[str, dict[str, str]]] = [
        (task.name, {"queue": task.queue}) for task in plan.tasks.values() if task.queue
    ]
    return {
        "broker_url": urls[0],
        "result_backend": urls[1],
        "task_default_queue": plan.model.default_queue,
        "task_routes": dict(routes),
        "broker_connection_retry_on_startup": True,
    }
