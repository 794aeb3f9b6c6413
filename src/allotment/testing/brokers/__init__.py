"""Real broker servers for tests, each with a folder and ports of its own and open to this machine only.

    with RabbitServer() as server:
        connection = kombu.Connection(server.url)

A server ends when its `with` block does, when it is stopped or killed, and when the process that started it is gone,
however that happened. No process is left of it, and no file unless the caller gave the folder.
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
