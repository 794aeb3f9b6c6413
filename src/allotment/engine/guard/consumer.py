"""Celery's consumer, with the guard: every message that the worker cannot run is forwarded or set aside.

Celery's own drops it: it rejects tasks that it does not know, acknowledges what it cannot decode, and ends where it
trips over a field (`celery/worker/consumer/consumer.py`, 5.7). Here the broker has a copy before the original is
acknowledged; while it takes none, the original stays.
"""

from collections.abc import Callable
from typing import Any

from celery import signals
from celery.exceptions import NotRegistered
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer
from kombu.exceptions import ContentDisallowed

from allotment.engine.deliveries import BROKERS_COUNT, OWN_COUNT
from allotment.engine.guard.arrival import read_date
from allotment.engine.guard.blueprint import FleetBlueprint
from allotment.engine.guard.deliveries import came_too_often
from allotment.engine.guard.forwarding import MOST_FORWARDS, forward, forwards_of, wanted_task
from allotment.engine.guard.nesting import MOST_LEVELS, is_deep
from allotment.engine.guard.properties import keep_what_cannot_be_read
from allotment.engine.guard.refused import or_later
from allotment.engine.guard.shape import TRIPPED, Fault, fault_of, fields_of, task_named, unreadable_time
from allotment.engine.quarantine import Reason, keep_aside
from allotment.engine.signatures import MAPS
from allotment.engine.telling import identity_of
from allotment.errors import MessageUnusable, PublishRefused

logger = get_logger(__name__)

Strategy = Callable[..., Any]


class GuardedConsumer(Consumer):
    """Celery's consumer, with the guard. Named by the setting `worker_consumer`."""

    Blueprint = FleetBlueprint

    def __init__(self, *arguments: Any, **options: Any) -> None:
        keep_what_cannot_be_read()
        super().__init__(*arguments, **options)

    def create_task_handler(self, *options: Any) -> Callable[[Any], None]:
        """Look at each message before Celery's own handler has it, and let none end the worker."""
        receive = super().create_task_handler(*options)

        def on_task_received(message: Any) -> None:
            try:
                fault = self._fault_of(message)
                if fault is None:
                    if not self._came_back(message) or not came_too_often(self, message):
                        receive(message)
                    return
            except ContentDisallowed as error:
                fault = Fault(Reason.CONTENT_REFUSED, str(error))
            except TRIPPED as error:
                if message.acknowledged:
                    logger.exception("a message that was run, or passed on, led to an error")
                    return
                fault = Fault(Reason.UNDECODABLE, f"the worker cannot make a task of it: {error!r}")
            self._refuse(message, fault)

        return on_task_received

    def _fault_of(self, message: Any) -> Fault | None:
        """Say why a message for a task of this worker is not run. Raises what decoding raises."""
        headers = message.headers
        payload = None
        if "task" not in headers:
            payload = message.decode()
        name = task_named(headers, payload)
        if name is not None and name not in self.strategies:
            return None  # whoever has the task will look at it
        payload = message.payload
        found = fault_of(headers, payload)
        if found is not None:
            return found
        if is_deep(message, payload):
            return Fault(Reason.UNDECODABLE, f"it is nested more than {MOST_LEVELS} levels deep")
        fields = fields_of(headers, payload)
        if fields.get("eta") is None and fields.get("expires") is None:
            return None
        return unreadable_time(fields, self._read_date)

    def _read_date(self, value: Any) -> Any:
        return read_date(value, self.app.conf.timezone)

    @staticmethod
    def _came_back(message: Any) -> bool:
        """Say whether a message was delivered before; for nearly all it was not, and nothing more is looked at."""
        headers = message.headers
        return BROKERS_COUNT in headers or OWN_COUNT in headers or bool(message.delivery_info.get("redelivered"))

    def update_strategies(self) -> None:
        """Look inside `celery.map` and its like: every worker has them, but not the task that they call."""
        super().update_strategies()
        for name in MAPS & self.strategies.keys():
            self.strategies[name] = self._looking_inside(self.strategies[name])

    def _looking_inside(self, strategy: Strategy) -> Strategy:
        def handle(message: Any, body: Any, *rest: Any, **options: Any) -> Any:
            inner = wanted_task(message)
            if inner in self.app.tasks:
                return strategy(message, body, *rest, **options)
            return self.on_unknown_task(body, message, KeyError(inner))

        return handle

    def on_unknown_task(self, body: Any, message: Any, exc: BaseException) -> None:  # noqa: ARG002 - Celery's
        """Forward or set aside a task this worker has not registered."""
        name = wanted_task(message)
        or_later(self, message, lambda: self._pass_on(message, name, exc))

    def _pass_on(self, message: Any, name: str, exc: BaseException) -> None:
        forwards = forwards_of(message)
        if forwards >= MOST_FORWARDS:
            detail = f"{name!r} was forwarded {forwards} times and still met a worker without it"
            self._keep_unknown(message, name, exc, Reason.FORWARDED_TOO_OFTEN, detail)
            return
        try:
            forward(self, message, name)
        except PublishRefused as error:
            self._keep_unknown(message, name, exc, Reason.UNKNOWN_TASK, str(error))

    def _keep_unknown(self, message: Any, name: str, exc: BaseException, reason: Reason, detail: str) -> None:
        """Set the message aside, and give the signal that Celery gives for it."""
        keep_aside(self, message, reason, detail, NotRegistered(name))
        identity = identity_of(message)
        if identity is not None:
            signals.task_unknown.send(sender=self, message=message, exc=exc, name=name, id=identity)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Set aside what kombu could not expand when it arrived, which Celery acknowledges and drops."""
        self._refuse(message, Fault(Reason.UNDECODABLE, f"its body cannot be expanded: {exc!r}"))

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002 - Celery's
        """Set aside what names no task, which Celery rejects."""
        self._refuse(message, Fault(Reason.UNKNOWN_PROTOCOL, "it names no task"))

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's
        """Set aside what a strategy does not take, which Celery rejects."""
        refused = isinstance(exc, ContentDisallowed)
        self._refuse(message, Fault(Reason.CONTENT_REFUSED if refused else Reason.UNDECODABLE, str(exc)))

    def _refuse(self, message: Any, fault: Fault) -> None:
        """Set aside what is not a task's message, and give the signal that Celery gives for it."""
        error = MessageUnusable(f"the message was set aside: {fault.detail}")

        def keep() -> None:
            keep_aside(self, message, fault.reason, fault.detail, error)
            signals.task_rejected.send(sender=self, message=message, exc=error)

        or_later(self, message, keep)
