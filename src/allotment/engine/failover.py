"""Connecting to the first of several nodes that takes the connection, each of them tried."""

from collections.abc import Callable

from kombu import Connection


def ensure_connected(
    connection: Connection, timeout: float, failed: Callable[[BaseException, float], object] | None = None
) -> None:
    """Connect to the node that is next, else to each that stands in for it; one that stands alone is tried twice.

    `timeout` is in seconds for each node, and has to be the connection's own `connect_timeout` too. `failed` is called
    with what each node answered, but for the last, whose error is raised. Not every error lets kombu go on to the next
    node: a login that RabbitMQ refuses does not (`kombu/connection.py`, `_ensure_connection`).
    """
    nodes = len(connection.alt) or 1
    # the node that is next may be any of the list, which kombu then begins anew; it looks at the time after a failure
    connection.ensure_connection(
        failed, max_retries=nodes, interval_start=0, interval_step=0, interval_max=0, timeout=nodes * timeout
    )
