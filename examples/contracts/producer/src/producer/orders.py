"""Orders to try the tasks with."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

from celery_tasks import Country, Line, Order

PRICES = {"poster": Decimal("12.50"), "mug": Decimal("8.90")}


def order(number: int) -> Order:
    """Make an order of two days before Christmas."""
    lines = tuple(Line(product, number, price) for product, price in PRICES.items())
    return Order(uuid4(), date(2026, 12, 23), Country.GERMANY, lines)
