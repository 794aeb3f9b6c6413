"""Nodes: the machines a fleet runs on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LOCAL = "local"
"""The one node of a fleet that names none."""

ZONE_VARIABLE = "ALLOTMENT_ZONE"
"""The environment variable by which a program says where it stands that sends tasks and is no worker of the fleet."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine: cores, bytes of memory, labels and mounts (None: not said), and how many workers of which profile."""

    name: str
    workers: Mapping[str, int] = field(default_factory=dict)
    cpu: float | None = None
    memory: int | None = None
    labels: tuple[str, ...] = ()
    mounts: tuple[str, ...] | None = None
    zone: str | None = None
