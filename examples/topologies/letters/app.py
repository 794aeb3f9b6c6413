"""The app of the topologies: one module a task, so that a worker can have some and lack others."""

from celery import Celery

app = Celery("letters", include=[f"letters.{letter}" for letter in "abcde"])
