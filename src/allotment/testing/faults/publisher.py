"""The publisher: a process that sends tasks as it is told, and writes down which ones the broker confirmed.

`python -m allotment.testing.faults.publisher FLEET_FILE JOURNAL`. Orders are lines of JSON on standard input; for each
there is one line on standard output once it has been carried out, or stopped, and its journal is on the disk.
"""

import contextlib
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery

from allotment.testing.faults.journal import Confirmed, JournalWriter, Refused

PLAIN = "plain"
"""In place of a fleet file: send as plain Celery."""

_FLUSH = 0.05
"""Seconds between writes of the journal."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to send: each of `tasks` in turn, `count` messages in all, by `threads` at once.

    `rate` is messages a second, None: as fast as it goes. `count` None: until the order is stopped.
    """

    number: int
    tasks: tuple[str, ...]
    args: tuple[Any, ...] = ()
    count: int | None = 1
    rate: float | None = None
    threads: int = 1
    options: Mapping[str, Any] | None = None


class _Sender:
    """Carries orders out, each in threads of its own."""

    def __init__(self, app: Celery, journal: JournalWriter) -> None:
        self._app = app
        self._journal = journal
        self._stopped: dict[int, threading.Event] = {}
        self._saying = threading.Lock()

    def start(self, order: Order) -> None:
        """Begin to carry an order out."""
        self._stopped[order.number] = threading.Event()
        threading.Thread(target=self._carry_out, args=(order,), daemon=True).start()

    def stop(self, number: int) -> None:
        """End an order before its time."""
        self._stopped[number].set()

    def say(self, values: Mapping[str, object]) -> None:
        """Write a line to standard output."""
        with self._saying:
            sys.stdout.write(json.dumps(values) + "\n")
            sys.stdout.flush()

    def _carry_out(self, order: Order) -> None:
        turns = self._turns(order)
        taking = threading.Lock()

        def work() -> None:
            while True:
                with taking:
                    turn = next(turns, None)
                if turn is None:
                    return
                self._send(order, order.tasks[turn % len(order.tasks)])

        threads = [threading.Thread(target=work, daemon=True) for _ in range(order.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._journal.flush()
        self.say({"done": order.number})

    def _turns(self, order: Order) -> Iterator[int]:
        stopped, began, turn = self._stopped[order.number], time.monotonic(), 0
        while order.count is None or turn < order.count:
            wait = began + turn / order.rate - time.monotonic() if order.rate else 0.0
            if stopped.wait(max(0.0, wait)) if wait > 0 else stopped.is_set():
                return
            yield turn
            turn += 1

    def _send(self, order: Order, task: str) -> None:
        options = dict(order.options or {})
        identity = options.pop("task_id", None) or str(uuid.uuid4())
        args = order.args
        if args and isinstance(args[0], str) and args[0].startswith("bytes:"):
            args = ("x" * int(args[0].partition(":")[2]), *args[1:])
        began = time.monotonic()
        try:
            self._app.send_task(task, args=args, task_id=identity, **options)
        except Exception as error:  # noqa: BLE001 - whatever it was told, the publisher writes down
            seconds = time.monotonic() - began
            self._journal.refused(Refused(identity, task, type(error).__name__, str(error), seconds))
        else:
            self._journal.confirmed(Confirmed(identity, task, time.monotonic() - began))


def _app_of(fleet_file: str) -> Celery:
    """Give an app that sends as the fleet file says, or as plain Celery; without connections to the results."""
    if fleet_file == PLAIN:
        from allotment.testing.faults.workload import app as workload  # noqa: PLC0415 - one of two
        from allotment.testing.faults.workload import plain  # noqa: F401, PLC0415 - makes that app plain

        workload.app.backend.on_task_call = lambda *_, **__: None
        return workload.app
    from allotment.engine.client import client_app  # noqa: PLC0415 - one of two
    from allotment.local.inventory import read_inventory  # noqa: PLC0415 - as above
    from allotment.source.fleet_file import read_fleet_file  # noqa: PLC0415 - as above

    file = read_fleet_file(Path(fleet_file))
    app = client_app(file, read_inventory(file.model.app or "", file.path.parent))
    app.backend.on_task_call = lambda *_, **__: None  # this process reads no results
    return app


def main() -> int:
    """Carry out orders until standard input ends."""
    fleet_file, journal_path = sys.argv[1:]
    app = _app_of(fleet_file)
    ended = threading.Event()
    with JournalWriter(Path(journal_path)) as journal:

        def write() -> None:
            while not ended.wait(_FLUSH):
                journal.flush()

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        sender = _Sender(app, journal)
        sender.say({"ready": os.getpid()})
        for line in sys.stdin:
            values = json.loads(line)
            if "stop" in values:
                sender.stop(values["stop"])
                continue
            with contextlib.suppress(TypeError):
                sender.start(Order(**values))
        ended.set()
        writer.join()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
