"""The plan's answers: where a task goes, what decided it, and when a publish is refused."""

import pytest

from allotment.errors import ExitCode, NobodyCanRun, QueueUnknown
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.queue import Queue
from allotment.model.requirements import Mount, Requirements
from allotment.model.task import KnownTask, TaskEntry
from allotment.plan.plan import Plan, compile_plan

IMAGES = Profile("cpu", ("images", "shared"), tasks=("image.*",), exclude_tasks=("image.train",))
EVERYTHING = Profile("any", ("general", "shared"))
TWO = {"cpu": IMAGES, "any": EVERYTHING}


def plan_of(
    *tasks: str | KnownTask,
    entries: tuple[TaskEntry, ...] = (),
    default_queue: str | None = None,
    profiles: dict[str, Profile] = TWO,
    nodes: dict[str, Node] | None = None,
    queues: dict[str, Queue] | None = None,
) -> Plan:
    model = FleetModel(profiles, queues or {}, nodes or {}, entries, default_queue=default_queue)
    return compile_plan(model, [KnownTask(task) if isinstance(task, str) else task for task in tasks])


# What decides


@pytest.mark.parametrize(
    ("entry", "app_queue", "default", "queue", "decided_by"),
    [
        ("images", "shared", "general", "images", "image.*"),
        (None, "shared", "general", "shared", "task_routes"),
        (None, "elsewhere", "general", "general", "default_queue"),
        (None, None, "general", "general", "default_queue"),
        (None, None, None, None, "nothing"),
        (None, "elsewhere", None, None, "nothing"),
    ],
)
def test_the_entry_then_the_apps_route_then_the_default_queue_decides(
    entry: str | None, app_queue: str | None, default: str | None, queue: str | None, decided_by: str
) -> None:
    plan = plan_of(
        KnownTask("image.resize", app_queue=app_queue),
        entries=(TaskEntry("image.*", queue=entry, time_limit=5),),
        default_queue=default,
    )
    task = plan.tasks["image.resize"]
    assert task.queue == queue
    assert decided_by in task.decided_by
    assert task.entry is not None
    assert task.entry.time_limit == 5


def test_the_only_queue_is_the_last_resort() -> None:
    one = {"cpu": Profile("cpu", ("images",))}
    task = plan_of("image.resize", profiles=one).tasks["image.resize"]
    assert (task.queue, task.decided_by) == ("images", "the only queue")
    other = {"cpu": Profile("cpu", ("images",)), "any": Profile("any", ("images", "more"))}
    assert plan_of("image.resize", profiles=other).tasks["image.resize"].queue is None


def test_the_apps_route_comes_before_the_only_queue() -> None:
    one = {"cpu": Profile("cpu", ("images",))}
    task = plan_of(KnownTask("a", app_queue="images"), profiles=one).tasks["a"]
    assert "task_routes" in task.decided_by


def test_an_exact_entry_beats_patterns_and_patterns_go_in_order() -> None:
    plan = plan_of(
        "image.resize",
        "image.crop",
        entries=(TaskEntry("image.*", "images"), TaskEntry("image.c*", "general"), TaskEntry("image.resize", "shared")),
    )
    assert plan.lane("image.resize").queue == "shared"
    assert plan.lane("image.crop").queue == "images"


def test_a_call_that_names_a_queue_beats_everything() -> None:
    plan = plan_of("image.resize", entries=(TaskEntry("image.*", "images"),), default_queue="shared")
    assert plan.lane("image.resize", "general").name == "general"


# Refusals


def test_a_queue_that_is_not_there_is_refused_with_the_nearest() -> None:
    plan = plan_of("image.resize", default_queue="shared")
    with pytest.raises(QueueUnknown) as caught:
        plan.lane("image.resize", "image")
    assert (caught.value.task, caught.value.queue) == ("image.resize", "image")
    assert "'images'" in (caught.value.hint or "")
    assert caught.value.exit_code is ExitCode.FINDINGS


def test_a_queue_where_nobody_can_run_the_task_is_refused_with_those_that_would_do() -> None:
    plan = plan_of("mail.send", "image.resize", default_queue="general")
    with pytest.raises(NobodyCanRun) as caught:
        plan.lane("mail.send", "images")
    error = caught.value
    assert (error.task, error.queue) == ("mail.send", "images")
    assert "mail.send" in error.message
    assert "images" in error.message
    assert "general" in (error.hint or "")
    assert "shared" in (error.hint or "")
    assert plan.queues_for("mail.send") == ("shared", "general")


def test_a_task_that_nobody_runs_is_refused_everywhere() -> None:
    plan = plan_of("mail.send", profiles={"cpu": IMAGES}, default_queue="images")
    assert plan.queues_for("mail.send") == ()
    for queue in (None, "images", "shared"):
        with pytest.raises(NobodyCanRun) as caught:
            plan.lane("mail.send", queue)
        assert "no worker" in (caught.value.hint or "")


def test_a_task_without_a_queue_is_refused_until_a_call_names_one() -> None:
    plan = plan_of("image.resize")
    with pytest.raises(NobodyCanRun) as caught:
        plan.lane("image.resize")
    assert caught.value.queue is None
    assert "default_queue" in (caught.value.hint or "")
    assert plan.lane("image.resize", "images").queue == "images"


def test_a_task_is_refused_where_every_consumer_excludes_it() -> None:
    plan = plan_of("image.train", default_queue="shared")
    with pytest.raises(NobodyCanRun):
        plan.lane("image.train", "images")
    assert plan.lane("image.train").profiles == ("any",)


