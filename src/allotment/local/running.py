"""A fleet that runs for as long as a program needs it: `allot up` in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from allotment.errors import AllotmentError, ProofFailed

START_TIMEOUT = 60.0
STOP_TIMEOUT = 60.0


class FleetNotStarted(AllotmentError):
    """The fleet did not become ready."""

    code = "fleet-not-started"


class RunningFleet:
    """Starts the fleet of a file and waits until every worker consumes; stops it at the end.

    As a context manager. `environment` adds to the process's own; `options` are further options of `allot up`;
    `module` is what Python runs as `allot`.
    Raises FleetNotStarted, with what the workers said last.
    """

    def __init__(
        self,
        fleet_file: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        module: str = "allotment",
    ) -> None:
        self._arguments = [
            sys.executable,
            "-m",
            module,
            "up",
            "--fleet",
            str(fleet_file),
            "--format",
            "json",
            *options,
        ]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread()
        self._ready = threading.Event()
        self._ended = threading.Event()
        self.events: list[dict[str, Any]] = []
        """Everything `allot up` has said so far, oldest first."""

    @property
    def pid(self) -> int:
        """The supervisor's process number."""
        return self._started.pid

    @property
    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the fleet has not been started")
        return self._process

    def start(self) -> Self:
        """Start it and wait until it is ready."""
        self._process = subprocess.Popen(
            self._arguments,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + START_TIMEOUT
        while not self._ready.wait(0.05):
            if self._ended.is_set() or self._failed() or time.monotonic() > deadline:
                raise self._not_started()
        return self

    def stop(self) -> int:
        """Drain it and wait for its end; give its exit code."""
        process = self._started
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
        self._reader.join(STOP_TIMEOUT)
        return process.wait()

    def _read(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None:
            return
        for line in process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "text", "text": line.rstrip()}
            self.events.append(event)
            if event.get("event") == "fleet-ready":
                self._ready.set()
        process.stdout.close()
        self._ended.set()

    def _failed(self) -> bool:
        return any(event.get("event") == "given-up" for event in list(self.events))

    def _not_started(self) -> AllotmentError:
        code = self.stop()
        text = "".join(event.get("text", "") + "\n" for event in self.events if event["event"] == "text")
        said = self._last_lines("given-up") or self._last_lines("again")
        last = next((line for line in said if line.startswith("error: ")), None)
        last = last or next((line for line in reversed(said) if line.strip()), None) or _error_in(text)
        last = last or text.strip()
        kind = ProofFailed if code == ProofFailed.exit_code and "proved" in last else FleetNotStarted
        return kind(
            f"the fleet did not start: {last or f'`allot up` ended with code {code}'}", hint="`allot up` shows more"
        )

    def _last_lines(self, kind: str) -> list[str]:
        """Give what workers said last before they were given up, or are started again."""
        return [line for event in self.events if event["event"] == kind for line in event["last_lines"]]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def _error_in(text: str) -> str | None:
    """Give the first message of a JSON document of errors, which `allot up` prints before it has started anything."""
    try:
        return str(json.loads(text)["errors"][0]["message"])
    except (ValueError, KeyError, IndexError):
        return None
