"""Task C."""

from celery import shared_task

from letters.work import add


@shared_task(name="C")
def task_c(so_far: str | list[str] = "") -> str:
    """Add the letter C."""
    return add("C", so_far)
