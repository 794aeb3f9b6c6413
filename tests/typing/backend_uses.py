"""Right uses of a task backend; the type checkers must find nothing wrong here."""

from collections.abc import Mapping
from typing import Any, assert_type

from celery import Celery

from allotment import CeleryBackend, RegisteredTask, TaskBackend, TaskBackendWorker, task_filter

backend = CeleryBackend(fleet="worker-profiles.yaml")
of_app = CeleryBackend(Celery("shop"))
protocol: type[TaskBackend] = CeleryBackend
assert_type(backend.tasks, Mapping[str, RegisteredTask])


@backend.register_task(queue="high_priority")
def resize(width: int, *, name: str = "") -> bytes:
    """Take two arguments and give bytes."""
    return name.encode() * width


@backend.register_task
def fold(times: int) -> str:
    """Be registered without parentheses."""
    return "fold" * times


@backend.register_task(bind=True, max_retries=3)
def again(self: Any, number: int) -> int:
    """Take the task itself first, which callers do not give."""
    return number + int(self.request.retries)


assert_type(resize(3, name="x"), bytes)
assert_type(fold(2), str)
assert_type(again(1), int)
resize.delay(3, name="x")
resize.apply_async((3,), countdown=5)
workflow = resize.s(3) | fold.si(2)
again.delay(number=1)


@task_filter(["resize"])
class Resizing(TaskBackendWorker):
    """A subclass stays what it is."""


@task_filter("fold")
def folding(concurrency: int) -> TaskBackendWorker:
    """Keep its arguments."""
    return TaskBackendWorker("celery", app=backend, concurrency=concurrency)


assert_type(Resizing(app=backend, tasks=["resize"]), Resizing)
assert_type(Resizing(app=backend).restricted_to(["resize"]), Resizing)
assert_type(folding(2), TaskBackendWorker)
assert_type(folding(concurrency=2).plan().consumes, tuple[str, ...])
assert_type(folding(2).run(), int)
