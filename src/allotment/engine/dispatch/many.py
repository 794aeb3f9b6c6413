"""Sending a task many times, each time with other arguments."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from celery import Celery
from celery.app import app_or_default

from allotment.engine.delays import is_rabbitmq
from allotment.engine.dispatch.one_by_one import CallWriter
from allotment.engine.dispatch.sent import NotAllSent, NotSent, Sent
from allotment.engine.dispatch.taking import Items
from allotment.engine.dispatch.template import Template, can_be_shared, template_for
from allotment.engine.dispatch.writing import ManyBulk, Outgoing, Sending, Stopped, Writer
from allotment.engine.publishing.bulk import together
from allotment.errors import UnknownName

MOST_FAILURES = 1000


def send_many(
    task: Any, items: Iterable[Any], *, app: Celery | None = None, most_failures: int = MOST_FAILURES, **options: Any
) -> Sent:
    """Send a task once for each item, which has its arguments: a tuple or list by position, a mapping by name.

    `task` is a task, a signature, a contract's task, or the name of a task of `app`; `options` are those of
    `apply_async`. Messages are written many at a time and confirmed together, with the same memory for any number of
    items, of which up to 200 are taken ahead. Gives the results.

    Raises NotAllSent where some were not sent, when what became of the others is known: `failed` says which and why,
    and `rest()` gives their items and those that were not tried, as nothing is after `most_failures` or without a
    broker. Raises UnknownName for an app that follows no fleet, and what `apply_async` raises where no message can be
    made at all.
    """
    app = _app_of(task, app)
    given = Items(items)
    with together(app, ManyBulk) as bulk:
        left, stopped = _write(given, _Writers(app, task, bulk, options), most_failures)
    unsent = sorted([*bulk.unsent, *given.wrong], key=lambda one: one[0].number)
    failed = tuple(NotSent(one.number, one.item, one.identity, error) for one, error in unsent)
    untried = [one.item for one in left]
    sent = Sent(app, given.identities, [one.number for one, _ in unsent] + [one.number for one in left])
    if failed or stopped is not None:
        raise NotAllSent(_name(task), sent, failed, untried=untried, unread=given.unread, cause=stopped)
    return sent


class _Writers:
    """Gives what writes a task's messages: one for each way that its calls are routed."""

    def __init__(self, app: Celery, task: Any, bulk: ManyBulk, options: Mapping[str, Any]) -> None:
        publish = app.allotment.file.model.publish
        timeout = options.get("timeout")
        self._app = app
        self._task = app._tasks.get(task, task) if isinstance(task, str) else task  # noqa: SLF001 - without importing any
        self._options = options
        self._sending = Sending(
            app, _name(task), bulk, publish.timeout if timeout is None else timeout, publish.max_size
        )
        routing = app.allotment.file.model.routing
        self._argument = None if routing is None else routing.argument
        self._shared = can_be_shared(app, self._task, options)
        self._made: dict[Hashable, Writer] = {}

    @property
    def bulk(self) -> ManyBulk:
        """What they write into."""
        return self._sending.bulk

    def first(self, tasks: Sequence[Outgoing]) -> tuple[Writer, Sequence[Outgoing]]:
        """Give the writer of the first of some tasks, and all at the beginning that it writes."""
        if self._argument is None or not self._shared:
            return self._writer(None), tasks
        way = self._way(tasks[0])
        return self._writer(way), list(takewhile(lambda one: self._way(one) == way, tasks))

    def _way(self, task: Outgoing) -> str | None:
        value = task.arguments[1].get(str(self._argument))
        return None if value is None else str(value)

    def _writer(self, way: str | None) -> Writer:
        if way not in self._made:
            self._made[way] = self._make(way)
        return self._made[way]

    def _make(self, way: str | None) -> Writer:
        if not self._shared:
            return CallWriter(self._sending, self._call)
        producer = self.bulk.connected()
        kwargs = {} if way is None else {str(self._argument): way}
        template = template_for(self._app, self._task, producer, kwargs, self._options)
        return self._with(template, producer) or CallWriter(self._sending, self._call)

    def _with(self, template: Template, producer: Any) -> Writer | None:
        if is_rabbitmq(producer.connection):
            from allotment.engine.dispatch.rabbitmq import RabbitWriter  # noqa: PLC0415 - only the library that is used

            return (
                RabbitWriter(self._sending, template)
                if producer.connection.transport_options.get("confirm_publish")
                else None
            )
        from allotment.engine.dispatch.redis import RedisWriter  # noqa: PLC0415 - as above

        for entity in template.declare:
            producer.maybe_declare(entity)
        return RedisWriter(self._sending, template) if RedisWriter.serves(producer.channel, template) else None

    def _call(self, task: Outgoing) -> None:
        args, kwargs = task.arguments
        options = {**self._options, "task_id": task.identity}
        if isinstance(self._task, str):
            self._app.send_task(self._task, args, dict(kwargs), **options)
        else:
            self._task.apply_async(args, dict(kwargs), **options)


def _write(given: Items, writers: _Writers, most_failures: int) -> tuple[list[Outgoing], Exception | None]:
    """Write the items; give those that were taken and not tried, and why nothing more is."""
    while len(writers.bulk.unsent) + len(given.wrong) < most_failures:
        tasks: Sequence[Outgoing] = given.some()
        if not tasks:
            break
        while tasks:
            writer, part = writers.first(tasks)
            try:
                writer.write(part)
            except Stopped as stop:
                return [*stop.tasks, *tasks[len(part) :]], stop.error
            tasks = tasks[len(part) :]
    return [], None


def _app_of(task: Any, app: Celery | None) -> Celery:
    found = app or (None if isinstance(task, str) else getattr(task, "app", None)) or app_or_default()
    if not hasattr(found, "allotment"):
        raise UnknownName(
            f"the app {found.main!r} follows no fleet", hint="Fleet.load().install(app) has it follow one"
        )
    return found


def _name(task: Any) -> str:
    return task if isinstance(task, str) else str(getattr(task, "name", None) or task)
