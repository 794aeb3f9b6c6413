"""The state folder of a fleet: what is kept on this machine between commands.

It lies beside the fleet file, `.allotment/<file name>/`, or under the folder that `ALLOTMENT_STATE` names. It belongs
to one user and holds no settings: it may be deleted while nothing runs, and with it go the embedded broker's messages.
"""

import contextlib
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from allotment.errors import FileInvalid, FileProblem

_LONGEST_PLAIN_PATH = 85
"""The kernel takes 107 bytes on Linux and 103 on macOS for the path of a socket (unix(7)), its name included."""
_PLAIN = re.compile(r"[A-Za-z0-9_./@+-]+")
"""Signs that need no quoting in a server's settings."""
_ANEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
"""How to open a file that is to be written: whatever a link leads to is left alone."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The folder, made when first asked for."""

    path: Path

    @classmethod
    def of(cls, fleet_file: Path, environment: Mapping[str, str] | None = None) -> "StateFolder":
        """Give the folder of a fleet file; it is not made yet."""
        base = (os.environ if environment is None else environment).get("ALLOTMENT_STATE")
        fleet_file = fleet_file.resolve()
        if base:
            digest = hashlib.sha256(str(fleet_file).encode()).hexdigest()[:8]
            return cls(Path(base).resolve() / f"{fleet_file.name}-{digest}")
        return cls(fleet_file.parent / ".allotment" / fleet_file.name)

    def made(self) -> Path:
        """Make the folder, readable by its user alone, and give its path. Raises FileInvalid where that is refused.

        A link in its place is: a checkout may bring one that leads elsewhere.
        """
        for folder in (self.path.parent, self.path):
            if folder.is_symlink():
                raise _unusable(folder, "is a link")
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            ignore = self.path.parent / ".gitignore"
            if self.path.parent.name == ".allotment" and not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise _unusable(self.path, f"cannot be made: {error.strerror}") from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise _unusable(self.path, "is not yours to write")
        return self.path

    def file(self, name: str) -> Path:
        """Give the path of a file in the folder, which is made."""
        return self.made() / name

    @property
    def plain(self) -> Path:
        """A folder to name where not every path will do: this one where it is short and of plain signs.

        Else one in the system's temporary folder, which `made_plain` makes.
        """
        if len(os.fsencode(self.path)) <= _LONGEST_PLAIN_PATH and _PLAIN.fullmatch(str(self.path)):
            return self.path
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"allotment-{os.getuid()}-{digest}"

    def made_plain(self) -> Path:
        """Make that folder. Raises FileInvalid where somebody else made it first."""
        folder = self.plain
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise _unusable(folder, "belongs to somebody else, or others may enter it")
        return folder

    def socket(self, name: str) -> Path:
        """Give the path for a Unix socket."""
        return self.plain / name


def _unusable(path: Path, why: str) -> FileInvalid:
    hint = "set ALLOTMENT_STATE to a folder that you may write"
    return FileInvalid((FileProblem("state-folder", f"the state folder {path} {why}", hint=hint),))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is always whole, whatever happens: aside, to the disk, then into its place.

    Only its user may read it. What was there stays where that fails. Raises OSError.
    """
    aside = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(aside, _ANEW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def unwritable(path: Path, error: OSError) -> FileInvalid:
    """Give the error for a state folder in which nothing can be written any more."""
    hint = "make room there, or set ALLOTMENT_STATE to a folder on another disk"
    message = f"nothing can be written to the state folder {path}: {error.strerror}"
    return FileInvalid((FileProblem("state-folder", message, hint=hint),))


def unlockable(path: Path, error: OSError) -> FileInvalid:
    """Give the error for a state folder on a disk that gives no locks, as some network disks."""
    hint = "set ALLOTMENT_STATE to a folder on a disk of this machine"
    message = f"the state folder {path} cannot be used: {error.strerror}"
    return FileInvalid((FileProblem("state-folder", message, hint=hint),))
