"""A fleet file to the model, with every problem at its line."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from allotment.errors import FileInvalid, FileProblem, Where
from allotment.model.fleet import FleetModel
from allotment.model.names import did_you_mean
from allotment.source.building import build
from allotment.source.checks import Checks
from allotment.source.document import Document, Path
from allotment.source.including import with_included
from allotment.source.keys import FLEET
from allotment.source.kinds import Rejected
from allotment.source.shapes import read_shape
from allotment.source.yaml_text import MOST_BYTES

USUAL_NAME = "fleet.yaml"


@dataclass(frozen=True)
class FleetFile:
    """A fleet file that has been read: its path, its text with places, and the model."""

    path: FilePath
    document: Document
    model: FleetModel


def read_fleet_file(
    path: FilePath,
    environment: Mapping[str, str] | None = None,
    *,
    named_by: str = "--fleet FILE",
    text_of: Callable[[FilePath], str] | None = None,
) -> FleetFile:
    """Read a fleet file, and those it includes. Raises FileInvalid.

    `environment` stands in for the process's own, `named_by` is for hints, `text_of` gives each file's text in place of
    the disk.
    """
    values = os.environ if environment is None else environment

    def read(one: FilePath) -> Document:
        text = read_text(one, named_by) if text_of is None else text_of(one)
        return read_shape(text, str(one), values)

    document = with_included(read(path), read)
    return FleetFile(path.resolve(), document, _model(document))


def read_text(path: FilePath, named_by: str = "--fleet FILE") -> str:
    """Read one file of a fleet. Raises FileInvalid."""
    shown = str(path)
    try:
        if path.is_dir():
            raise _unreadable("file-missing", f"{shown} is a folder", f"name the file: {path / USUAL_NAME}")
        with path.open("rb") as file:
            found = file.read(MOST_BYTES + 1)  # no more, whatever a device or a pipe has to give
        if len(found) > MOST_BYTES:
            raise _unreadable(
                "file-too-large", f"{shown} is larger than a fleet file may be", f"at most {MOST_BYTES} bytes"
            )
        return found.decode()  # line breaks stay as they are: --fix writes them back
    except (FileNotFoundError, NotADirectoryError):
        near = did_you_mean(path.name, _yaml_files(path.parent), otherwise="")
        hint = near or f"name another with {named_by}, or start one: see `allot schema` for its keys"
        raise _unreadable("file-missing", f"there is no file {shown}", hint) from None
    except PermissionError:
        raise _unreadable("file-unreadable", f"{shown} may not be read", "check its owner and mode") from None
    except OSError as error:
        raise _unreadable(
            "file-unreadable", f"{shown} cannot be read: {error.strerror}", f"name another with {named_by}"
        ) from None
    except UnicodeDecodeError as error:
        raise _unreadable("yaml-character", f"{shown} is not UTF-8 at byte {error.start}", "save it as UTF-8") from None


def _yaml_files(folder: FilePath) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.suffix in {".yaml", ".yml"}]
    except OSError:
        return []


def _unreadable(code: str, message: str, hint: str) -> FileInvalid:
    return FileInvalid((FileProblem(code, message, hint=hint),))


def _model(document: Document) -> FleetModel:
    if document.root is None:
        problem = FileProblem(
            "file-empty", "the file is empty", where=document.where(()), hint="a fleet needs at least `profiles:`"
        )
        raise FileInvalid((problem,))
    try:
        values = FLEET.read(document.root)
    except Rejected as error:
        found = (
            FileProblem(
                fault.code,
                _named(fault.path, fault.message),
                where=document.where(fault.path, key=fault.code in {"unknown-key", "bad-name"}),
                hint=fault.hint,
            )
            for fault in error.faults
        )
        raise _in_file_order(found) from None
    problems = list(Checks(document, values).problems())
    if problems:
        raise _in_file_order(problems)
    return build(document, values)


def _in_file_order(problems: Iterable[FileProblem]) -> FileInvalid:
    return FileInvalid(tuple(sorted(problems, key=lambda problem: problem.where or Where(""))))


def _named(path: Path, message: str) -> str:
    """Put the way to the value before the message, where the message does not say it."""
    inside = path[:-1] if path and message.startswith("unknown key") else path
    way = ".".join(str(step) for step in inside if not isinstance(step, int))
    return f"{way}: {message}" if way else message
