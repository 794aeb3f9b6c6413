"""An app that sends to the fleet and reads its results, for commands."""

from celery import Celery

from allotment.engine.addresses import check_broker
from allotment.engine.app import import_app
from allotment.engine.installation import install
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
    # cached metadata holds results until the interpreter ends, and they unsubscribe when they go (celery/result.py)
    app.conf.result_cache_max = -1
    return app


def connect(app: Celery) -> None:
    """Start the embedded broker if need be, and see that the broker answers. Raises BrokerUnreachable."""
    app.allotment.hold_embedded()
    check_broker(app.conf.broker_write_url or app.conf.broker_url)


def anybody_there(app: Celery, timeout: float = 1.0) -> bool:
    """Say whether at least one worker answers within so many seconds."""
    return bool(app.control.ping(timeout=timeout, limit=1))
