"""Somebody's own fleet under test: their file with another broker, and their app with the ledger."""

from pathlib import Path

import yaml

from allotment.errors import UnknownName
from allotment.source.fleet_file import read_fleet_file

_MODULE = "allotment_faults_app"
_APP = '''\
"""The app of {file}, which writes down each task that it runs."""

from pathlib import Path

from allotment.engine.app import import_app
from allotment.testing.faults.ledger import record_tasks

app = import_app({reference!r}, Path({folder!r}))
record_tasks()
'''


class UsersFleet:
    """A fleet file, read as it is, to be run from another folder with its messages and results at other addresses.

    Raises FileInvalid, and UnknownName where the file names no app.
    """

    def __init__(self, path: Path, broker: str, results: str) -> None:
        file = read_fleet_file(path)
        if file.model.app is None:
            raise UnknownName("the fleet file names no app", hint="add app: module:attribute")
        self._folder = file.path.parent
        self._reference = file.model.app
        self._path = file.path
        self._document = yaml.safe_load(file.path.read_text())
        self._document |= {
            "app": f"{_MODULE}:app",
            "broker": broker,
            "results": results,
            "include": [str(self._folder / one) for one in self._document.get("include") or ()],
        }

    def write(self, fleet_file: Path) -> None:
        """Write the fleet file, and the app's module beside it."""
        source = _APP.format(file=self._path.name, reference=self._reference, folder=str(self._folder))
        (fleet_file.parent / f"{_MODULE}.py").write_text(source)
        fleet_file.write_text(yaml.safe_dump(self._document, sort_keys=False))
