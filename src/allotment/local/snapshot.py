"""What was proved, kept for the workers: the text of the fleet file, of those it includes, and the app's tasks.

A worker that is started again reads this and not the file, which somebody may be editing. References to the environment
(`${NAME}`) are kept as references.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from allotment.errors import SnapshotUnusable
from allotment.local.state import StateFolder, write_whole
from allotment.local.variables import SNAPSHOT
from allotment.model.inventory import Inventory
from allotment.source.fleet_file import FleetFile, read_fleet_file


@dataclass(frozen=True)
class Snapshot:
    """A fleet file and the app's tasks at one time.

    `path` is where the file is, `named` how it was named, `texts` the text of each file by the name it was read by.
    """

    path: Path
    named: str
    texts: Mapping[str, str] = field(repr=False)
    inventory: Inventory = field(repr=False)

    @classmethod
    def of(cls, file: FleetFile, inventory: Inventory) -> "Snapshot":
        """Take one of a file that was just read."""
        return cls(file.path, file.document.file, file.document.texts, inventory)

    @cached_property
    def text(self) -> str:
        """The snapshot as its file holds it."""
        return json.dumps(
            {
                "path": str(self.path),
                "named": self.named,
                "texts": dict(self.texts),
                "inventory": self.inventory.to_json(),
            }
        )

    @cached_property
    def digest(self) -> str:
        """What tells it from any other."""
        return hashlib.sha256(self.text.encode(errors="surrogateescape")).hexdigest()[:16]

    def file(self) -> FleetFile:
        """Read the fleet file as it was, with the environment of this process. Raises FileInvalid."""
        file = read_fleet_file(Path(self.named), text_of=lambda path: self.texts[str(path)])
        return replace(file, path=self.path)

    def keep(self, state: StateFolder, holder: str) -> Path:
        """Write it into the state folder; give its path. Raises FileInvalid and OSError.

        `holder` is a node that whoever keeps it has locked, so that nobody else keeps any by that name.
        """
        path = state.file(f"plan-{holder}.{self.digest}.json")
        write_whole(path, self.text)
        return path


def read_snapshot(path: Path) -> Snapshot:
    """Read what `keep` wrote. Raises SnapshotUnusable."""
    try:
        values = json.loads(path.read_text())
        inventory = Inventory.from_json(values["inventory"])
        return Snapshot(Path(values["path"]), values["named"], values["texts"], inventory)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotUnusable(
            f"what `allot up` kept of the fleet file cannot be read: {path}: {error}",
            hint="end `allot up` and start it again",
        ) from None


def given_snapshot() -> Snapshot | None:
    """Read the snapshot that the supervisor has given this worker; None where it has given none."""
    given = os.environ.pop(SNAPSHOT, None)
    return read_snapshot(Path(given)) if given else None


def forget_others(kept: Path) -> None:
    """Remove the older snapshots of the same holder."""
    holder, _, _ = kept.name.partition(".")  # no node has a dot in its name
    for path in kept.parent.glob(f"{holder}.*.json"):
        if path != kept:
            with contextlib.suppress(OSError):
                path.unlink()
