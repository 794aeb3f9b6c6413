"""The brokers that the harness breaks: each with a server, a proxy before it, and a look behind it."""

from collections.abc import Mapping
from typing import Final

from allotment.testing.faults.brokers.broker import READY_STATES, DeadLetter, FaultBroker, Waiting
from allotment.testing.faults.brokers.rabbit import RabbitClassic, RabbitQuorum
from allotment.testing.faults.brokers.redis_family import Embedded, RedisBroker, ValkeyBroker

BROKERS: Final[Mapping[str, type[FaultBroker]]] = {
    kind.name: kind for kind in (RabbitQuorum, RabbitClassic, RedisBroker, ValkeyBroker, Embedded)
}
"""The brokers by name."""

__all__ = ["BROKERS", "READY_STATES", "DeadLetter", "FaultBroker", "Waiting"]
