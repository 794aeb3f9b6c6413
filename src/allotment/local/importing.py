"""Modules of users', imported: what goes wrong there is told with their own line, and with what to do."""

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType

from allotment.errors import AllotmentError

_OURS = str(Path(__file__).parents[1])


def import_named(name: str, what: str, folder: Path, kind: type[AllotmentError]) -> ModuleType:
    """Import a module that is looked for in a folder; `what` names it in the error. Raises `kind`, and SystemExit."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise _missing(name, error, what, folder, kind) from error
    except Exception as error:
        raise raised(what, error, kind) from error


def raised(what: str, error: BaseException, kind: type[AllotmentError]) -> AllotmentError:
    """Put what a module raised into words, with the place; one of our errors says itself what to do."""
    place = error if isinstance(error, SyntaxError) else _last_of_theirs(error)
    where = f"it was raised in {place.filename}:{place.lineno}"
    if isinstance(error, AllotmentError):
        return kind(
            f"{what} cannot be imported: {error.message}", hint=f"{error.hint}; {where}" if error.hint else where
        )
    return kind(f"{what} cannot be imported: {type(error).__name__}: {error}", hint=where)


def _last_of_theirs(error: BaseException) -> traceback.FrameSummary:
    """Give the innermost place that is not in this package: what they wrote made it raise."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame for frame in reversed(frames) if not frame.filename.startswith(_OURS)), frames[-1])


def _missing(
    name: str, error: ModuleNotFoundError, what: str, folder: Path, kind: type[AllotmentError]
) -> AllotmentError:
    missing = error.name or ""
    if name == missing or name.startswith(missing + "."):
        hint = f"there is no module {missing!r} in {folder} or in the environment of {sys.executable}"
    else:
        hint = f"{name!r} imports {missing!r}, which is not installed in the environment of {sys.executable}"
    return kind(f"{what} cannot be imported", hint=hint)
