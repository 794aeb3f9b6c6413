"""What a contract needs of the engine to be sent and to be run. The engine is loaded when it is first needed."""

import importlib
import sys
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from allotment.contracts.contract import Contract
    from allotment.contracts.implementing import Implementation

_ENGINE = "allotment.engine.contracts.transport"
"""Named, not imported: a module of contracts must be importable where Celery is not."""


class Transport(Protocol):
    """The engine's side: each takes arguments that are JSON already and gives Celery's own objects."""

    def send(
        self, contract: "Contract[Any, Any]", args: Sequence[Any], kwargs: Mapping[str, Any], options: dict[str, Any]
    ) -> Any:
        """Publish a call and give Celery's result."""

    async def send_from_loop(
        self, contract: "Contract[Any, Any]", args: Sequence[Any], kwargs: Mapping[str, Any], options: dict[str, Any]
    ) -> tuple[Any, Awaitable[Any]]:
        """Publish a call without holding up the event loop; give Celery's result and how to wait for it."""

    def wait_from_loop(self, result: Any) -> Awaitable[Any]:
        """Give how to wait for a result that was sent from the thread of the event loop."""

    def signature(
        self,
        contract: "Contract[Any, Any]",
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        options: dict[str, Any],
        *,
        immutable: bool,
    ) -> Any:
        """Give Celery's signature of a call."""

    def register(self, implementation: "Implementation[..., Any]", app: Any) -> None:
        """Make an implementation a task of an app; None: of every app, as Celery's shared tasks."""

    def running(self) -> Any:
        """Give Celery's task that runs in this thread, None where none does."""

    def watch_workers(self) -> None:
        """Have every worker that starts in this process checked: it has the code of its contracts."""


def transport() -> Transport:
    """Give the engine's side."""
    return cast("Transport", importlib.import_module(_ENGINE))


def watch_workers() -> None:
    """Have workers checked where Celery is loaded already: a process without it is none."""
    if "celery" in sys.modules:
        transport().watch_workers()
