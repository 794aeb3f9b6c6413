"""Task E."""

from celery import shared_task

from letters.work import add


@shared_task(name="E")
def task_e(so_far: str | list[str] = "") -> str:
    """Add the letter E."""
    return add("E", so_far)
