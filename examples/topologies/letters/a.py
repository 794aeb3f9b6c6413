"""Task A, which needs the special codec."""

from celery import shared_task
from special_codec import encode

from letters.work import add


@shared_task(name="A")
def task_a(so_far: str | list[str] = "") -> str:
    """Add the letter A."""
    return encode(add("A", so_far))
