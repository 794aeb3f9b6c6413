"""Apps whose tasks a worker is to run: named, and imported only when it runs, or alive in this process.

Importing this module imports no Celery.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from allotment.errors import AppUnusable
from allotment.local.inventory import read_inventory
from allotment.model.inventory import Inventory
from allotment.model.names import app_reference

if TYPE_CHECKING:
    from celery import Celery


class Program(Protocol):
    """An app, and how it is called."""

    @property
    def reference(self) -> str:
        """What `celery -A` takes, or its nearest."""

    def inventory(self) -> Inventory:
        """Find the app's tasks. Raises AppUnusable."""

    def app(self) -> "Celery":
        """Give the app, imported now if need be. Raises AppUnusable."""


@dataclass(frozen=True, slots=True)
class NamedApp:
    """An app by `module:attribute`, importable from a folder. Its tasks are found in a process of its own."""

    reference: str
    folder: Path

    def inventory(self) -> Inventory:
        """Find the app's tasks. Raises AppUnusable."""
        return read_inventory(self.reference, self.folder)

    def app(self) -> "Celery":
        """Import the app. Raises AppUnusable."""
        from allotment.engine.app import import_app  # noqa: PLC0415 - imports Celery

        return import_app(self.reference, self.folder)


@dataclass(frozen=True, slots=True)
class LiveApp:
    """An app that is there already."""

    live: "Celery"

    @property
    def reference(self) -> str:
        """The app's own name for itself."""
        return str(self.live.main or "APP")

    def inventory(self) -> Inventory:
        """Import the modules that the app lists, and give its tasks."""
        from allotment.engine.modules import take_inventory  # noqa: PLC0415 - imports Celery

        return take_inventory(self.live)

    def app(self) -> "Celery":
        """Give the app."""
        return self.live


def program_of(app: object, folder: Path) -> Program:
    """Give the program of `module:attribute`, of an app, or of something that has one as `celery`.

    Raises AppUnusable.
    """
    if isinstance(app, str):
        try:
            return NamedApp(app_reference(app), folder)
        except ValueError as error:
            raise AppUnusable(str(error), hint="for example --app shop.tasks:app") from None
    from celery import Celery  # noqa: PLC0415 - whoever has an app has imported it

    live = app if isinstance(app, Celery) else getattr(app, "celery", None)
    if not isinstance(live, Celery):
        raise AppUnusable(f"{app!r} is not a Celery app", hint="give an app, a backend, or module:attribute")
    return LiveApp(live)
