"""An app that follows a fleet's plan."""

import os
import threading
from typing import Any

from celery import Celery
from celery.signals import task_prerun

from allotment.engine.addresses import broker_url, results_url
from allotment.engine.amqp import FleetAMQP
from allotment.engine.app import known_tasks
from allotment.engine.contracts.foreign import contract_queue
from allotment.engine.declare import lane_queues, published
from allotment.engine.delays import keep_quiet_of_delays
from allotment.engine.marks import mark_results, note_start
from allotment.engine.publishing.sending import send_within_deadlines
from allotment.engine.redis_transport.limits import DEAD_LETTERS_OPTION
from allotment.engine.router import Compiled
from allotment.errors import SettingsOverridden, TaskUnknown
from allotment.local.embedded import EmbeddedBroker
from allotment.local.state import StateFolder
from allotment.model.names import did_you_mean
from allotment.model.node import ZONE_VARIABLE
from allotment.model.patterns import is_pattern
from allotment.model.queue import DeadLetters
from allotment.model.task import BUILT_IN_PREFIX, KnownTask
from allotment.plan.celeryconfig import other_settings, usual_transport_options
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import FleetFile

GUARD = "allotment.engine.guard.consumer:GuardedConsumer"


class Installation:
    """What binds an app to a fleet: the plan for the app's tasks, and the queues it makes.

    The plan is made when it is first needed, for the tasks registered by then, and made again when a task turns up that
    was registered later. With `known`, the tasks are those and no others. `zone` is where the app's process stands,
    from which tasks that stay in a zone are sent; None: nowhere known.
    """

    def __init__(
        self, file: FleetFile, app: Celery, known: tuple[KnownTask, ...] | None = None, zone: str | None = None
    ) -> None:
        self.file = file
        self.app = app
        self.zone = zone
        self.embedded = EmbeddedBroker(StateFolder.of(file.path))
        self._known = known
        self._compiled: Compiled | None = None
        self._compiling = threading.RLock()

    @property
    def follows(self) -> str:
        """The file whose plan is followed."""
        return str(self.file.path)

    @property
    def compiled(self) -> Compiled:
        """The plan for the tasks known by now, with its queues."""
        return self._compiled or self._compile()

    @property
    def plan(self) -> Plan:
        """The plan for the tasks known by now."""
        return self.compiled.plan

    def compiled_for(self, task: str) -> Compiled:
        """Give the plan, made anew if the task was registered since. Raises TaskUnknown for one the fleet has not."""
        compiled = self.compiled
        plan = compiled.plan
        if task in plan.tasks or task.startswith(BUILT_IN_PREFIX):
            return compiled
        if self._known is None:
            if task in self.app.tasks:
                return self._compile()
            if plan.names(task):
                return compiled
        raise TaskUnknown(
            f"there is no task {task!r} in the fleet",
            task=task,
            queue=None,
            hint=did_you_mean(
                task, plan.tasks, otherwise="import its module before it is sent, or list it under `tasks:`"
            ),
        )

    def before_connecting(self) -> None:
        """See that the app is led where the file says, and start the embedded broker if it does not run.

        Raises SettingsOverridden, BrokerUnreachable.
        """
        for name, wanted in self.addresses.items():
            # the environment counts only where Celery's own properties are asked (celery/app/utils.py, `Settings`)
            if wanted is not None and getattr(self.app.conf, name) != wanted:
                raise SettingsOverridden(
                    f"the environment sets {name} of the app to another address than {self.file.path} does",
                    hint=f"unset CELERY_{name.upper()}, or name the address in the fleet file",
                )
        model = self.file.model
        if any(address is not None and address.embedded for address in (model.broker, model.results)):
            self.embedded.hold()

    @property
    def addresses(self) -> dict[str, str | None]:
        """The addresses the file sets, by the names of Celery's settings; None: the app's own holds."""
        model = self.file.model
        broker = broker_url(model.broker, self.embedded)
        results = results_url(model.results, model.broker, self.embedded)
        return {"broker_read_url": broker, "broker_write_url": broker, "result_backend": results}

    def _compile(self) -> Compiled:
        """Make the plan; threads that publish meanwhile go on with the one there is."""
        with self._compiling:
            known = self._known
            if known is None:
                listed = tuple(
                    KnownTask(entry.key, app_queue=contract_queue(entry.key))
                    for entry in self.file.model.entries
                    if not is_pattern(entry.key)
                )
                known = (*listed, *known_tasks(self.app))
            plan = compile_plan(self.file.model, known, complete=self._known is not None)
            queues = lane_queues(plan)
            self._compiled = Compiled(plan, queues, published(queues))
            for cached in ("queues", "default_queue", "send_task_message"):
                self.app.amqp.__dict__.pop(cached, None)
            return self._compiled

    def apply_settings(self, **_: Any) -> None:
        """Put into the app's settings what the fleet decides; the rest stays the app's."""
        conf = self.app.conf
        addresses = {name: address for name, address in self.addresses.items() if address is not None}
        conf.update(addresses)
        broker = addresses.get("broker_write_url")
        if broker is not None:
            conf.update(broker_url=broker)
        sends_to = broker or conf.broker_url or ""
        amqp = sends_to.startswith(("amqp", "pyamqp"))
        settings = dict(other_settings(self.file.model, speaks_redis=not amqp))
        transport = {
            **usual_transport_options(self.file.model, speaks_redis=not amqp),
            **(conf.broker_transport_options or {}),
            **(settings.pop("broker_transport_options", None) or {}),
        }
        if amqp:
            # a publish that a full queue rejects is only seen under confirms (RabbitMQ docs, "Consumer Acknowledgements
            # and Publisher Confirms"; `confirm_publish` of kombu's pyamqp transport)
            transport = {"confirm_publish": True, **transport}
        elif self.file.model.dead_letters != DeadLetters():
            transport = {DEAD_LETTERS_OPTION: self.file.model.dead_letters.max_length, **transport}
        if amqp and conf.control_queue_exclusive and not conf.control_queue_durable:
            # an exclusive queue is locked for as long as RabbitMQ takes a lost connection for alive, and a worker that
            # is started again does not come up until then; one that is neither is refused by RabbitMQ 4.3
            conf.update(control_queue_exclusive=False, control_queue_durable=True)
        conf.update(
            settings,
            broker_transport_options=transport,
            task_create_missing_queues=False,
            worker_consumer=GUARD,
            worker_detect_quorum_queues=True,
            broker_connection_retry_on_startup=True,
        )


