"""The stage: one fleet on one broker with a publisher, and the books that are kept of what is sent and what runs."""

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psutil

from allotment.local.inventory import read_inventory
from allotment.model.names import DEAD_QUEUE
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import read_fleet_file
from allotment.testing.faults import processes
from allotment.testing.faults.brokers import FaultBroker
from allotment.testing.faults.case import Skipped
from allotment.testing.faults.journal import Journal, JournalWriter
from allotment.testing.faults.ledger import VARIABLE as LEDGER
from allotment.testing.faults.ledger import Ledger
from allotment.testing.faults.publisher import PLAIN
from allotment.testing.faults.running import FleetUnderTest, PlainFleet, SupervisedFleet
from allotment.testing.faults.sending import Publisher
from allotment.testing.faults.users_fleet import UsersFleet
from allotment.testing.faults.workload import weakened
from allotment.testing.faults.workload.app import CRASH
from allotment.testing.faults.workload.fleet import POISON_LIMIT, WorkloadFile

_NO_LIMIT = 1000
_KEPT_AWAY = ("ALLOTMENT_STATE", "ALLOTMENT_FLEET", "ALLOTMENT_SNAPSHOT", "ALLOTMENT_HEARTBEAT", "BROKER_URL")


class Stage:
    """The stage, as a context manager. `folder` is empty; `without` are safeguards to take away; `plain`: Celery alone.

    `grace` is what workers get to finish, in seconds; `fleet` somebody's own fleet in place of the workload.
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
        self.users_fleet = fleet
        self.fleet_file = folder / "fleet.yaml"
        self.crash_file = folder / "crash"
        limit = _NO_LIMIT if "delivery-limit" in self.without else POISON_LIMIT
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
        self.pushed: JournalWriter
        """What is confirmed to the harness itself, and not to the publisher."""
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._set()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _set(self) -> None:
        """Write the fleet file, and start all that runs."""
        self.broker.settle(self.fleet_file)
        if self.users_fleet is not None:
            self.users_fleet.write(self.fleet_file)
        else:
            self.fleet_file.write_text(self.workload.text())
        file = read_fleet_file(self.fleet_file)
        self.plan = compile_plan(file.model, read_inventory(file.model.app or "", self.folder).tasks)
        self.broker.delete([*self.queues, DEAD_QUEUE])
        environment, what = self.environment, str(self.fleet_file)
        if self.plain:
            self.fleet = fleet = PlainFleet(
                self.plan, self.broker.addresses, self.environment, self.folder / "plain.log"
            )
            environment, what = dict(fleet.environment), PLAIN
        else:
            self.fleet = self.supervised()
        self.pushed = self._open.enter_context(JournalWriter(self.journal.path))
        self.publisher = Publisher(what, self.journal.path, environment, self.folder / "publisher.log")
        self._open.callback(self.fleet.stop)
        self._open.callback(self.publisher.close)
        self.fleet.start()
        self.publisher.until_ready()

    def supervised(self) -> SupervisedFleet:
        """Make a fleet under `allot up` of this stage's file, not started."""
        log = self.folder / "fleet.jsonl"
        return SupervisedFleet(self.fleet_file, self.environment, log, module=self.allot, grace=self.grace)

    @property
    def allot(self) -> str:
        """What Python runs as `allot`."""
        return "allotment.testing.faults.workload.weakened" if "lock" in self.without else "allotment"

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
        """List every process of the stage that runs: the fleet's, its broker's if it starts one, the publisher's."""
        return processes.marked(self.mark, self.folder)
