"""The fleet file of the workload."""

from dataclasses import dataclass
from typing import Final

import yaml

APP: Final = "allotment.testing.faults.workload.app:app"
POISON_LIMIT: Final = 3
"""How often a message of the queue `risky` is delivered."""
SMALL: Final = 50
"""How many messages the queue `small` holds."""
VISIBILITY: Final = 6.0
"""Seconds after which Redis delivers again what was not acknowledged."""

PUBLISH: Final = 10.0
"""Seconds within which a publisher is told."""
_LOOKING: Final = {"unacked_restore_interval": 2, "unacked_restore_throttle": 1}
"""Workers look for such messages every 2 s in place of kombu's 100 (`kombu/transport/redis.py`), to save time."""


@dataclass(frozen=True, slots=True)
class WorkloadFile:
    """What the fleet file of one scene says.

    `broker` and `results` are addresses, or `embedded`. `queue_type` None: what `delivery: at-least-once` makes of it.
    """

    broker: str
    results: str
    queue_type: str | None = None
    poison_limit: int = POISON_LIMIT

    @property
    def speaks_redis(self) -> bool:
        """Whether messages go through a server of the Redis family."""
        return not self.broker.startswith("amqp")

    def text(self, *, left_workers: int = 1) -> str:
        """Write the file, with so many workers of the profile `left`."""
        kept = {"delivery": "at-least-once"}
        kind = {"type": self.queue_type} if self.queue_type else {}
        document: dict[str, object] = {
            "app": APP,
            "broker": self.broker,
            "results": self.results,
            "default_queue": "work",
            "publish": {"timeout": f"{PUBLISH:g}s"},
            "tasks": {
                "left.poison": {"queue": "risky", **kept},
                "left.*": {"queue": "work", **kept},
                "right.*": {"queue": "work", **kept},
                "waiting.*": {"queue": "slow", **kept},
            },
            "queues": {
                "work": kind,
                "slow": kind,
                "risky": {"delivery_limit": self.poison_limit, **kind},
                "small": {"max_length": SMALL, **kind},
            },
            "profiles": {
                "left": {"tasks": ["left.*"], "queues": ["work", "risky"], "concurrency": 2, "time_limit": "1m"},
                "right": {"tasks": ["right.*"], "queues": ["work", "small"], "concurrency": 2, "time_limit": "1m"},
                "waiting": {
                    "tasks": ["waiting.*"], "queues": ["slow"], "pool": "threads", "concurrency": 4, "time_limit": "1m",
                },
            },
            "nodes": {"here": {"workers": {"left": left_workers, "right": 1, "waiting": 1}}},
        }  # fmt: skip
        if self.speaks_redis:
            document["visibility_timeout"] = f"{VISIBILITY:g}s"
            document["settings"] = {"broker_transport_options": _LOOKING}
        text: str = yaml.safe_dump(document, sort_keys=False)
        return text
