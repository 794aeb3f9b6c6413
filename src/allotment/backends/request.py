"""What is asked for: where the tasks come from, and which of them a worker is to take."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from allotment.backends.naming import Selection
from allotment.errors import SelectionInvalid
from allotment.model.names import did_you_mean
from allotment.source.fleet_file import USUAL_NAME

PROFILES_FILE = "worker-profiles.yaml"
"""The usual name of a file that holds worker profiles alone."""

FLEET_VARIABLE = "ALLOTMENT_FLEET"

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class Source:
    """Where a backend's tasks come from.

    `app` is `module:attribute`, importable from `folder`, or the object itself. `file` is a fleet file or a file of
    worker profiles that was named, by what `named_by` says; `usual_file` one that is just there. None: not said.
    """

    app: object | None = None
    file: Path | None = None
    usual_file: Path | None = None
    folder: Path = field(default_factory=Path.cwd)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    named_by: str = "--fleet FILE"

    @property
    def named_file(self) -> Path | None:
        """The file that was named, also by ALLOTMENT_FLEET; None: the folder decides."""
        named = self.environment.get(FLEET_VARIABLE)
        return self.file or (Path(named) if named else None)


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """What a worker is to be.

    `tasks`, `exclude_tasks`: names, last parts of names, or patterns; `tasks` and `queues` None: all of them. `within`
    are lists that each restrict it further.
    `concurrency` None: as the profile says, else as many as there are cores. `name` None: made of the rest. Raises
    SelectionInvalid for a concurrency below 1, and for a log level that there is not.
    """

    tasks: tuple[str, ...] | None = None
    exclude_tasks: tuple[str, ...] = ()
    within: tuple[tuple[str, ...], ...] = ()
    queues: tuple[str, ...] | None = None
    profile: str | None = None
    node: str | None = None
    concurrency: int | None = None
    name: str | None = None
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        if self.concurrency is not None and self.concurrency < 1:
            raise SelectionInvalid(
                f"a worker of {self.concurrency} tasks at once would run none",
                hint="concurrency= is 1 or more; left out, as many as there are cores",
            )
        if self.log_level not in LOG_LEVELS:
            raise SelectionInvalid(
                f"there is no log level {self.log_level!r}", hint=did_you_mean(self.log_level, LOG_LEVELS)
            )

    @property
    def selection(self) -> Selection:
        """What a name is made of."""
        return Selection(self.tasks or (), self.exclude_tasks, self.within, self.queues or (), self.profile, self.node)

    @property
    def narrows(self) -> bool:
        """Whether it takes less than everything there is, or than the whole of its profile."""
        return self.tasks is not None or self.queues is not None or bool(self.exclude_tasks or self.within)


def usual_file(folder: Path, environment: Mapping[str, str]) -> Path | None:
    """Give the fleet file that ALLOTMENT_FLEET names, else the first of the usual names that is in the folder."""
    named = environment.get(FLEET_VARIABLE)
    if named:
        return folder / named
    return next((folder / name for name in (USUAL_NAME, PROFILES_FILE) if (folder / name).is_file()), None)
