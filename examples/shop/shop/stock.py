"""Talking to the stock service."""

import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from shop.celery import app
from shop.settings import stock_url
from shop.storage import Order, folder_of, read_json, with_files, write_json


@app.task(autoretry_for=(ConnectionError,), max_retries=3, retry_backoff=1, retry_jitter=False)
def reserve(order: Order) -> Order:
    """Reserve what an order needs and learn the prices.

    Takes a received order. Writes `stock.json`. Returns the order with the reservation's number. Reserving the same
    order again replaces its reservation.
    """
    folder = folder_of(order)
    lines = read_json(folder / "order.json")["lines"]
    status, answer = put(f"{stock_url()}/reservations/{order['id']}", {"lines": lines})
    if status != HTTPStatus.OK:
        raise ValueError(f"the stock service refused order {order['id']}: {status} {answer['error']}")
    write_json(folder / "stock.json", answer)
    return {**with_files(order, "stock.json"), "reservation": answer["reservation"]}


def put(url: str, value: Any) -> tuple[int, Any]:
    """Send a value as JSON. Returns the status and the JSON of the answer; raises ConnectionError if there is none."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("PUT", parts.path, json.dumps(value), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.load(response)
    except (OSError, HTTPException) as error:
        raise ConnectionError(f"the stock service at {stock_url()} does not answer: {error}") from error
    finally:
        connection.close()
