"""`allot worker --health-check`, without click where that can be: a probe asks often."""

import os
from collections.abc import Sequence
from pathlib import Path

from allotment.local.heartbeat import encoded, files_folder, named_file, run_check, suffix
from allotment.model.names import worker_name

FLAG = "--health-check"
USUAL_FLEET = "fleet.yaml"
_NAMES = {
    "-p": "profile",
    "--profile": "profile",
    "-n": "node",
    "--node": "node",
    "-i": "index",
    "--index": "index",
    "-f": "fleet",
    "--fleet": "fleet",
    "-l": "loglevel",
    "--loglevel": "loglevel",
    "--heartbeat": "heartbeat",
}


def quick_check(arguments: Sequence[str]) -> int | None:
    """Check the worker that the arguments of `allot worker` name; give the exit code.

    None where they ask for something else, or have to be read with more care.
    """
    found: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        if word == FLAG:
            continue
        option, _, value = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
        name, value = _NAMES.get(option), value or next(rest, "")
        if name is None or not value or value.startswith("-") or name in found:
            return None
        found[name] = value
    index = found.get("index", "1")
    if not (index.isascii() and index.isdecimal() and int(index)):
        return None
    file, profile = found.get("heartbeat"), found.get("profile")
    if not file and not profile and not named_file():
        return None
    fleet = found.get("fleet") or os.environ.get("ALLOTMENT_FLEET") or USUAL_FLEET
    return run_check(Path(file) if file else file_of(profile or "", found.get("node"), int(index), Path(fleet)))


def file_of(profile: str, node: str | None, index: int, fleet: Path) -> Path:
    """Give the file that a worker keeps, the newest one where several might be its own; without a node, on any.

    All of that is passed over where ALLOTMENT_HEARTBEAT names a file. `allot up` follows links to the fleet file,
    which `allot worker` does not.
    """
    named = named_file()
    if named is not None:
        return named
    name = encoded(worker_name(profile, index, node or "")) + ("" if node else "*")
    names = [f"{name}{suffix(fleet)}", f"{name}{suffix(fleet.resolve())}"]
    folder = files_folder()
    found = [path for one in names for path in folder.glob(one)]
    return max(found, key=_written, default=folder / names[0])


def _written(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:  # removed just now
        return 0.0
