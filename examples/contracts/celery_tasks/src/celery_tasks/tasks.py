"""The contracts: one as a function, one as a class. Neither body is ever run."""

from decimal import Decimal

from allotment import TaskContract, contract
from celery_tasks.orders import Order, Receipt, Speed

QUEUE = "shop.orders"


@contract(name="shop.quote", queue=QUEUE)
def quote(order: Order, discount: Decimal | None = None) -> Decimal:
    """Say what an order costs; a discount of `Decimal("0.1")` is a tenth off."""
    raise NotImplementedError


class Ship(TaskContract):
    """Send an order off, and say on which day it arrives."""

    name = "shop.ship"
    queue = QUEUE

    def run(self, order: Order, speed: Speed = Speed.STANDARD, note: str | None = None) -> Receipt:
        raise NotImplementedError
