"""Much in memory at once."""

from collections import Counter

from three_servers.celery import app


@app.task
def aggregate_sales(sales):
    """Add up sales, pairs of a product and an amount, by product."""
    totals = Counter()
    for product, amount in sales:
        totals[product] += amount
    return dict(totals)


@app.task
def import_history(lines):
    """Read lines of a product and an amount; give the amounts by product."""
    return aggregate_sales([(product, int(amount)) for product, amount in (line.split(",") for line in lines)])
