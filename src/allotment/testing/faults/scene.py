"""A scene: what cases do on a stage, what they see there, and what they say of it."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Self

import psutil

from allotment.testing.faults import processes
from allotment.testing.faults.journal import Confirmed, Refused
from allotment.testing.faults.messages import TaskMessage, task_message
from allotment.testing.faults.oracle import Run
from allotment.testing.faults.outcome import Check
from allotment.testing.faults.sending import Sending
from allotment.testing.faults.stage import Stage
from allotment.testing.faults.unfinished import Unfinished

STEPS = ("left.step", "right.step", "waiting.step")
LEFT, RIGHT, WAITING = "left-1@here", "right-1@here", "waiting-1@here"
PATIENCE = 60.0
"""Seconds for anything that has to come."""


class Scene(Stage):
    """The scene of one case after the other; a stage like any other otherwise.

    Cases call what brings a fault about and what waits for it, and say `landed` and `expect`.
    """

    def __enter__(self) -> Self:
        self.begin()
        return super().__enter__()

    def begin(self) -> None:
        """Begin a case: what comes from here on is about it alone."""
        self.confirmed_before = len(self.journal.read().confirmed)
        self.refused_before = len(self.journal.refused)
        self.runs_before = len(self.ledger.read().runs)
        self.completed_before = len(self.ledger.completed)
        self.checks: list[Check] = []
        self.landings: list[str] = []
        self.misses: list[str] = []
        self.excused: set[str] = set()
        self.fault_began: float | None = None

    # What is sent

    def send(self, *tasks: str, **how: Any) -> Sending:
        """Begin to send tasks, as `Publisher.send` does."""
        return self.publisher.send(*(tasks or STEPS), **how)

    def sent(self, *tasks: str, **how: Any) -> tuple[str, ...]:
        """Send tasks, wait until the broker has said its word on each, and give the ids that it confirmed."""
        before = len(self.journal.read().confirmed)
        self.ended(self.send(*tasks, **how))
        return tuple(one.id for one in self.journal.read().confirmed[before:])

    def ended(self, sending: Sending, seconds: float = PATIENCE) -> None:
        """Wait for the end of a sending; that it ends at all is something that must be seen."""
        if not sending.wait(seconds):
            self.expect("the publisher does not hang", f"it still does after {seconds:g} s", holds=False)
            sending.stop()

    def push_task(self, task: str, args: Sequence[Any] = (), *, queue: str | None = None, **headers: Any) -> str:
        """Send a task's message as a foreign producer does, to the task's lane or another queue; give its id."""
        message = task_message(task, args, **headers)
        self.push(message, queue or self.lane(task))
        return message.id

    def push(self, message: TaskMessage, queue: str, **properties: Any) -> None:
        """Send a message to a queue as a foreign producer does; it counts as confirmed."""
        properties = {"correlation_id": message.id, **properties}
        began = time.monotonic()
        self.broker.push(queue, message.body, message.headers, **properties)
        seconds = time.monotonic() - began
        self.pushed.confirmed(Confirmed(message.id, str(message.headers.get("task")), seconds))
        self.pushed.flush()

    # What is seen

    @property
    def confirmed(self) -> tuple[Confirmed, ...]:
        """What the broker confirmed in this case."""
        return tuple(self.journal.read().confirmed[self.confirmed_before :])

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What the publisher was told is not taken, in this case."""
        return tuple(self.journal.read().refused[self.refused_before :])

    @property
    def slowest(self) -> float:
        """The seconds of this case's message whose publisher was told last, whatever it was told."""
        told: tuple[Confirmed | Refused, ...] = (*self.confirmed, *self.refused)
        return max((one.seconds for one in told), default=0.0)

    @property
    def unfinished(self) -> Unfinished:
        """The confirmed messages of this case that have not come to an end."""
        return Unfinished(self.journal, self.ledger, self.confirmed_before)

    def runs_of(self, task_id: str) -> tuple[Run, ...]:
        """Give the runs of one message so far."""
        return self.ledger.read().runs_of(task_id)

    def running_in(self, worker: str) -> tuple[Run, ...]:
        """Give the runs that go on now in the processes of a worker."""
        return self.ledger.read().running(self.fleet.pids(worker))

    def runs_in(self, worker: str, task_id: str) -> bool:
        """Say whether a message's task runs now in a worker."""
        return any(run.id == task_id for run in self.running_in(worker))

    def until(self, what: Any, seconds: float = PATIENCE) -> bool:
        """Wait until something is so; say whether it came to be."""
        return processes.until(what, seconds)

    def until_completed(self, count: int) -> bool:
        """Wait until so many runs came to their end in this case."""
        return self.until(lambda: len(self.ledger.read().completed) - self.completed_before >= count)

    def until_done(self, ids: Iterable[str], seconds: float = PATIENCE) -> bool:
        """Wait until each of these messages has come to its end; say whether all did."""
        wanted = set(ids)
        return self.until(lambda: wanted <= self.ledger.read().finished, seconds)

    def until_running(self, task_id: str) -> Run | None:
        """Wait until a message's task runs, and give that run; None where it does not begin."""
        self.until(lambda: bool(self.runs_of(task_id)))
        runs = self.runs_of(task_id)
        return runs[-1] if runs else None

    # What a case says

    def fault(self) -> None:
        """The fault begins now: the time to recover counts from here."""
        self.fault_began = time.monotonic()

    def landed(self, text: str, *, seen: bool = True) -> None:
        """Say what there is to see of the fault itself, and whether it was; a case that says none of it missed."""
        (self.landings if seen else self.misses).append(text)

    def expect(self, what: str, seen: str, *, holds: bool) -> None:
        """Say what must be seen, what was, and whether it holds."""
        self.checks.append(Check(what, seen, holds))

    def may_be_set_aside(self, task_id: str) -> None:
        """Say that a message is not as it should be; any other that is set aside, or whose task fails, is lost."""
        self.excused.add(task_id)

    def killed(self, process: psutil.Process | None, name: str) -> bool:
        """SIGKILL a process now, and say that it landed once it is gone."""
        if process is None:
            self.landed(f"there is no {name} to kill", seen=False)
            return False
        self.fault()
        process.kill()
        gone = self.until(lambda: not processes.alive(process))
        self.landed(f"{name} (process {process.pid}) is gone", seen=gone)
        return gone

    def publishes_again(self, count: int) -> None:
        """Send until the broker has taken so many: nobody restarts a worker or a producer for it."""
        found: list[str] = []

        def enough() -> bool:
            found.extend(self.sent(count=3))
            return len(found) >= count

        back = self.until(enough)
        self.expect("publishing works again by itself", f"{len(found)} confirmed", holds=back)

    def again(self, worker: str, times: int, seconds: float = PATIENCE) -> None:
        """Wait until a worker has been ready more than so many times."""
        back = self.until(lambda: self.fleet.times_ready(worker) > times, seconds)
        self.expect(f"{worker} is started again", "it is" if back else f"not within {seconds:g} s", holds=back)

    def untouched(self, before: psutil.Process | None, worker: str) -> None:
        """See that a worker is still the process that it was."""
        after = self.fleet.worker(worker)
        same = before is not None and after == before
        changed = " then ".join(str(one.pid) if one else "none" for one in (before, after))
        self.expect(f"{worker} is untouched", "it is" if same else f"process {changed}", holds=same)
