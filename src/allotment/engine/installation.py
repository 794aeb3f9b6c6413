"""An app that follows a fleet's plan."""

import threading
from typing import Any

from celery import Celery
from celery.signals import task_prerun

from allotment.engine.addresses import broker_url, results_url
from allotment.engine.amqp import FleetAMQP
from allotment.engine.app import known_tasks
from allotment.engine.marks import mark_results, note_start
from allotment.engine.queues import kombu_queues
from allotment.engine.router import Compiled
from allotment.errors import TaskUnknown
from allotment.local.embedded import EmbeddedBroker
from allotment.local.state import StateFolder
from allotment.model.names import did_you_mean
from allotment.model.patterns import is_pattern
from allotment.model.task import BUILT_IN_PREFIX, KnownTask
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import FleetFile

GUARD = "allotment.engine.guard:GuardedConsumer"


class Installation:
    """What binds an app to a fleet: the plan for the app's tasks, and the queues it makes.

    The plan is made when it is first needed, for the tasks registered by then, and made again when a task turns up that
    was registered later. With `known`, the tasks are those and no others.
    """

    def __init__(self, file: FleetFile, app: Celery, known: tuple[KnownTask, ...] | None = None) -> None:
        self.file = file
        self.app = app
        self.embedded = EmbeddedBroker(StateFolder.of(file.path))
        self._known = known
        self._compiled: Compiled | None = None
        self._compiling = threading.RLock()

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

    def hold_embedded(self) -> None:
        """Start the embedded broker if the fleet has one and it does not run."""
        model = self.file.model
        if any(address is not None and address.embedded for address in (model.broker, model.results)):
            self.embedded.hold()

    def _compile(self) -> Compiled:
        """Make the plan; threads that publish meanwhile go on with the one there is."""
        with self._compiling:
            known = self._known
            if known is None:
                listed = tuple(KnownTask(entry.key) for entry in self.file.model.entries if not is_pattern(entry.key))
                known = (*listed, *known_tasks(self.app))
            plan = compile_plan(self.file.model, known)
            self._compiled = Compiled(plan, kombu_queues(plan))
            for cached in ("queues", "default_queue", "send_task_message"):
                self.app.amqp.__dict__.pop(cached, None)
            return self._compiled

    def apply_settings(self, **_: Any) -> None:
        """Put into the app's settings what the fleet decides; the rest stays the app's."""
        conf, model = self.app.conf, self.file.model
        broker = broker_url(model.broker, self.embedded)
        if broker is not None:
            conf.update(broker_url=broker, broker_read_url=broker, broker_write_url=broker)
        results = results_url(model.results, model.broker, self.embedded)
        if results is not None:
            conf.update(result_backend=results)
        conf.update(
            task_create_missing_queues=False,
            worker_consumer=GUARD,
            broker_connection_retry_on_startup=True,
        )
        if (broker or conf.broker_url or "").startswith(("amqp", "pyamqp")):
            # a publish that a full queue rejects is only seen under confirms (RabbitMQ docs, "Consumer Acknowledgements
            # and Publisher Confirms"; `confirm_publish` of kombu's pyamqp transport)
            conf.update(broker_transport_options={"confirm_publish": True, **(conf.broker_transport_options or {})})


def install(file: FleetFile, app: Celery, known: tuple[KnownTask, ...] | None = None) -> Installation:
    """Make an app follow the fleet. A second time on the same app replaces the first."""
    installation = Installation(file, app, known)
    app.allotment = installation
    app.amqp_cls = FleetAMQP
    app.__dict__.pop("amqp", None)
    app.on_after_configure.disconnect(dispatch_uid="allotment")
    app.on_after_configure.connect(installation.apply_settings, weak=False, dispatch_uid="allotment")
    if app.configured:
        installation.apply_settings()
    mark_results(app)
    task_prerun.connect(note_start, dispatch_uid="allotment")
    return installation