def _forget_connections(app: Celery) -> None:
    """Make an app that has already connected connect anew, to where the fleet is."""
    app._backend_cache = None  # noqa: SLF001 - Celery has no public way to forget
    app._local.__dict__.pop("backend", None)  # noqa: SLF001 - as above
    app._pool = None  # noqa: SLF001 - as above


def install(
    file: FleetFile, app: Celery, known: tuple[KnownTask, ...] | None = None, zone: str | None = None
) -> Installation:
    """Make an app follow the fleet. A second time on the same app replaces the first.

    `zone` is where the process stands; left out, the environment's ALLOTMENT_ZONE.
    """
    return bind(Installation(file, app, known, zone or os.environ.get(ZONE_VARIABLE) or None))


def bind(installation: Installation) -> Installation:
    """Make the app of an installation follow it."""
    app = installation.app
    app.allotment = installation
    app.amqp_cls = FleetAMQP
    app.__dict__.pop("amqp", None)
    app.on_after_configure.disconnect(dispatch_uid="allotment")
    app.on_after_configure.connect(installation.apply_settings, weak=False, dispatch_uid="allotment")
    if app.configured:
        installation.apply_settings()
    keep_quiet_of_delays()
    mark_results(app)
    send_within_deadlines(app)
    _forget_connections(app)
    task_prerun.connect(note_start, dispatch_uid="allotment")
    return installation
