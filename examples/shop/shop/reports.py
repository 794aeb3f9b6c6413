"""Invoices and totals."""

from collections import defaultdict
from typing import Any

from shop.celery import app
from shop.settings import data_folder
from shop.storage import Order, folder_of, read_csv, read_json, with_files, write_csv, write_json


@app.task(name="shop.invoice")
def write_invoice(order: Order) -> Order:
    """Add up what an order costs.

    Takes a reserved order. Writes `invoice.csv`, one row for each line. Returns the order with its total in cents.
    """
    folder = folder_of(order)
    rows = [
        (line["product"], line["quantity"], line["price_cents"], line["quantity"] * line["price_cents"])
        for line in read_json(folder / "stock.json")["lines"]
    ]
    write_csv(folder / "invoice.csv", ("product", "quantity", "price_cents", "total_cents"), rows)
    return {**with_files(order, "invoice.csv"), "total_cents": sum(row[3] for row in rows)}


@app.task
def daily_totals() -> dict[str, Any]:
    """Add up all closed orders, for each day and for each product.

    Takes nothing. Writes `reports/daily-totals.csv` (a row for each product of each day) and
    `reports/daily-totals.json` (sums for each day and for each product). Returns the number of orders and their sum.
    """
    cells: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    days: dict[str, int] = defaultdict(int)
    products: dict[str, int] = defaultdict(int)
    receipts = sorted(data_folder().glob("orders/*/receipt.json"))
    for path in receipts:
        day = read_json(path)["day"]
        for row in read_csv(path.parent / "invoice.csv"):
            quantity, cents = int(row["quantity"]), int(row["total_cents"])
            cell = cells[day, row["product"]]
            cell[0] += quantity
            cell[1] += cents
            days[day] += cents
            products[row["product"]] += cents

    reports = data_folder() / "reports"
    rows = [(day, product, *sums) for (day, product), sums in sorted(cells.items())]
    write_csv(reports / "daily-totals.csv", ("day", "product", "quantity", "total_cents"), rows)
    total = {"orders": len(receipts), "total_cents": sum(days.values())}
    write_json(reports / "daily-totals.json", {**total, "days": days, "products": products})
    return total
