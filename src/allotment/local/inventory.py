"""An app's tasks, found in a process of its own: whoever asks imports neither Celery nor the app."""

from pathlib import Path

from allotment.errors import AppUnusable
from allotment.local.answer import Ask, Unanswered, Unusable, ask
from allotment.model.inventory import Inventory


def read_inventory(reference: str, folder: Path, ask: Ask = ask) -> Inventory:
    """Find the tasks of the app `module:attribute`, importable from the folder. Raises AppUnusable."""
    try:
        return Inventory.from_json(ask("allotment.engine.modules", reference, str(folder)))
    except Unusable as error:
        raise AppUnusable(error.message, hint=error.hint or None) from None
    except Unanswered as error:
        raise AppUnusable(
            f"importing the app {reference!r} {error}",
            hint=f"import it by hand: python -c 'import {reference.partition(':')[0]}'",
        ) from None
