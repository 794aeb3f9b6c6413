"""The proof on fleets made by hand, and on plans that are broken on purpose: it has to fail where it should."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile, Resources
from allotment.model.queue import Queue
from allotment.model.requirements import Requirements
from allotment.model.task import BeatEntry, KnownTask, TaskEntry
from allotment.plan.lanes import Lane
from allotment.plan.plan import Plan, compile_plan
from allotment.plan.proof import CounterExample, prove


def plan_of(*profiles: Profile, tasks: Iterable[str | KnownTask], **model: object) -> Plan:
    by_name = {profile.name: profile for profile in profiles}
    known = [KnownTask(task) if isinstance(task, str) else task for task in tasks]
    return compile_plan(FleetModel(by_name, **model), known)  # type: ignore[arg-type]


def only(plan: Plan) -> CounterExample:
    (example,) = prove(plan).counter_examples
    return example


CPU = Profile("cpu", ("orders",), tasks=("image.*", "count.*"))
GPU = Profile("gpu", ("orders",), tasks=("image.*", "train.*"))
TASKS = ("image.resize", "count.words", "train.model")


@pytest.fixture
def split() -> Plan:
    """A queue of three lanes: what both can run, and what only the one or the other can."""
    return plan_of(CPU, GPU, tasks=TASKS)


# Fleets


def test_a_sound_fleet_is_proved_and_its_pairs_are_counted(split: Plan) -> None:
    proof = prove(split)
    assert proof.holds
    assert proof.counter_examples == ()
    assert proof.pairs == 3


def test_a_pair_is_a_task_and_a_queue_where_somebody_can_run_it() -> None:
    mail = Profile("mail", ("mail", "orders"), tasks=("mail.*",))
    proof = prove(plan_of(CPU, mail, tasks=["image.resize", "mail.send"], default_queue="orders"))
    assert proof.holds
    assert proof.pairs == 3  # image.resize: orders; mail.send: mail and orders


def test_a_fleet_without_tasks_is_proved_with_no_pairs() -> None:
    proof = prove(plan_of(CPU, GPU, tasks=[]))
    assert proof.holds
    assert proof.pairs == 0


def test_a_task_without_a_queue_names_those_that_would_do() -> None:
    mail = Profile("mail", ("mail",))
    example = only(plan_of(CPU, mail, tasks=["image.resize"]))
    assert (example.task, example.queue, example.worker) == ("image.resize", None, None)
    assert "orders" in example.mend
    assert "mail" in example.mend
    assert "default_queue" in example.mend


def test_a_task_that_nobody_on_its_queue_can_run_names_a_worker_there_and_the_remedies() -> None:
    mail = Profile("mail", ("mail",))
    plan = plan_of(CPU, mail, tasks=["mail.send"], entries=(TaskEntry("mail.*", "orders"),))
    example = only(plan)
    assert (example.task, example.queue, example.worker) == ("mail.send", "orders", "cpu-1@local")
    assert "does not register" in example.reason
    assert "'cpu'" in example.reason
    assert "send it to mail" in example.mend
    assert "'cpu'" in example.mend
    assert example.path == ("tasks", "mail.*")


def test_a_task_that_nobody_runs_at_all_is_to_be_added_to_a_profile() -> None:
    example = only(plan_of(CPU, tasks=["mail.send"]))
    assert (example.task, example.queue) == ("mail.send", "orders")
    assert "add it to the tasks of profile 'cpu'" in example.mend
    assert example.path == ("profiles", "cpu")


def test_a_requirement_that_no_profile_has_is_the_reason() -> None:
    entries = (TaskEntry("image.*", requires=Requirements(labels=("cuda",))),)
    example = only(plan_of(CPU, tasks=["image.resize"], entries=entries))
    assert "label cuda" in example.reason


def test_a_queue_that_nobody_consumes_names_the_nearest_that_somebody_does() -> None:
    idle = Profile("idle", ("order",))
    plan = plan_of(CPU, idle, tasks=[KnownTask("image.resize", app_queue="order")], nodes={"n": Node("n", {"cpu": 1})})
    example = only(plan)
    assert (example.task, example.queue, example.worker) == ("image.resize", "order", None)
    assert "no worker consumes" in example.reason
    assert "'orders'" in example.mend


def test_there_is_a_remedy_also_where_no_queue_has_a_like_name() -> None:
    busy = Profile("busy", tuple(f"queue_{letter}" for letter in "abcdefghij"))
    idle = Profile("idle", ("zzz",))
    plan = plan_of(busy, idle, tasks=[KnownTask("t", app_queue="zzz")], nodes={"n": Node("n", {"busy": 1})})
    assert only(plan).mend


def test_tasks_that_fail_alike_are_one_counter_example_with_a_count() -> None:
    example = only(plan_of(CPU, tasks=["mail.send_many", "mail.send", "mail.receive"]))
    assert example.task == "mail.send"
    assert example.others == 2


def test_the_shortest_task_comes_first_and_placement_last() -> None:
    plan = plan_of(
        replace(CPU, requires=Requirements(labels=("ssd",))),
        Profile("mail", ("mail",), tasks=("x.*",)),
        tasks=["bb.long", "a.b"],
        entries=(TaskEntry("bb.*", "mail"), TaskEntry("a.*", "orders")),
    )
    assert [example.task for example in prove(plan).counter_examples] == ["a.b", "bb.long", None]


def test_a_worker_that_does_not_fit_its_node_stands_against_the_proof() -> None:
    big = replace(CPU, resources=Resources(cpu=3))
    plan = plan_of(big, tasks=["image.resize"], nodes={"n": Node("n", {"cpu": 2}, cpu=4)})
    proof = prove(plan)
    assert not proof.holds
    example = only(plan)
    assert (example.task, example.queue, example.worker) == (None, None, "cpu-1@n")
    assert "2 × 3 = 6" in example.reason
    assert example.path == ("nodes", "n")
    assert example.mend


# The beat schedule


def beaten(plan: Plan, *beat: BeatEntry) -> Plan:
    return replace(plan, beat=beat)


def test_entries_that_can_be_run_where_they_are_sent_are_proved(split: Plan) -> None:
    entries = (
        BeatEntry("nightly", "count.words"),
        BeatEntry("named", "count.words", "orders"),
        BeatEntry("cleanup", "celery.backend_cleanup"),
        BeatEntry("cleanup here", "celery.backend_cleanup", "orders"),
    )
    assert prove(beaten(split, *entries)).holds


def test_an_entry_for_a_task_that_is_not_there_names_the_nearest(split: Plan) -> None:
    example = only(beaten(split, BeatEntry("nightly", "count.word")))
    assert example.task == "count.word"
    assert "'nightly'" in example.reason
    assert "'count.words'" in example.mend


def test_an_entry_that_names_a_queue_that_is_not_there_names_the_nearest(split: Plan) -> None:
    example = only(beaten(split, BeatEntry("nightly", "count.words", "order")))
    assert (example.task, example.queue) == ("count.words", "order")
    assert "'nightly'" in example.reason
    assert "'orders'" in example.mend


def test_an_entry_that_names_a_queue_where_nobody_can_run_it_names_those_that_would_do() -> None:
    plan = plan_of(CPU, Profile("mail", ("mail",), tasks=("mail.*",)), tasks=["count.words"], default_queue="orders")
    example = only(beaten(plan, BeatEntry("nightly", "count.words", "mail")))
    assert (example.task, example.queue) == ("count.words", "mail")
    assert "orders" in example.mend


@pytest.mark.parametrize("queue", [None, "idle"])
def test_an_entry_for_one_of_celerys_own_tasks_needs_a_worker_too(queue: str | None) -> None:
    idle = Profile("idle", ("idle",))
    plan = plan_of(CPU, idle, tasks=[], nodes={"n": Node("n", {"cpu": 1})}, default_queue="idle")
    example = only(beaten(plan, BeatEntry("cleanup", "celery.backend_cleanup", queue)))
    assert example.task == "celery.backend_cleanup"
    assert "'cleanup'" in example.reason
    assert example.mend


# Plans that are broken on purpose


def test_a_worker_on_a_lane_it_must_not_consume_is_found(split: Plan) -> None:
    cpu, gpu = split.workers
    broken = replace(split, workers=(cpu, replace(gpu, consumes=(*gpu.consumes, "orders:cpu"))))
    example = only(broken)
    assert (example.task, example.queue, example.worker) == ("count.words", "orders", gpu.name)
    assert "does not register" in example.reason


def test_a_worker_of_another_queue_on_a_lane_is_found() -> None:
    plan = plan_of(
        CPU,
        Profile("mail", ("mail",), tasks=("mail.*",)),
        tasks=["image.resize", "mail.send"],
        default_queue="orders",
        entries=(TaskEntry("mail.*", "mail"),),
    )
    assert prove(plan).holds
    cpu, mail = plan.workers
    example = only(replace(plan, workers=(cpu, replace(mail, consumes=("mail", "orders")))))
    assert (example.task, example.queue, example.worker) == ("image.resize", "orders", mail.name)


def test_a_plain_name_that_is_the_lane_of_a_task_that_not_all_can_run_is_found(split: Plan) -> None:
    lanes, able = split.queues["orders"], split.tasks["count.words"].able
    broken = {**lanes.by_set, able: lanes.by_set[lanes.consumers]}
    example = only(replace(split, queues={"orders": replace(lanes, by_set=broken)}))
    assert (example.task, example.queue, example.worker) == ("count.words", "orders", "gpu-1@local")
    assert "does not register" in example.reason


def test_a_plain_name_that_a_worker_of_another_queue_takes_is_found() -> None:
    plan = plan_of(CPU, GPU, Profile("mail", ("mail",), tasks=("mail.*",)), tasks=TASKS, default_queue="orders")
    assert prove(plan).holds
    cpu, gpu, mail = plan.workers
    example = only(replace(plan, workers=(cpu, gpu, replace(mail, consumes=(*mail.consumes, "orders")))))
    assert (example.task, example.queue, example.worker) == ("image.resize", "orders", mail.name)


def test_a_lane_with_the_wrong_name_is_found(split: Plan) -> None:
    lanes = split.queues["orders"]
    able = split.tasks["count.words"].able
    wrong = {**lanes.by_set, able: Lane("orders:gpu", "orders", ("cpu",))}
    proof = prove(replace(split, queues={"orders": replace(lanes, by_set=wrong)}))
    assert [(example.task, example.worker) for example in proof.counter_examples] == [("count.words", "gpu-1@local")]


def test_a_lane_that_was_forgotten_is_found(split: Plan) -> None:
    lanes = split.queues["orders"]
    without = {able: lane for able, lane in lanes.by_set.items() if able != split.tasks["train.model"].able}
    proof = prove(replace(split, queues={"orders": replace(lanes, by_set=without)}))
    assert [(example.task, example.worker) for example in proof.counter_examples] == [("train.model", "cpu-1@local")]


def test_a_lane_that_nobody_consumes_is_found(split: Plan) -> None:
    cpu, gpu = split.workers
    deaf = replace(gpu, consumes=tuple(name for name in gpu.consumes if name != "orders:gpu"))
    proof = prove(replace(split, workers=(cpu, deaf)))
    assert [(example.task, example.queue) for example in proof.counter_examples] == [("train.model", "orders")]


def test_a_plan_without_workers_is_not_proved(split: Plan) -> None:
    proof = prove(replace(split, workers=()))
    assert {example.task for example in proof.counter_examples} == set(TASKS)


def test_a_task_that_is_said_to_be_runnable_where_it_is_not_is_found(split: Plan) -> None:
    both = split.tasks["image.resize"].able
    lying = {**split.tasks, "count.words": replace(split.tasks["count.words"], able=both)}
    proof = prove(replace(split, tasks=lying))
    assert [(example.task, example.worker) for example in proof.counter_examples] == [("count.words", "gpu-1@local")]


@pytest.mark.parametrize(
    ("unable", "word"),
    [
        (Profile("other", ("orders",), tasks=("x.*",)), "does not register"),
        (Profile("other", ("orders",), exclude_tasks=("image.*",)), "exclude_tasks"),
        (Profile("other", ("orders",)), "label ssd"),
    ],
    ids=["not registered", "excluded", "requirement"],
)
def test_a_lie_about_who_can_run_a_task_is_found_whatever_the_truth_is(unable: Profile, word: str) -> None:
    ssd = Requirements(labels=("ssd",))
    able = Profile("able", ("orders",), requires=ssd)
    nodes = {"n": Node("n", {"able": 1, "other": 1}, labels=("ssd",))}
    entries = (TaskEntry("image.*", "orders", requires=ssd),)
    plan = plan_of(able, unable, tasks=["image.resize", "plain"], nodes=nodes, entries=entries, default_queue="orders")
    assert prove(plan).holds
    everybody = plan.capability.set_of(["able", "other"])
    lying = replace(plan.tasks["image.resize"], able=everybody)
    proof = prove(replace(plan, tasks={**plan.tasks, "image.resize": lying}))
    named = [example for example in proof.counter_examples if example.worker == "other-1@n"]
    assert [example.task for example in named] == ["image.resize"]
    assert word in named[0].reason


def test_a_task_sent_to_a_queue_without_its_workers_is_found() -> None:
    mail = Profile("mail", ("mail",), tasks=("mail.*",))
    plan = plan_of(CPU, mail, tasks=["image.resize"], default_queue="orders", queues={"mail": Queue("mail")})
    assert prove(plan).holds
    misled = {"image.resize": replace(plan.tasks["image.resize"], queue="mail")}
    example = only(replace(plan, tasks=misled))
    assert (example.task, example.queue, example.worker) == ("image.resize", "mail", "mail-1@local")
