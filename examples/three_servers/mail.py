"""Waiting for others: what these tasks take is time."""

import time

from three_servers.celery import app


@app.task
def send_receipts(addresses, seconds):
    """Hand receipts to a mail server that takes its time; give how many."""
    time.sleep(seconds)
    return len(addresses)


@app.task
def fetch_rates(currencies, seconds):
    """Ask a slow service for rates; give one for each currency."""
    time.sleep(seconds)
    return dict.fromkeys(currencies, 1.0)