def test_a_queue_whose_profile_runs_nowhere_is_refused() -> None:
    plan = plan_of("image.resize", nodes={"n": Node("n", {"any": 1})}, default_queue="shared")
    with pytest.raises(NobodyCanRun) as caught:
        plan.lane("image.resize", "images")
    assert "shared" in (caught.value.hint or "")


# Requirements of a task


def test_a_task_that_requires_something_goes_only_to_profiles_that_require_it_too() -> None:
    ready = Profile("ready", ("work",), requires=Requirements((Mount("/srv"),), ("av",), ("ssd",)))
    plain = Profile("plain", ("work",))
    entries = (
        TaskEntry("on_mount", requires=Requirements(mounts=(Mount("/srv"),))),
        TaskEntry("with_import", requires=Requirements(imports=("av",))),
        TaskEntry("on_label", requires=Requirements(labels=("ssd",))),
        TaskEntry("too_much", requires=Requirements(labels=("gpu",))),
    )
    names = [entry.key for entry in entries]
    plan = plan_of(*names, "anything", entries=entries, profiles={"ready": ready, "plain": plain})
    for name in ("on_mount", "with_import", "on_label"):
        assert plan.lane(name).name == "work:ready"
    assert plan.lane("anything").profiles == ("plain", "ready")
    with pytest.raises(NobodyCanRun):
        plan.lane("too_much")


# Tasks that were not known


def test_a_task_that_was_not_known_is_looked_up_in_the_files_patterns() -> None:
    plan = plan_of("image.resize", "mail.send", entries=(TaskEntry("image.*", "images"),), default_queue="general")
    assert plan.lane("image.crop").name == plan.lane("image.resize").name
    assert plan.lane("never.heard").name == "general"
    with pytest.raises(NobodyCanRun):
        plan.lane("never.heard", "images")
    assert "image.crop" not in plan.tasks


def test_which_names_the_fleet_has_heard_of() -> None:
    plan = plan_of("mail.send", entries=(TaskEntry("pay.*", "general"),))
    for name in ("mail.send", "pay.invoice", "image.crop", "celery.ping"):
        assert plan.names(name), name
    for name in ("mail.receive", "image.train", "x"):
        assert not plan.names(name), name


# Celery's own tasks


@pytest.mark.parametrize("tasks", [("mail.send", "image.resize"), ("mail.send",), ()])
def test_celerys_own_tasks_go_where_all_workers_of_the_queue_take_them(tasks: tuple[str, ...]) -> None:
    plan = plan_of(*tasks, default_queue="shared")
    both, one = plan.look_up("image.resize").able, plan.look_up("mail.send").able
    assert both == plan.queues["shared"].consumers
    assert set(plan.queues["shared"].by_set) == {both, one}
    assert plan.lane("celery.backend_cleanup").name == "shared"
    assert {worker.profile for worker in plan.consumers["shared"]} == {"cpu", "any"}
    assert plan.lane("celery.backend_cleanup", "images").name == "images"


def test_celerys_own_tasks_have_a_lane_without_a_default_queue() -> None:
    plan = plan_of("mail.send")
    lane = plan.lane("celery.ping")
    assert plan.consumers[lane.name]


def test_celerys_own_tasks_are_no_tasks_of_the_fleet() -> None:
    plan = plan_of("mail.send", "celery.chord", default_queue="general")
    assert set(plan.tasks) == {"mail.send"}


def test_celerys_own_tasks_to_a_queue_that_is_not_there_are_refused() -> None:
    with pytest.raises(QueueUnknown):
        plan_of("mail.send", default_queue="general").lane("celery.ping", "nowhere")


def test_celerys_own_tasks_to_a_queue_that_nobody_consumes_are_refused() -> None:
    plan = plan_of("mail.send", nodes={"n": Node("n", {"any": 1})}, default_queue="general")
    with pytest.raises(NobodyCanRun):
        plan.lane("celery.ping", "images")


def test_celerys_own_tasks_find_a_queue_that_somebody_consumes() -> None:
    # `images` is the first queue, and its profile runs nowhere
    plan = plan_of("mail.send", nodes={"n": Node("n", {"any": 1})})
    assert plan.consumers.get(plan.lane("celery.ping").name)


def test_an_entry_for_one_of_celerys_own_tasks_decides_where_it_goes() -> None:
    plan = plan_of("mail.send", entries=(TaskEntry("celery.backend_cleanup", "shared"),), default_queue="general")
    assert plan.lane("celery.backend_cleanup").queue == "shared"


# Workers


def test_workers_are_named_by_profile_number_and_node() -> None:
    nodes = {"one": Node("one", {"cpu": 2, "any": 1}), "two": Node("two", {"cpu": 1}), "idle": Node("idle", {"any": 0})}
    plan = plan_of("image.resize", nodes=nodes, default_queue="shared")
    assert [worker.name for worker in plan.workers] == ["cpu-1@one", "cpu-2@one", "any-1@one", "cpu-1@two"]
    assert [worker.name for worker in plan.workers_of("two")] == ["cpu-1@two"]
    assert plan.workers_of() == plan.workers
    assert plan.workers_of("idle") == ()


def test_what_a_profile_registers_of_the_known_tasks() -> None:
    plan = plan_of("image.resize", "image.train", "mail.send", default_queue="shared")
    assert plan.registered_by("cpu") == ("image.resize",)
    assert plan.registered_by("any") == ("image.resize", "image.train", "mail.send")


def test_two_plans_of_the_same_fleet_are_alike() -> None:
    one, two = (plan_of("image.resize", "mail.send", default_queue="shared") for _ in range(2))
    assert one.workers == two.workers
    assert one.queues == two.queues
    assert one.tasks == two.tasks
