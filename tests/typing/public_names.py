"""Right uses of the public names; the type checkers must find nothing wrong here."""

from pathlib import Path
from typing import assert_type

from allotment import AllotmentError, Fleet, NobodyCanRun, PublishRefused, QueueUnknown, TaskUnknown, __version__

fleet = Fleet.load("fleet.yaml")
assert_type(fleet, Fleet)
assert_type(Fleet.load(Path("fleet.yaml"), environment={"BROKER_URL": "embedded"}).path, Path)
version: str = __version__


def told(error: AllotmentError) -> str:
    """Give what an error says."""
    if isinstance(error, (NobodyCanRun, QueueUnknown, TaskUnknown)):
        assert_type(error.task, str)
        assert_type(error.queue, str | None)
    if isinstance(error, PublishRefused):
        return error.task
    return error.hint or error.message
