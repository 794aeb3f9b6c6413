"""Task B, which needs the special codec."""

from celery import shared_task
from special_codec import encode

from letters.work import add


@shared_task(name="B")
def task_b(so_far: str | list[str] = "") -> str:
    """Add the letter B."""
    return encode(add("B", so_far))
