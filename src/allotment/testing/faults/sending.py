"""The harness's side of the publisher's process."""

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from allotment.errors import AllotmentError

START_SECONDS = 60.0


class PublisherNotStarted(AllotmentError):
    """The publisher's process did not become ready."""

    code = "publisher-not-started"


class Sending:
    """One order that the publisher carries out."""

    def __init__(self, publisher: "Publisher", number: int) -> None:
        self._publisher = publisher
        self._number = number
        self.done = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Wait until it has been carried out, or for so many seconds; say whether it has."""
        return self.done.wait(seconds)

    def stop(self) -> None:
        """End it early; what is being published still is."""
        self._publisher.tell({"stop": self._number})


class Publisher:
    """Sends tasks from a process of its own. `fleet_file` is a path, or `plain` for plain Celery."""

    def __init__(self, fleet_file: str, journal: Path, environment: Mapping[str, str], log: Path) -> None:
        command = [sys.executable, "-m", "allotment.testing.faults.publisher", fleet_file, str(journal)]
        self._numbers = itertools.count(1)
        self._sendings: dict[int, Sending] = {}
        self._ready = threading.Event()
        self._log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until_ready(self) -> None:
        """Wait until it can send. Raises PublisherNotStarted."""
        if not self._ready.wait(START_SECONDS) or self.process.poll() is not None:
            lines = self._log.read_text(errors="replace").strip().splitlines()
            self.close()
            raise PublisherNotStarted(f"the publisher did not start: {lines[-1] if lines else 'it said nothing'}")

    def send(
        self,
        *tasks: str,
        args: Sequence[Any] = (),
        count: int | None = 1,
        rate: float | None = None,
        threads: int = 1,
        **options: Any,
    ) -> Sending:
        """Begin to send each of `tasks` in turn, `count` messages in all, `rate` a second; `options` are Celery's."""
        number = next(self._numbers)
        sending = self._sendings[number] = Sending(self, number)
        self.tell(
            {
                "number": number, "tasks": tasks, "args": list(args), "count": count,
                "rate": rate, "threads": threads, "options": options,
            }
        )  # fmt: skip
        return sending

    def tell(self, values: Mapping[str, object]) -> None:
        """Write an order. One that has died is told nothing."""
        if self.process.stdin is None or self.process.poll() is not None:
            return
        try:
            self.process.stdin.write(json.dumps(values) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(START_SECONDS)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue

    def _read(self) -> None:
        if self.process.stdout is None:
            return
        for line in self.process.stdout:
            try:
                values = json.loads(line)
            except ValueError:
                continue
            if "ready" in values:
                self._ready.set()
            elif "done" in values:
                self._sendings[values["done"]].done.set()
        self._ready.set()
        for sending in self._sendings.values():
            sending.done.set()
