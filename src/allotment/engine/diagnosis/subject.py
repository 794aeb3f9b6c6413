"""What to diagnose: the addresses of a fleet, of its app where the file leaves them to that, or those given."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celery import Celery

from allotment.engine.addresses import broker_of, broker_url, results_url
from allotment.engine.app import import_app
from allotment.errors import AppUnusable
from allotment.local.embedded import EmbeddedBroker
from allotment.local.state import StateFolder
from allotment.model.address import Address
from allotment.source.fleet_file import USUAL_NAME, FleetFile

NO_RESULTS = "disabled://"
"""Celery's address of a backend that keeps nothing."""

_BROKER = "broker_url"


@dataclass(frozen=True)
class Subject:
    """Addresses as Celery takes them, maybe with a password; `results` None: nothing is said of them.

    `*_use_ssl` are Celery's settings for TLS. `embedded` is the fleet's embedded broker, if messages or results go
    through it. `app_error` says why the app could not be asked for its settings, `overriding` which variables of the
    environment lead elsewhere than the file does.
    """

    broker: str = field(repr=False)
    results: str | None = field(repr=False)
    broker_use_ssl: Any = field(default=None, repr=False)
    results_use_ssl: Any = field(default=None, repr=False)
    embedded: EmbeddedBroker | None = None
    app_error: str | None = None
    overriding: tuple[str, ...] = ()


def given_subject(broker: str, results: str | None) -> Subject:
    """Give what addresses lead to that were given without a fleet file; neither may be `embedded`."""
    unused = EmbeddedBroker(StateFolder.of(Path(USUAL_NAME)))
    kept = results_url(Address(results), None, unused) if results else None
    return Subject(broker_url(Address(broker), unused) or broker, kept)


def fleet_subject(file: FleetFile, broker: str | None, results: str | None, environment: Mapping[str, str]) -> Subject:
    """Give what a fleet file leads to; `broker` and `results` go before those of the file.

    Imports the app: where the file leaves an address to it, and for its settings of TLS. Raises AppUnusable only where
    an address is the app's.
    """
    model = file.model
    sends_to = Address(broker) if broker else model.broker
    kept = Address(results) if results else model.results
    embedded = EmbeddedBroker(StateFolder.of(file.path))
    own, error = _own_settings(file, needed=sends_to is None)
    settings = {**own, **model.settings}
    wanted = {
        "broker": broker_url(sends_to, embedded),
        "results": results_url(kept, sends_to, embedded),
    }
    return Subject(
        wanted["broker"] or str(settings.get(_BROKER) or ""),
        wanted["results"] or str(settings.get("result_backend") or NO_RESULTS),
        settings.get("broker_use_ssl") or None,
        settings.get("redis_backend_use_ssl") or None,
        embedded if any(one is not None and one.embedded for one in (sends_to, kept)) else None,
        error,
        tuple(_overriding(wanted, environment)),
    )


def _own_settings(file: FleetFile, *, needed: bool) -> tuple[Mapping[str, Any], str | None]:
    """Import the app and give its settings; where its addresses are not needed, a failure is told and not raised."""
    reference = file.model.app
    if reference is None:
        return {}, None
    try:
        return _read_settings(import_app(reference, file.path.parent)), None
    except AppUnusable as error:
        if needed:
            raise
        return {}, error.message


def _read_settings(app: Celery) -> Mapping[str, Any]:
    """Read what counts here, as Celery does: the environment first. Raises AppUnusable."""
    try:
        return {
            _BROKER: broker_of(app),
            "result_backend": app.conf.result_backend,
            "broker_use_ssl": app.conf.broker_use_ssl,
            "redis_backend_use_ssl": app.conf.redis_backend_use_ssl,
        }
    except Exception as error:
        raise AppUnusable(
            f"the settings of the app cannot be read: {type(error).__name__}",
            hint="look at what the app is configured from: `config_from_object`, a module of settings",
        ) from error


def _overriding(wanted: Mapping[str, str | None], environment: Mapping[str, str]) -> Iterator[str]:
    """Name the variables that Celery prefers to every setting and that lead elsewhere (`celery/app/utils.py`)."""
    for which, names in (
        ("broker", ("CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")),
        ("results", ("CELERY_RESULT_BACKEND",)),
    ):
        for name in names:
            if wanted[which] is not None and environment.get(name) not in {None, "", wanted[which]}:
                yield name
