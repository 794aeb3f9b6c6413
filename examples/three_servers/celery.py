"""An ordinary Celery app: nothing here knows of Allotment."""

from celery import Celery

app = Celery(
    "three_servers",
    include=["three_servers.films", "three_servers.mail", "three_servers.sales", "three_servers.chores"],
)
