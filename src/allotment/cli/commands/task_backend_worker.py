"""`task-backend-worker`."""

import os
from collections.abc import Callable
from pathlib import Path

import click
from click.core import ParameterSource

from allotment.backends.naming import Selection
from allotment.backends.request import FLEET_VARIABLE, LOG_LEVELS, PROFILES_FILE, Source, WorkerRequest, usual_file
from allotment.cli.group import Told
from allotment.cli.options import Function, format_option
from allotment.cli.output import note
from allotment.cli.task_backend_worker import APP_VARIABLE, HEALTH_CHECK, PROGRAM, QUEUES_VARIABLE, health, split
from allotment.cli.views import backend_worker as view


def _names(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Take names apart that were given with commas between them; None where none were."""
    names = tuple(dict.fromkeys(name for value in values for name in split(value)))
    if values and not names:
        by_variable = context.get_parameter_source(str(parameter.name)) is ParameterSource.ENVIRONMENT
        name = parameter.envvar if by_variable else parameter.opts[0]
        raise click.BadParameter(f"it is empty: write {name}=one, or {name}=one,two", param_hint=f"'{name}'")
    return names or None


def _list_option(flag: str, text: str, variable: str | None = None) -> Callable[[Function], Function]:
    return click.option(flag, multiple=True, callback=_names, envvar=variable, metavar="NAME,…", help=text)


@click.command(PROGRAM, cls=Told)
@click.option(
    "--backend",
    default="celery",
    show_default=True,
    envvar="TASK_BACKEND_TYPE",
    metavar="TYPE",
    help="The task backend.",
)
@click.option(
    "-A", "--app", envvar=APP_VARIABLE, metavar="MODULE:ATTR", help="A Celery app or a backend that holds the tasks."
)
@_list_option("--tasks", "Register these tasks alone; * matches any text.")
@_list_option("--exclude-tasks", "Register all but these.")
@_list_option("--queues", "Consume these queues alone, and register what is sent there.", QUEUES_VARIABLE)
@click.option(
    "--profile", "--worker-profile", "profile", metavar="NAME", help="Be a worker of this profile of the file."
)
@click.option(
    "--profiles-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The file of worker profiles.  [default: {PROFILES_FILE}]",
)
@click.option(
    "-f",
    "--fleet",
    "fleet_path",
    type=click.Path(path_type=Path),
    envvar=FLEET_VARIABLE,
    metavar="FILE",
    help="The fleet file.  [default: fleet.yaml]",
)
@click.option("-n", "--node", metavar="NAME", help="The node of the file that it runs on.")
@click.option("-c", "--concurrency", type=click.IntRange(1), metavar="N", help="How many tasks to run at once.")
@click.option("--worker-name", metavar="NAME", help="Its name; %h stands for the host.")
@click.option(
    "-l",
    "--log-level",
    type=click.Choice(LOG_LEVELS, case_sensitive=False),
    default="INFO",
    show_default=True,
    help="What it logs.",
)
@click.option(
    "--list-tasks", "action", flag_value="list", help="List the tasks there are, and which it would register."
)
@click.option("--dry-run", "action", flag_value="dry-run", help="Show what it would be, and run nothing.")
@click.option(
    HEALTH_CHECK, "action", flag_value="health", help="Say whether this worker is healthy, instead of being it."
)
@format_option()
def command(
    *,
    backend: str,
    app: str | None,
    tasks: tuple[str, ...] | None,
    exclude_tasks: tuple[str, ...] | None,
    queues: tuple[str, ...] | None,
    profile: str | None,
    profiles_file: Path | None,
    fleet_path: Path | None,
    node: str | None,
    concurrency: int | None,
    worker_name: str | None,
    log_level: str,
    action: str | None,
    form: str,
) -> int:
    """Run a worker that registers the tasks you choose and consumes only their lanes, until it is told to stop.

    Without a choice it takes every task there is. SIGTERM and Ctrl-C drain and stop. The broker and the results are
    those of the file, else of BROKER_URL and RESULT_URL, else the app's own. Exit code 0: stopped when told to. 2: an
    argument, a file, the app, the backend or the broker cannot be used.

    \b
    Examples:
      task-backend-worker -A shop.tasks:app --list-tasks
      task-backend-worker -A shop.tasks:app --tasks=file_extract,file_transform
      task-backend-worker -A shop.tasks:app --exclude-tasks=file_load --concurrency 4
      task-backend-worker --queues=high_priority --dry-run
      task-backend-worker --worker-profile=high-memory --profiles-file=worker-profiles.yaml
      task-backend-worker --worker-profile=high-memory --health-check
    """
    file = _named_file(profiles_file, fleet_path)
    if action == "health":
        chosen = Selection(tasks or (), exclude_tasks or (), queues=queues or (), profile=profile, node=node)
        return health(chosen, app=app, file=file, name=worker_name, json=form == "json")
    from allotment.backends.finding import find_backend

    named_by = "--fleet FILE" if profiles_file is None else "--profiles-file FILE"
    source = Source(app, file, usual_file(Path.cwd(), {}), named_by=named_by)
    request = WorkerRequest(
        tasks=tasks,
        exclude_tasks=exclude_tasks or (),
        queues=queues,
        profile=profile,
        node=node,
        concurrency=concurrency,
        name=worker_name,
        log_level=log_level.upper(),
    )
    found = find_backend(backend).load(source)
    plan = found.plan(request)
    for text in plan.notes:
        note(f"note: {text}")
    if action == "list":
        view.show_tasks(plan, form)
        return 0
    if action == "dry-run":
        view.show_plan(plan, form)
        return 0
    note(view.in_a_line(plan))
    return found.run(plan)


def _named_file(profiles_file: Path | None, fleet: Path | None) -> Path | None:
    """Give the file that was named; a fleet file that the environment alone names gives way to a file of profiles."""
    if profiles_file is not None and fleet is not None and os.environ.get(FLEET_VARIABLE) != str(fleet):
        raise click.UsageError("--profiles-file and --fleet name a file each: leave one of the two out")
    return profiles_file or fleet
