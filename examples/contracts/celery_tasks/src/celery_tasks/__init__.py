"""The tasks of the example shop, and what they take and give."""

from celery_tasks.orders import Country, Line, Order, Receipt, Speed
from celery_tasks.tasks import Ship, quote

__all__ = ["Country", "Line", "Order", "Receipt", "Ship", "Speed", "quote"]
