"""The command `task-backend-worker`: a worker of some tasks, by flags and the environment.

A health check is answered before click or Celery is imported, as a probe asks often.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from allotment.backends.naming import Selection, heartbeat_name

PROGRAM = "task-backend-worker"
HEALTH_CHECK = "--health-check"
APP_VARIABLE = "TASK_APP"
QUEUES_VARIABLE = "TASK_QUEUES"

FLEET_VARIABLE = "ALLOTMENT_FLEET"
"""As `allotment.backends.request` has it, which imports YAML."""

_NAMING = {
    "--tasks": "tasks",
    "--exclude-tasks": "exclude_tasks",
    "--queues": "queues",
    "--profile": "profile",
    "--worker-profile": "profile",
    "-n": "node",
    "--node": "node",
    "--worker-name": "name",
    "-A": "app",
    "--app": "app",
    "-f": "file",
    "--fleet": "file",
    "--profiles-file": "file",
}
"""The options that the name of a worker's heartbeat file follows from."""

_OTHERS = frozenset({"--backend", "-c", "--concurrency", "-l", "--log-level"})
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


def health(selection: Selection, *, app: str | None, file: Path | None, name: str | None, json: bool = False) -> int:
    """Check the worker that these options make, print what is known of it, and give 0 where it is healthy, else 1."""
    from allotment.local.heartbeat import check, run_check, usual_path

    path = usual_path(heartbeat_name(selection, app=app or "", file=file, folder=Path.cwd(), name=name))
    if not json:
        return run_check(path)
    from dataclasses import asdict

    from allotment.cli.output import print_json

    found = check(path)
    print_json(asdict(found))
    return 0 if found.healthy else 1


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
    queues = found["queues"] if "queues" in found else ",".join(os.environ.get(QUEUES_VARIABLE, "").split())
    written = found.get("tasks", ""), found.get("exclude_tasks", ""), queues
    names = [split(text) for text in written]
    if any(text and not those for text, those in zip(written, names, strict=True)):
        return None
    file = found.get("file") or os.environ.get(FLEET_VARIABLE)
    return health(
        Selection(names[0], names[1], queues=names[2], profile=found.get("profile"), node=found.get("node")),
        app=found.get("app") or os.environ.get(APP_VARIABLE),
        file=Path(file) if file else None,
        name=found.get("name"),
    )


def split(text: str) -> tuple[str, ...]:
    """Take names apart that have commas between them."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


if __name__ == "__main__":
    raise SystemExit(main())
