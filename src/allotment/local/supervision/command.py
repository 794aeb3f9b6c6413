"""How a worker is started."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Command:
    """The command of one worker; `mark` tells what it starts from what others do."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    mark: str


def worker_arguments(fleet_file: str, profile: str, node: str, index: int, loglevel: str) -> list[str]:
    """Give the arguments that start one worker, as this interpreter runs it."""
    return [
        sys.executable, "-m", "allotment", "worker", "--fleet", fleet_file,
        "--profile", profile, "--node", node, "--index", str(index), "--loglevel", loglevel,
    ]  # fmt: skip
