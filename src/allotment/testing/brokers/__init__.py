"""Real broker servers for tests, each with a folder and ports of its own and open to this machine only.

    with RabbitServer() as server:
        connection = kombu.Connection(server.url)

A server ends with its `with` block, when it is stopped or killed, and when the process that started it is gone,
however that happened; no process is left of it. Its folder is deleted at the end of the block, by `close`, or when the
process that started it is gone while it runs, unless the caller chose the folder.
"""

from allotment.testing.brokers.rabbit import RabbitServer
from allotment.testing.brokers.redis import RedisServer, ValkeyServer
from allotment.testing.brokers.server import BrokerServer, BrokerServerError, LocalServer, free_ports

__all__ = [
    "BrokerServer",
    "BrokerServerError",
    "LocalServer",
    "RabbitServer",
    "RedisServer",
    "ValkeyServer",
    "free_ports",
]
