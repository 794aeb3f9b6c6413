"""Call the tasks and print what comes back: `python -m producer`."""

from decimal import Decimal

from celery_tasks import Ship, Speed, quote

from allotment import ArgumentsInvalid, create_worker_from
from producer.orders import order

app, ship = create_worker_from(Ship)  # the contract alone: this process sends


def main() -> None:
    sent = [(order(number), Speed.EXPRESS if number > 1 else Speed.STANDARD) for number in (1, 2, 3)]
    receipts = [ship.delay(one, speed, note="a present") for one, speed in sent]
    for receipt in receipts:
        print(repr(receipt.get(timeout=30)))

    # A contract needs no app of its own: without one it is sent to where the environment says.
    print(repr(quote.delay(sent[0][0], discount=Decimal("0.1")).get(timeout=30)))

    try:
        quote.delay("order 1")  # type: ignore[arg-type] # a type checker sees it, too
    except ArgumentsInvalid as error:
        print(f"not sent: {error}")


if __name__ == "__main__":
    main()
