"""Everything else."""

from three_servers.celery import app


@app.task
def rename_shelf(name):
    """Give a shelf's name as it is shown."""
    return name.strip().title()


@app.task
def handle(order):
    """Do what the caller knows the kind of better than this name tells."""
    return f"order {order} handled"
