"""Receiving and closing orders."""

from datetime import date
from pathlib import Path
from typing import Any

from shop.celery import app
from shop.settings import data_folder, orders_folder
from shop.storage import Order, check_order_id, folder_of, read_json, with_files, write_file, write_json


@app.task
def receive(order_id: str) -> Order:
    """Check an incoming order and make its folder.

    Takes the order's id. Writes `order.json` and `picture.png`. Returns the order.
    """
    source = orders_folder() / f"{check_order_id(order_id)}.json"
    if not source.is_file():
        raise FileNotFoundError(f"there is no order {order_id!r}: {source} does not exist")
    details = read_json(source)
    if fault := find_fault(order_id, details):
        raise ValueError(f"{source}: {fault}")
    picture = source.parent / details["picture"]
    if not picture.is_file():
        raise FileNotFoundError(f"the picture of order {order_id!r} is missing: {picture} does not exist")

    order: Order = {"id": order_id, "folder": f"orders/{order_id}", "day": details["day"]}
    folder = data_folder() / order["folder"]
    write_json(folder / "order.json", details)
    write_file(folder / "picture.png", picture.read_bytes())
    return with_files(order, "order.json", "picture.png")


@app.task
def close(order: Order) -> Order:
    """Finish an order.

    Takes a verified order. Writes `receipt.json`. Returns the order with the receipt's name.
    """
    folder = folder_of(order)
    write_json(
        folder / "receipt.json",
        {
            "order": order["id"],
            "day": order["day"],
            "reservation": order["reservation"],
            "total_cents": order["total_cents"],
            "mailed_to": order["mailed_to"],
            "files": order["files"],
        },
    )
    return {**order, "receipt": "receipt.json"}


def find_fault(order_id: str, details: Any) -> str | None:
    """Return what is wrong with the details of an order, or None if they are proper."""
    if not isinstance(details, dict):
        return "an order must be an object"
    if details.get("id") != order_id:
        return f"`id` must be {order_id!r}, not {details.get('id')!r}"
    if not is_date(details.get("day")):
        return f"`day` must be a date such as 2024-03-01, not {details.get('day')!r}"
    picture = details.get("picture")
    if not isinstance(picture, str) or picture != Path(picture).name:
        return "`picture` must be the name of a file beside it"
    return find_fault_in_customer(details.get("customer")) or find_fault_in_lines(details.get("lines"))


def find_fault_in_customer(customer: Any) -> str | None:
    """Return what is wrong with the customer of an order, or None."""
    if not isinstance(customer, dict) or not isinstance(customer.get("name"), str):
        return "`customer.name` must be text"
    if "@" not in str(customer.get("email")):
        return "`customer.email` must be a mail address"
    return None


def find_fault_in_lines(lines: Any) -> str | None:
    """Return what is wrong with the lines of an order, or None."""
    if not isinstance(lines, list) or not lines:
        return "`lines` must be a list with at least one line"
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, dict) or not isinstance(line.get("product"), str):
            return f"line {number} must name a `product`"
        quantity = line.get("quantity")
        if type(quantity) is not int or quantity < 1:
            return f"line {number}: `quantity` must be a whole number above zero"
    return None


def is_date(text: Any) -> bool:
    """Return whether the text is a date written like 2024-03-01."""
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
