"""The code of the contracts, and the app of the worker."""

from decimal import Decimal

import holidays
from celery_tasks import Order, Receipt, Ship, Speed, quote

from allotment import create_worker_from, implements

WORKING_DAYS = {Speed.STANDARD: 3, Speed.EXPRESS: 1}


@implements(quote)
def price(order: Order, discount: Decimal | None = None) -> Decimal:
    total = sum((line.price * line.quantity for line in order.lines), Decimal(0))
    return total * (1 - (discount or 0))


class ShipByPost(Ship):
    def run(self, order: Order, speed: Speed = Speed.STANDARD, note: str | None = None) -> Receipt:
        calendar = holidays.country_holidays(order.country.value)
        day = calendar.get_nth_working_day(order.ordered, WORKING_DAYS[speed])
        return Receipt(order=order.id, total=price(order), delivered=day, note=note)


# The other contract is on the same queue, and `implements` made its code a task of every app here.
app, ship = create_worker_from(ShipByPost)
