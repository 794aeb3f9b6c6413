"""What the messages of one task have in common, taken from one that Celery made.

Celery merges a task's options, routes it, writes some twenty headers and asks its signals for each message, which costs
more than sending it. Here it does so once, for a call without arguments under an id that stands for others, and what
it hands to the channel is kept.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import kombu
from celery import Celery, signals
from celery.app.task import Task

_SIGNALS = (signals.before_task_publish, signals.after_task_publish, signals.task_sent)

_REPRESENTATIONS = ("argsrepr", "kwargsrepr")
"""Headers that tell of the arguments in events; without them these are shown as nothing."""


@dataclass(frozen=True, slots=True)
class Template:
    """A message for one lane of a task, as the channel got it.

    `message` is a transport's own; `identity` is the id in it that stands for others; `embedded` is the third part of
    the body, which names what follows the task.
    """

    message: Any
    exchange: str
    routing_key: str
    identity: str
    embedded: Any
    serializer: str
    declare: tuple[Any, ...]


_PROTOCOL = 2


def can_be_shared(app: Celery, task: Any, options: Mapping[str, Any]) -> bool:
    """Say whether the messages of a task, or of a name, differ in their ids and arguments alone.

    Not where a handler is to see each, an event tells of each, they are compressed, its class makes them its own way,
    or nothing is sent at all.
    """
    conf = app.conf
    usual = not (
        any(signal.receivers for signal in _SIGNALS)
        or conf.task_send_sent_event
        or conf.task_protocol != _PROTOCOL
        or conf.task_compression
        or options.get("compression")
        or options.keys() & _OF_ONE_CALL
    )
    return usual and (isinstance(task, str) or (isinstance(task, Task) and _sends_as_usual(app, task)))


def _sends_as_usual(app: Celery, task: Task) -> bool:
    kind = type(task)
    overridden = kind.apply_async is not Task.apply_async or kind.shadow_name is not Task.shadow_name
    return not (overridden or app.conf.task_always_eager or task.compression)


_OF_ONE_CALL = {"task_id", "producer", "connection", "publisher", "args", "kwargs", "router", "chord", "group_id"}


def template_for(
    app: Celery, task: Any, producer: kombu.Producer, kwargs: Mapping[str, Any], options: Mapping[str, Any]
) -> Template:
    """Have Celery make a message for a call with these options, and send none.

    `kwargs` are those by which it may be routed. Raises what sending would.
    """
    identity = f"00000000-0000-8000-8000-{secrets.token_hex(6)}"
    taking, merged = _Taking(producer), dict(options)
    if not isinstance(task, str):
        own = task._get_exec_options()  # noqa: SLF001 - as `Task.apply_async`
        merged = {key: value for key, value in own.items() if value is not None} | merged | {"task_type": task}
    name = task if isinstance(task, str) else task.name
    app.send_task(name, (), dict(kwargs), task_id=identity, producer=taking, add_to_parent=False, **merged)
    consumer = getattr(app.backend, "result_consumer", None)
    if consumer is not None and not merged.get("ignore_result"):
        consumer.cancel_for(identity)
    return taking.template(identity)


class _Taking:
    """Stands for a producer whose messages are kept in place of being published."""

    def __init__(self, producer: kombu.Producer) -> None:
        self._producer = producer
        self._taken: dict[str, Any] = {}
        self._embedded: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def publish(
        self, body: Any, *, serializer: str, headers: dict[str, Any], declare: Any = None, **options: Any
    ) -> None:
        """Take what is published. Events, which an app may send beside, are not sent."""
        for name in _REPRESENTATIONS:
            headers.pop(name, None)
        self._embedded = body[2]
        self._taken |= {"serializer": serializer, "declare": tuple(declare or ())}
        channel = _Channel(self._producer.channel, self._taken)
        taking = kombu.Producer(channel, auto_declare=False)
        options |= {"retry": False, "serializer": serializer, "headers": headers}
        taking.publish(body, **options)

    def template(self, identity: str) -> Template:
        """Give what was taken."""
        return Template(identity=identity, embedded=self._embedded, **self._taken)


class _Channel:
    """Stands for a channel, likewise."""

    def __init__(self, channel: Any, taken: dict[str, Any]) -> None:
        self._channel = channel
        self._taken = taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def basic_publish(self, message: Any, exchange: str, routing_key: str, **_: Any) -> None:
        self._taken |= {"message": message, "exchange": exchange, "routing_key": routing_key}
