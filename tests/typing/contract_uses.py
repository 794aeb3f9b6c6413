"""Right uses of contracts; the type checkers must find nothing wrong here."""

from datetime import date
from typing import Any, assert_type

from allotment import Contract, Implementation, TaskContract, TypedResult, contract, create_worker_from, implements


@contract(name="bill", queue="bills")
def bill(customer: int, due: date | None = None) -> list[str]:
    """Write a bill."""
    raise NotImplementedError


class Magic(TaskContract):
    """Add two numbers."""

    name = "magic"

    def run(self, left: int, right: int) -> int:
        raise NotImplementedError


@implements(bill)
def write_bill(customer: int, due: date | None = None) -> list[str]:
    return [f"{customer}: {due}"]


@implements(bill, bind=True, max_retries=3)
def write_bound_bill(self: Any, customer: int, due: date | None = None) -> list[str]:
    return [f"{self.request.id}: {customer}: {due}"]


class Adds(Magic, acks_late=True):
    def run(self, left: int, right: int) -> int:
        return left + right


def by_function() -> None:
    """Calls of a contract that is a function."""
    assert_type(bill.delay(1), TypedResult[list[str]])
    assert_type(bill.delay(1, due=date(2026, 1, 1)).get(timeout=1), list[str])
    assert_type(bill.apply_async((1,), countdown=3).get(), list[str])
    assert_type(bill.value(["a"]), list[str])
    assert_type(write_bill(1), list[str])
    assert_type(write_bill.delay(1).get(), list[str])
    assert_type(bill.name, str)
    bill.si(1)


def by_class() -> None:
    """Calls of a contract that is a class: on the class, on an object, on the implementation."""
    assert_type(Magic.delay(1, 2), TypedResult[int])
    assert_type(Magic().delay(1, right=2).get(), int)
    assert_type(Adds.delay(1, 2).get(), int)
    assert_type(Adds().run(1, 2), int)
    Magic.si(1, 2)


async def in_an_event_loop() -> None:
    """Calls that hold up no event loop."""
    assert_type(await bill.adelay(1), TypedResult[list[str]])
    assert_type(await (await bill.adelay(1)), list[str])
    assert_type(await (await Magic.adelay(1, 2)), int)


def apps() -> None:
    """An app and a task that keeps its type."""
    assert_type(create_worker_from(Magic)[1], Magic)
    assert_type(create_worker_from(Adds)[1], Adds)
    create_worker_from(bill)[1].delay(1)
    create_worker_from(write_bill)[1].delay(1)


def taken(one: Contract[[int], str], other: Implementation[[int], str]) -> str:
    """Contracts and implementations as parameters."""
    return one.delay(1).get() + other(1)
