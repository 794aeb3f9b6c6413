"""Task D."""

from celery import shared_task

from letters.work import add


@shared_task(name="D")
def task_d(so_far: str | list[str] = "") -> str:
    """Add the letter D."""
    return add("D", so_far)
