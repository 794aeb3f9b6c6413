"""`celery -A proj allot …`: the same commands inside Celery's own command line (entry points `celery.commands`)."""

from allotment.cli.group import allot

__all__ = ["allot"]
