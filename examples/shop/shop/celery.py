"""The Celery application of the print shop."""

import os
from pathlib import Path

from celery import Celery

from allotment import Fleet

app = Celery(
    "shop",
    broker=os.environ.get("BROKER_URL", "redis://127.0.0.1:6379/0"),
    backend=os.environ.get("RESULT_URL", "redis://127.0.0.1:6379/1"),
    include=["shop.files", "shop.images", "shop.mail", "shop.orders", "shop.reports", "shop.stock"],
)

app.conf.update(
    timezone="UTC",
    broker_connection_retry_on_startup=True,
    beat_schedule={"daily-totals": {"task": "shop.reports.daily_totals", "schedule": 60.0}},
)

Fleet.load(Path(__file__).parent.parent / "fleet.yaml").install(app)
