"""A task that cannot be sent again, though it asked for it."""

from celery import Celery
from celery.utils.log import get_logger

logger = get_logger(__name__)


def is_own_retry(app: Celery, task_id: str) -> bool:
    """Say whether the task that runs in this thread is sent again."""
    task = app.current_worker_task
    return task is not None and task.request.id == task_id


def tell_of_retry(app: Celery, task_id: str, error: Exception) -> None:
    """Store the error as the result of the task that runs in this thread, where it is the one that was to be sent.

    Celery rejects a task whose retry cannot be sent and stores nothing (`celery/app/task.py`, `retry`), so that whoever
    waits for it would wait for ever.
    """
    if not is_own_retry(app, task_id):
        return
    task = app.current_worker_task
    logger.error("the task %s[%s] could not be sent again: %s", task.name, task_id, error)
    try:
        app.backend.mark_as_failure(task_id, error, request=task.request)
    except Exception:  # the error that is raised matters more, and it says what to do
        logger.exception("that the task %s[%s] is not tried again could not be stored", task.name, task_id)
