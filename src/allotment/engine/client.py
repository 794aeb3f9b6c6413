"""An app that sends to the fleet and reads its results, for commands."""

from celery import Celery
from celery.result import AsyncResult

from allotment.engine.addresses import broker_of, check_broker
from allotment.engine.app import import_app
from allotment.engine.contracts.loop import end_line
from allotment.engine.installation import install
from allotment.engine.results import close_backend
from allotment.errors import UnknownName
from allotment.model.inventory import Inventory
from allotment.source.fleet_file import FleetFile


def client_app(file: FleetFile, inventory: Inventory | None) -> Celery:
    """Give the fleet's own app, following the plan for its tasks; its task modules are not imported.

    Raises AppUnusable, and UnknownName where the file names no app.
    """
    if file.model.app is None or inventory is None:
        raise UnknownName("the fleet file names no app", hint="add app: module:attribute")
    app = import_app(file.model.app, file.path.parent)
    install(file, app, inventory.tasks)
    keep_results_quiet(app)
    return app


class QuietResult(AsyncResult):
    """A result that does nothing when it is collected.

    Celery's unsubscribes then (`celery/result.py`, `__del__`), which fails with a traceback where Python is ending or
    the backend is gone already. Who uses these unsubscribes by `workflow.let_go`.
    """

    def __del__(self) -> None:
        """Leave the backend alone."""


def keep_results_quiet(app: Celery) -> None:
    """Make an app of ours give such results."""
    app.__dict__["AsyncResult"] = app.subclass_with_self(QuietResult)


def connect(app: Celery) -> None:
    """Start the embedded broker if need be, and see that the broker answers. Raises BrokerUnreachable."""
    app.allotment.before_connecting()
    check_broker(broker_of(app))


def anybody_there(app: Celery, timeout: float = 1.0) -> bool:
    """Say whether at least one worker answers within so many seconds."""
    return bool(app.control.ping(timeout=timeout, limit=1))


def close(app: Celery) -> None:
    """Close what an app of ours holds alone: to the result backend, and to an embedded broker's keeper.

    Connections to the broker lie in kombu's pools, which all apps with the same address share (`kombu/pools.py`).
    """
    end_line(app)
    close_backend(app)
    app.close()
    installation = getattr(app, "allotment", None)
    if installation is not None:
        installation.embedded.release()
