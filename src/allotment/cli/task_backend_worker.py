"""The command `task-backend-worker`: a worker of some tasks, by flags and the environment.

A health check is answered before click or Celery is imported, as a probe asks often.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAM = "task-backend-worker"
HEALTH_CHECK = "--health-check"
QUEUES_VARIABLE = "TASK_QUEUES"

_NAMING = {
    "--tasks": "tasks",
    "--queues": "queues",
    "--profile": "profile",
    "--worker-profile": "profile",
    "-n": "node",
    "--node": "node",
    "--worker-name": "name",
}
"""The options that a worker's name follows from."""

_OTHERS = frozenset(
    {
        "--backend",
        "--exclude-tasks",
        "--profiles-file",
        "-A",
        "--app",
        "-f",
        "--fleet",
        "-c",
        "--concurrency",
        "-l",
        "--log-level",
    }
)
"""The other options that take a value."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if HEALTH_CHECK in given and "--help" not in given:
        code = _quick_check(given)
        if code is not None:
            return code
    from allotment.cli.commands.task_backend_worker import command
    from allotment.cli.group import run

    return run(given, command, PROGRAM)


def health(
    *,
    profile: str | None,
    node: str | None,
    tasks: Sequence[str] | None,
    queues: Sequence[str] | None,
    name: str | None,
) -> int:
    """Check the worker that these options make, print a line on it, and give 0 where it is healthy, else 1."""
    from allotment.local.heartbeat import run_check

    return run_check(_file_of(profile, node, tasks, queues, name))


def _quick_check(arguments: Sequence[str]) -> int | None:
    """Check the worker that the arguments name; None where they have to be read with more care."""
    found: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        if word == HEALTH_CHECK:
            continue
        option, equals, value = word.partition("=")
        name = _NAMING.get(option)
        if (name is None and option not in _OTHERS) or (equals and not option.startswith("--")) or name in found:
            return None
        value = value if equals else next(rest, "")
        if not value:
            return None
        found[name or option] = value
    return health(
        profile=found.get("profile"),
        node=found.get("node"),
        tasks=split(found.get("tasks", "")),
        queues=split(found.get("queues") or os.environ.get(QUEUES_VARIABLE, "")),
        name=found.get("name"),
    )


def split(text: str) -> tuple[str, ...]:
    """Take names apart that have commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _file_of(
    profile: str | None, node: str | None, tasks: Sequence[str] | None, queues: Sequence[str] | None, name: str | None
) -> Path:
    """Give the file that the worker keeps; of a profile on a node that is not said, the newest."""
    from allotment.backends.naming import full_name, usual_name
    from allotment.local.heartbeat import encoded, files_folder, named_file, usual_path

    path = usual_path(full_name(name) if name else usual_name(profile, node, tasks, queues))
    if profile is None or node is not None or name or named_file():
        return path
    there = encoded(path.name.removesuffix(".json").partition("@")[0])
    found = [(one.lstat().st_mtime, one) for one in files_folder().glob(f"{there}@*.json")]
    return max(found, default=(0.0, path))[1]


if __name__ == "__main__":
    raise SystemExit(main())
