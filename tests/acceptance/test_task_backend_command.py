"""The command `task-backend-worker` as a user types it: what it shows, and what it says against wrong input."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from acceptance.conftest import Done, clean_environment

APP = """\
from celery import Celery

app = Celery("shop", broker="redis://user:s3cr3t-canary@nowhere:6379/0")


@app.task
def file_extract(number): ...


@app.task
def file_load(number): ...
"""
PROFILES = """\
broker: ${BROKER_URL:-redis://nowhere/0}
profiles:
  high-memory: {tasks: [shop.file_load], queues: [work], concurrency: 2, time_limit: 1h}
  general: {tasks: [shop.file_extract], queues: [work], time_limit: 60}
"""
LEFT_OUT = {"TASK_APP", "TASK_QUEUES", "TASK_BACKEND_TYPE", "RABBITMQ_HOST", "ALLOTMENT_HEARTBEAT"}


def worker(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> Done:
    """Run the command and give what it printed and ended with."""
    kept = {name: value for name, value in clean_environment().items() if name not in LEFT_OUT}
    done = subprocess.run(
        [sys.executable, "-m", "allotment.cli.task_backend_worker", *arguments],
        cwd=folder,
        env=kept | dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    return tmp_path


def plan(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> dict:
    done = worker(*arguments, "--dry-run", "--json", folder=folder, environment=environment)
    assert done.code == 0, done.err + done.out
    return done.document


def names(tasks: list[dict]) -> list[str]:
    return [task["name"] for task in tasks]


def test_without_anything_it_says_what_to_name(tmp_path: Path) -> None:
    done = worker(folder=tmp_path)
    assert done.code == 2
    assert "--app" in done.err
    assert "--fleet" in done.err


def test_a_dry_run_shows_the_plan_without_secrets_and_connects_to_nothing(folder: Path) -> None:
    shown = worker(
        "-A", "shop:app", "--tasks=file_load", "--concurrency=3", "--worker-name=one@x", "--dry-run", folder=folder
    )
    assert shown.code == 0
    for word in ("one@x", "shop.file_load", "3 (prefork)", "redis://nowhere:6379/0", "celery -A shop:app worker"):
        assert word in shown.out
    assert "s3cr3t-canary" not in shown.out + shown.err
    found = plan("-A", "shop:app", "--tasks=file_load", "--concurrency=3", "--worker-name=one@x", folder=folder)
    assert (found["worker"], found["concurrency"], found["consumes"]) == ("one@x", 3, ["shop.file_load"])
    assert (names(found["registers"]), names(found["others"])) == (["shop.file_load"], ["shop.file_extract"])


def test_the_tasks_are_listed_with_queue_and_whether_they_are_taken(folder: Path) -> None:
    done = worker("-A", "shop:app", "--exclude-tasks=file_load", "--list-tasks", folder=folder)
    rows = [line.split(maxsplit=2) for line in done.out.splitlines()]
    assert rows == [
        ["shop.file_extract", "shop.file_extract", "registers"],
        ["shop.file_load", "shop.file_load", "leaves out"],
    ]


def test_the_environment_says_what_flags_do_not(folder: Path) -> None:
    environment = {"TASK_APP": "shop:app", "TASK_QUEUES": "shop.file_load", "BROKER_URL": "amqp://u:s3cr3t-canary@r//"}
    found = plan(folder=folder, environment=environment)
    assert names(found["registers"]) == ["shop.file_load"]
    assert found["broker"] == "amqp://r//"
    both = plan("-A", "shop:app", folder=folder, environment={"TASK_QUEUES": "shop.file_load, shop.file_extract,"})
    assert both["consumes"] == ["shop.file_extract", "shop.file_load"]
    assert worker(folder=folder, environment={"TASK_BACKEND_TYPE": "celry"}).code == 2


def test_a_profile_of_a_file_is_that_of_its_plan(folder: Path) -> None:
    (folder / "worker-profiles.yaml").write_text(PROFILES)
    whole = plan("--worker-profile=high-memory", "-A", "shop:app", folder=folder)
    assert (whole["worker"], whole["consumes"]) == ("high-memory-1@local", ["work", "work:high-memory"])
    assert (whole["concurrency"], whole["time_limit"], names(whole["registers"])) == (2, 3600.0, ["shop.file_load"])
    (folder / "elsewhere.yaml").write_text("app: shop:app\n" + PROFILES)
    named = plan("--profile=high-memory", "--profiles-file=elsewhere.yaml", folder=folder)
    assert named["consumes"] == whole["consumes"]


def test_the_fleet_file_that_is_there_names_the_app(folder: Path) -> None:
    (folder / "fleet.yaml").write_text("app: shop:app\n" + PROFILES)
    found = plan("--tasks=file_load", folder=folder)
    assert (found["source"], found["consumes"]) == ("fleet.yaml", ["work", "work:high-memory"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--backend=celry",), ("'celry'", "did you mean 'celery'")),
        (("--tasks=file_lod",), ("'file_lod'", "did you mean 'file_load'")),
        (("--queues=wrok",), ("'wrok'", "did you mean 'work'")),
        (("--profile=high-memry",), ("'high-memry'", "did you mean 'high-memory'")),
        (("--profile=general", "--tasks=file_load"), ("'file_load'", "'general'")),
        (("--tasks=file_load", "--exclude-tasks=file_load"), ("'shop.file_load'", "excluded")),
        (("--exclude-tasks=*",), ("no task",)),
        (("--tasks=",), ("empty",)),
        (("--node=nowhere",), ("'nowhere'",)),
        (("--profiles-file=nowhere/nothing.yaml",), ("nothing.yaml", "--profiles-file FILE")),
        (("--profiles-file=fleet.yaml", "--fleet=fleet.yaml"), ("leave one",)),
        (("--app=shop:ap",), ("shop:ap",)),
        (("--app=not an app",), ("not an app",)),
        (("--concurrency=0",), ("0",)),
    ],
)
def test_wrong_input_is_told_in_a_line_with_the_way_out(
    folder: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    (folder / "fleet.yaml").write_text("app: shop:app\n" + PROFILES)
    done = worker(*arguments, folder=folder)
    assert done.code == 2, done
    assert all(word in done.err for word in words), done.err
    assert "Traceback" not in done.err


def test_an_empty_choice_is_told_by_the_variable_it_is_from(folder: Path) -> None:
    for flags in ((), ("--health-check",)):
        done = worker("-A", "shop:app", *flags, folder=folder, environment={"TASK_QUEUES": ","})
        assert done.code == 2, done
        assert "TASK_QUEUES" in done.err
        assert "--queues" not in done.err


def test_a_health_check_answers_in_json_where_that_is_asked_for(folder: Path) -> None:
    done = worker("--worker-name=w@x", "--health-check", "--json", folder=folder)
    assert (done.code, done.document["healthy"], done.document["pid"]) == (1, False, None)
    assert "w@x" in done.document["detail"]


def notes(*arguments: str, folder: Path) -> str:
    """Give what a dry run says on standard error."""
    done = worker(*arguments, "--dry-run", folder=folder)
    assert done.code == 0, done
    return done.err


def test_a_task_misspelt_in_a_profile_is_told_with_the_nearest(folder: Path) -> None:
    (folder / "worker-profiles.yaml").write_text(
        "profiles:\n"
        "  one: {tasks: [shop.file_lod, shop.file_extract, 'shop.file_*', 'celery.*'], queues: [work]}\n"
        "  two: {tasks: [shop.file_load, 'mail.*'], queues: [work]}\n"
    )
    lines = notes("-A", "shop:app", "--profile=one", folder=folder).splitlines()
    assert lines == [
        "note: profile 'one' lists 'shop.file_lod', which is no task of the app; did you mean 'shop.file_load'?"
    ]
    every = notes("-A", "shop:app", "--queues=work", folder=folder)
    assert "'shop.file_lod'" in every
    assert "'mail.*'" in every


def test_routers_that_are_functions_are_told_of(folder: Path) -> None:
    (folder / "routed.py").write_text(
        APP + "\n\ndef by_size(name, *rest, **options): ...\n\n\n"
        "app.conf.task_routes = (by_size, 'routed.by_name', {'routed.file_load': 'files'})\n"
    )
    said = notes("-A", "routed:app", folder=folder)
    assert "by_size, routed.by_name" in said
    assert "task_routes" not in notes("-A", "shop:app", folder=folder)


CONTRACTS = """\
from celery import Celery
from allotment import CeleryBackend, contract, implements

app = Celery("trade", broker="redis://nowhere:6379/0")


@contract(name="trade.sell", queue="trade")
def sell(number: int) -> int: ...


@contract(name="trade.buy", queue="trade")
def buy(number: int) -> int: ...


@implements(sell, app=app)
def sell_it(number: int) -> int:
    return number


@app.task
def count(): ...


CeleryBackend(app)
"""


@pytest.mark.parametrize("flags", [(), ("--queues=trade",), ("--tasks=sell",), ("--exclude-tasks=count",)])
def test_a_worker_that_would_take_calls_of_a_contract_without_code_does_not_start(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    (tmp_path / "trade.py").write_text(CONTRACTS)
    done = worker("-A", "trade:app", *flags, folder=tmp_path)
    assert done.code == 2, done
    for word in ("'trade'", "'trade.buy'", "@implements(buy)"):
        assert word in done.err
    assert "it does not start" in notes("-A", "trade:app", *flags, folder=tmp_path)
    assert notes("-A", "trade:app", "--tasks=count", folder=tmp_path) == ""


def test_a_lane_that_would_be_shared_is_named_with_the_remedy(folder: Path) -> None:
    (folder / "fleet.yaml").write_text(
        "app: shop:app\nbroker: redis://nowhere/0\nprofiles: {all: {queues: [work], time_limit: 60}}\n"
    )
    done = worker("--tasks=file_load", folder=folder)
    assert done.code == 2
    assert "'work'" in done.err
    assert "shop.file_extract" in done.err
    assert "choose these too" in done.err


def test_a_fault_in_the_file_is_told_with_its_line(folder: Path) -> None:
    (folder / "worker-profiles.yaml").write_text("profiles:\n  one:\n    queues: [work]\n    concurency: 2\n")
    done = worker("--profile=one", "-A", "shop:app", folder=folder)
    assert done.code == 2
    assert "worker-profiles.yaml:4:5" in done.err
    assert "did you mean 'concurrency'" in done.err


def test_errors_are_json_where_that_is_asked_for(folder: Path) -> None:
    done = worker("-A", "shop:app", "--tasks=x", "--dry-run", "--json", folder=folder)
    assert (done.code, done.document["errors"][0]["code"]) == (2, "unknown-name")


def test_a_program_that_follows_another_plan_is_noticed(folder: Path) -> None:
    (folder / "worker-profiles.yaml").write_text(PROFILES)
    (folder / "led.py").write_text(
        APP + '\nfrom allotment import CeleryBackend\n\nbackend = CeleryBackend(app, fleet="worker-profiles.yaml")\n'
    )
    (folder / "alone.py").write_text(APP + "\nfrom allotment import CeleryBackend\n\nbackend = CeleryBackend(app)\n")
    (folder / "worker-profiles.yaml").write_text(PROFILES.replace("shop.", "led."))
    assert plan("-A", "led:backend", folder=folder)["source"] == "worker-profiles.yaml"
    assert plan("-A", "alone:backend", folder=folder)["source"] == "the tasks of alone:backend"
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "fleet.yaml").write_text(PROFILES.replace("shop.", "installed."))
    (folder / "installed.py").write_text(
        APP + '\nfrom allotment import Fleet\n\nFleet.load("elsewhere/fleet.yaml").install(app)\n'
    )
    assert plan("-A", "installed:app", folder=folder)["source"] == "fleet.yaml", "not the file that is just there"
    done = worker("-A", "alone:app", "--profiles-file=worker-profiles.yaml", "--dry-run", folder=folder)
    assert done.code == 2
    assert 'CeleryBackend(app, fleet="worker-profiles.yaml")' in done.err


@pytest.mark.parametrize("flags", [(), ("-A", "shop:app", "--tasks=a,b"), ("--profile", "gpu"), ("--worker-name=w@x",)])
def test_a_health_check_imports_neither_click_nor_celery(tmp_path: Path, flags: tuple[str, ...]) -> None:
    code = (
        "import sys; from allotment.cli.task_backend_worker import main\n"
        "code = main(sys.argv[1:])\n"
        "print(code, [name for name in ('click', 'celery', 'yaml', 'allotment.plan') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *flags, "--health-check"],
        cwd=tmp_path,
        env=clean_environment() | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    said, result = done.stdout.splitlines()
    assert (said.startswith("unhealthy: "), result) == (True, "1 []"), done.stdout + done.stderr


BACKEND = '''\
"""A backend of another distribution."""

import sys

from allotment import RegisteredTask, SelectionInvalid
from allotment.backends.worker_plan import WorkerPlan
from allotment.model.node import Node
from allotment.model.profile import Profile


class DrawerBackend:
    name = "drawer"

    @classmethod
    def load(cls, source):
        made = cls()
        made.app = source.app
        return made

    @property
    def tasks(self):
        return {name: RegisteredTask(name, "top", "drawer") for name in ("fold", "stow")}

    def plan(self, request):
        chosen = tuple(request.tasks or self.tasks)
        if unknown := set(chosen) - set(self.tasks):
            raise SelectionInvalid(f"the drawer has no {min(unknown)}", hint="fold or stow")
        return WorkerPlan(
            backend=self.name,
            source=f"the drawer {self.app}",
            name=request.name or "drawer@here",
            registers=tuple(self.tasks[name] for name in chosen),
            others=(),
            consumes=("top",),
            profile=Profile("drawer", ("top",)),
            node=Node("here"),
            concurrency=request.concurrency,
            broker="none",
        )

    def run(self, plan):
        print("ran", *(task.name for task in plan.registers), plan.concurrency)
        return 7
'''


def install(folder: Path, entry_point: str) -> dict[str, str]:
    """Put a distribution with a backend on the path; give the environment that does."""
    (folder / "drawer.py").write_text(BACKEND)
    (folder / "broken.py").write_text("raise RuntimeError('no drawer here')\n")
    info = folder / "drawer-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: drawer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[allotment.backends]\ndrawer = {entry_point}\n")
    return {"PYTHONPATH": str(folder)}


def test_a_backend_of_another_distribution_is_found_planned_and_run(tmp_path: Path) -> None:
    environment = install(tmp_path, "drawer:DrawerBackend")
    found = plan("--backend=drawer", "-A", "left", "--tasks=stow", folder=tmp_path, environment=environment)
    assert (found["backend"], found["source"], names(found["registers"])) == ("drawer", "the drawer left", ["stow"])
    ran = worker("--backend=drawer", "--concurrency=4", folder=tmp_path, environment=environment)
    assert (ran.code, ran.out.strip()) == (7, "ran fold stow 4")
    wrong = worker("--backend=drawer", "--tasks=iron", folder=tmp_path, environment=environment)
    assert wrong.code == 2
    assert "the drawer has no iron" in wrong.err
    listed = worker("--backend=drawr", folder=tmp_path, environment=environment)
    assert "did you mean 'drawer'" in listed.err


@pytest.mark.parametrize(
    ("entry_point", "words"),
    [
        ("broken:Backend", ("RuntimeError", "no drawer here", "drawer 1.0")),
        ("absent:Backend", ("ModuleNotFoundError", "absent")),
        ("drawer:Missing", ("Missing",)),
        ("drawer:sys", ("lacks", "load, tasks, plan, run")),
    ],
)
def test_a_broken_entry_point_is_told_with_its_distribution(
    tmp_path: Path, entry_point: str, words: tuple[str, ...]
) -> None:
    environment = install(tmp_path, entry_point)
    done = worker("--backend=drawer", "--json", "--dry-run", folder=tmp_path, environment=environment)
    assert done.code == 2, done
    [error] = json.loads(done.out)["errors"]
    assert error["code"] == "backend-unusable"
    assert all(word in error["message"] for word in words), error
    assert plan("-A", "drawer_app:app", folder=app_beside(tmp_path), environment=environment)["backend"] == "celery"


def app_beside(folder: Path) -> Path:
    (folder / "drawer_app.py").write_text(APP)
    return folder


@pytest.mark.parametrize(
    ("more", "celery"), [("app = backend.celery\n", "jobs:app"), ("", None)], ids=["with an app", "without one"]
)
def test_the_plain_command_is_one_that_celery_takes(more: str, celery: str | None, tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(
        "from allotment import CeleryBackend\n\nbackend = CeleryBackend()\n"
        f"{more}\n\n@backend.register_task()\ndef send(to):\n    return to\n"
    )
    found = plan("-A", "jobs:backend", folder=tmp_path)
    if celery is None:
        assert found["command"] is None
        assert any("app = backend.celery" in note for note in found["notes"])
        return
    words = shlex.split(found["command"])
    assert words[1:3] == ["-A", celery]
    asked = subprocess.run(
        [sys.executable, "-m", "celery", *words[1:3], "report"], cwd=tmp_path, capture_output=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
