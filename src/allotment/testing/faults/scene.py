"""A scene: one fleet on one broker, with a publisher, a journal and a ledger, in which cases bring faults about."""

import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from allotment.local.inventory import read_inventory
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.faults import processes
from allotment.testing.faults.brokers import FaultBroker
from allotment.testing.faults.case import Skipped
from allotment.testing.faults.journal import Journal, JournalWriter, Refused
from allotment.testing.faults.ledger import VARIABLE as LEDGER
from allotment.testing.faults.ledger import Ledger
from allotment.testing.faults.messages import TaskMessage, task_message
from allotment.testing.faults.oracle import Run
from allotment.testing.faults.outcome import Check
from allotment.testing.faults.publisher import PLAIN
from allotment.testing.faults.running import FleetUnderTest, PlainFleet, SupervisedFleet
from allotment.testing.faults.sending import Publisher, Sending
from allotment.testing.faults.users_fleet import UsersFleet
from allotment.testing.faults.workload import weakened
from allotment.testing.faults.workload.app import CRASH
from allotment.testing.faults.workload.fleet import POISON_LIMIT, WorkloadFile

STEPS = ("left.step", "right.step", "waiting.step")
LEFT, RIGHT, WAITING = "left-1@here", "right-1@here", "waiting-1@here"
PATIENCE = 60.0
"""Seconds for anything that has to come."""
_NO_LIMIT = 1000
_KEPT_AWAY = ("ALLOTMENT_STATE", "ALLOTMENT_FLEET", "ALLOTMENT_SNAPSHOT", "ALLOTMENT_HEARTBEAT", "BROKER_URL")


class Scene:
    """The scene, as a context manager. `folder` is empty; `without` are safeguards to take away; `plain`: Celery alone.

    `grace` is what workers get to finish, in seconds; `fleet` somebody's own fleet in place of the workload.

    Cases call what brings a fault about and what waits for it, and say `landed` and `expect`.
    """

    def __init__(
        self,
        broker: FaultBroker,
        folder: Path,
        *,
        plain: bool = False,
        without: Sequence[str] = (),
        grace: float = 20.0,
        fleet: UsersFleet | None = None,
    ) -> None:
        self.broker = broker
        self.folder = folder
        self.plain = plain
        self.without = tuple(without)
        self.grace = grace
        self.fleet_file = folder / "fleet.yaml"
        self.crash_file = folder / "crash"
        limit = _NO_LIMIT if "delivery-limit" in self.without else POISON_LIMIT
        self._users = fleet
        self.workload = WorkloadFile(*broker.addresses, broker.queue_type, limit)
        self.mark = secrets.token_hex(8)
        self.environment = {
            **{key: value for key, value in os.environ.items() if key not in _KEPT_AWAY},
            processes.VARIABLE: self.mark,
            LEDGER: str(folder / "ledger.jsonl"),
            weakened.VARIABLE: ",".join(self.without),
            CRASH: str(self.crash_file),
        }
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.journal = Journal(folder / "journal.jsonl")
        self.fleet: FleetUnderTest
        self.publisher: Publisher
        self.plan: Plan
        self._direct: JournalWriter
        self.begin()

    def begin(self) -> None:
        """Begin a case: what comes from here on is about it alone."""
        self.journal.read()
        self.ledger.read()
        self.confirmed_before = frozenset(self.journal.confirmed)
        self.refused_before = len(self.journal.refused)
        self.runs_before = len(self.ledger.runs)
        self.checks: list[Check] = []
        self.landings: list[str] = []
        self.misses: list[str] = []
        self.fault_began: float | None = None

    def __enter__(self) -> Self:
        self.broker.settle(self.fleet_file)
        if self._users is not None:
            self._users.write(self.fleet_file)
        else:
            self.fleet_file.write_text(self.workload.text())
        file = read_fleet_file(self.fleet_file)
        self.plan = compile_plan(file.model, read_inventory(file.model.app or "", self.folder).tasks)
        self.broker.delete([*self.queues, "allotment.dead"])
        if self.plain:
            fleet = PlainFleet(self.plan, self.broker.addresses, self.environment, self.folder / "plain.log")
            environment, what = fleet.environment, PLAIN
            self.fleet = fleet
        else:
            self.fleet = self.supervised()
            environment, what = self.environment, str(self.fleet_file)
        self.publisher = Publisher(what, self.journal.path, environment, self.folder / "publisher.log")
        self._direct = JournalWriter(self.journal.path)
        try:
            self.fleet.start()
            self.publisher.until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.publisher.close()
        self.fleet.stop()
        self._direct.__exit__(None, None, None)

    def supervised(self) -> SupervisedFleet:
        """Make a fleet under `allot up` of this scene's file, not started."""
        module = "allotment.testing.faults.workload.weakened" if "lock" in self.without else "allotment"
        log = self.folder / "fleet.jsonl"
        return SupervisedFleet(self.fleet_file, self.environment, log, module=module, grace=self.grace)

    @property
    def under_allot(self) -> SupervisedFleet:
        """The fleet where `allot up` runs it. Raises Skipped for plain Celery, which has nothing of the kind."""
        if not isinstance(self.fleet, SupervisedFleet):
            raise Skipped("plain Celery has no supervisor")
        return self.fleet

    @property
    def queues(self) -> tuple[str, ...]:
        """Every broker queue of the fleet: the lanes, or the queues of the file for plain Celery."""
        return tuple(self.plan.queues) if self.plain else tuple(self.plan.lanes)

    def lane(self, task: str) -> str:
        """Give the broker queue that a task is sent to."""
        planned = self.plan.look_up(task)
        return str(planned.queue) if self.plain else self.plan.lane(task).name

    def processes(self) -> list[psutil.Process]:
        """List every process of the scene that runs: the fleet's, its broker's if it starts one, the publisher's."""
        return processes.marked(self.mark, self.folder)

    # What is sent

    def send(self, *tasks: str, **how: Any) -> Sending:
        """Begin to send tasks, as `Publisher.send` does."""
        return self.publisher.send(*(tasks or STEPS), **how)

    def sent(self, *tasks: str, **how: Any) -> tuple[str, ...]:
        """Send tasks, wait until the broker has said its word on each, and give the ids that it confirmed."""
        self.journal.read()
        before = set(self.journal.confirmed)
        self.ended(self.send(*tasks, **how))
        self.journal.read()
        return tuple(one for one in self.journal.confirmed if one not in before)

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
        self.broker.push(queue, message.body, message.headers, **properties)
        self.confirm(message.id, str(message.headers.get("task")))

    def confirm(self, task_id: str, task: str) -> None:
        """Note that the broker confirmed a message which the scene itself pushed."""
        self._direct.confirmed(task_id, task)
        self._direct.flush()

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What the publisher was told is not taken, in this case."""
        return tuple(self.journal.read().refused[self.refused_before :])

    # What is seen

    def runs_of(self, task_id: str) -> tuple[Run, ...]:
        """Give the runs of one message so far."""
        return self.ledger.read().runs_of(task_id)

    def until(self, what: Any, seconds: float = PATIENCE) -> bool:
        """Wait until something is so; say whether it came to be."""
        return processes.until(what, seconds)

    def until_finished(self, count: int) -> bool:
        """Wait until so many runs of this case came to their end."""
        return self.until(lambda: sum(run.finished for run in self.ledger.read().runs[self.runs_before :]) >= count)

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
