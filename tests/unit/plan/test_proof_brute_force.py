"""The plan and its proof against a second model of a fleet, written with nothing but loops.

The second model knows three things: which keys match a task (`fnmatch`), which worker can run what, and which worker
consumes which queue of the file. It knows nothing of lanes. Random fleets are asked both.
"""

import fnmatch
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allotment.errors import NobodyCanRun, QueueUnknown
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile, Resources
from allotment.model.queue import Queue
from allotment.model.requirements import Mount, Requirements
from allotment.model.task import KnownTask, TaskEntry
from allotment.plan.plan import Plan, compile_plan
from allotment.plan.proof import prove

steady = settings(derandomize=True, deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


# Random fleets

TASKS = ["a", "b", "a.x", "a.y", "b.x", "b.y", "b.y.z"]
KEYS = [*TASKS, "*", "a*", "a.*", "b.*", "*.x", "[ab].*", "b.?*", "*.z", "c.*", "a.[!x]*"]
QUEUES = ["q0", "q1", "q2", "q3", "q4"]

# Whole values are drawn, not their parts: a draw costs more than the check of a fleet.
UP_TO_TWO_KEYS = [(), *((key,) for key in KEYS), *itertools.permutations(KEYS, 2)]
QUEUE_SETS = [queues for size in range(1, 4) for queues in itertools.permutations(QUEUES, size)]
NOTHING = Requirements()
REQUIREMENTS = [
    Requirements(mounts, imports, labels)
    for mounts in ((), (Mount("/m"),), (Mount("/m"), Mount("/n")))
    for imports in ((), ("av",))
    for labels in ((), ("ssd",), ("ssd", "big"))
]
RESOURCES = [Resources(cpu, memory) for cpu in (None, 1, 2, 4) for memory in (None, 1, 3)]
NODES = [
    Node("", cpu=cpu, memory=memory, labels=labels, mounts=mounts)
    for cpu in (None, 4, 12)
    for memory in (None, 4, 12)
    for labels in ((), ("ssd",), ("ssd", "big"))
    for mounts in (None, ("/m",), ("/m", "/n"))
]

one_to_five, one_to_six, up_to_four, up_to_five = (
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(0, 4),
    st.integers(0, 5),
)
key_lists = st.none() | st.sampled_from(UP_TO_TWO_KEYS)
excluded = st.sampled_from([*[()] * len(KEYS), *((key,) for key in KEYS)])
queue_sets = st.sampled_from(QUEUE_SETS)
required = st.sampled_from([*[NOTHING] * 2 * len(REQUIREMENTS), *REQUIREMENTS])
resources = st.sampled_from(RESOURCES)
kinds_of_node = st.sampled_from(NODES)
counts = st.lists(st.integers(0, 2), min_size=6, max_size=6)
keys = st.sampled_from(KEYS)
queue_or_none = st.sampled_from([None, None, *QUEUES])
app_queues = st.lists(st.sampled_from([None, "elsewhere", *QUEUES]), min_size=1, max_size=len(TASKS))
first_task = st.integers(0, len(TASKS) - 1)


@dataclass(frozen=True)
class Fleet:
    model: FleetModel
    known: tuple[KnownTask, ...]


def drawn_fleet(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Fleet:
    queues = QUEUES[: draw(one_to_five)]

    def there(queue: str | None) -> str | None:
        return queue if queue in queues else None

    profiles = {
        name: Profile(
            name,
            queues=tuple(queue for queue in draw(queue_sets) if queue in queues) or (queues[0],),
            tasks=draw(key_lists),
            exclude_tasks=draw(excluded),
            resources=draw(resources),
            requires=draw(required),
        )
        for name in [f"p{number}" for number in range(draw(one_to_six))]
    }
    nodes = {
        name: replace(
            draw(kinds_of_node),
            name=name,
            workers=dict(zip(profiles, draw(counts), strict=False)),
        )
        for name in [f"n{number}" for number in range(draw(up_to_four))]
    }
    entries = [
        TaskEntry(draw(keys), there(draw(queue_or_none)), requires=draw(required)) for _ in range(draw(up_to_five))
    ]
    begin = draw(first_task)
    known = [
        KnownTask(TASKS[(begin + number) % len(TASKS)], app_queue=app_queue)
        for number, app_queue in enumerate(draw(app_queues))
    ]
    model = FleetModel(
        profiles,
        {name: Queue(name) for name in queues},
        nodes,
        tuple({entry.key: entry for entry in entries}.values()),
        default_queue=there(draw(queue_or_none)),
    )
    return Fleet(model, tuple(known))


fleets = st.composite(drawn_fleet)


# The second model


def matching(key: str, task: str) -> bool:
    return fnmatch.fnmatchcase(task, key) if "*" in key else key == task


def entry_of(fleet: Fleet, task: str) -> TaskEntry | None:
    for entry in fleet.model.entries:
        if entry.key == task:
            return entry
    for entry in fleet.model.entries:
        if matching(entry.key, task):
            return entry
    return None


def own_queue(fleet: Fleet, task: KnownTask) -> str | None:
    entry = entry_of(fleet, task.name)
    if entry is not None and entry.queue is not None:
        return entry.queue
    if task.app_queue in fleet.model.queues:
        return task.app_queue
    if fleet.model.default_queue is not None:
        return fleet.model.default_queue
    return next(iter(fleet.model.queues)) if len(fleet.model.queues) == 1 else None


def can_run(fleet: Fleet, profile: str, task: str) -> bool:
    one = fleet.model.profiles[profile]
    registered = one.tasks is None
    for key in one.tasks or ():
        registered = registered or matching(key, task)
    for key in one.exclude_tasks:
        registered = registered and not matching(key, task)
    entry = entry_of(fleet, task)
    if entry is not None:
        for mount in entry.requires.mounts:
            registered = registered and mount.path in [offered.path for offered in one.requires.mounts]
        for module in entry.requires.imports:
            registered = registered and module in one.requires.imports
        for label in entry.requires.labels:
            registered = registered and label in one.requires.labels
    return registered


def workers(fleet: Fleet) -> dict[str, str]:
    """Give the name of every worker with its profile."""
    found = {}
    for node in fleet.model.nodes.values():
        for profile, count in node.workers.items():
            for number in range(count):
                found[f"{profile}-{number + 1}@{node.name}"] = profile
    return found


def consumers(fleet: Fleet, queue: str) -> set[str]:
    return {name for name, profile in workers(fleet).items() if queue in fleet.model.profiles[profile].queues}


def able_on(fleet: Fleet, task: str, queue: str) -> set[str]:
    placed = workers(fleet)
    return {name for name in consumers(fleet, queue) if can_run(fleet, placed[name], task)}


def misplaced(fleet: Fleet) -> list[str]:
    """Give the node of everything that a node lacks."""
    found = []
    for node in fleet.model.nodes.values():
        cores = memory = 0.0
        for name, count in node.workers.items():
            profile = fleet.model.profiles[name]
            cores += count * (profile.resources.cpu or 0)
            memory += count * (profile.resources.memory or 0)
            if count:
                found += [node.name for label in profile.requires.labels if label not in node.labels]
                if node.mounts is not None:
                    found += [node.name for mount in profile.requires.mounts if mount.path not in node.mounts]
        found += [node.name] if node.cpu is not None and cores > node.cpu else []
        found += [node.name] if node.memory is not None and memory > node.memory else []
    return found


def receivers(plan: Plan, broker_queue: str) -> set[str]:
    """Publish: give every worker that takes from this queue at the broker."""
    return {worker.name for worker in plan.workers if broker_queue in worker.consumes}


def made(fleet: Fleet) -> Plan:
    return compile_plan(fleet.model, fleet.known)


# What must be so


def test_the_proof_holds_exactly_where_every_task_can_be_run_where_it_is_sent() -> None:
    seen: Counter[str] = Counter()

    @steady
    @given(fleets())
    def check(fleet: Fleet) -> None:
        proof = prove(made(fleet))
        queues = {task.name: own_queue(fleet, task) for task in fleet.known}
        sound = not misplaced(fleet)
        for task, queue in queues.items():
            sound = sound and queue is not None and bool(able_on(fleet, task, queue))
        assert proof.holds == sound
        if sound:
            pairs = sum(bool(able_on(fleet, task, queue)) for task in queues for queue in fleet.model.queues)
            assert proof.pairs == pairs
        seen["holds" if sound else "fails"] += 1
        seen["pairs"] += proof.pairs if sound else 0

    check()
    assert min(seen["holds"], seen["fails"]) > 15, seen
    assert seen["pairs"] > 100, seen


def test_a_published_task_meets_every_worker_that_can_run_it_and_no_other() -> None:
    seen: Counter[str] = Counter()

    @steady
    @given(fleets())
    def check(fleet: Fleet) -> None:
        plan = made(fleet)
        assert {worker.name: worker.profile for worker in plan.workers} == workers(fleet)
        for task in fleet.known:
            for queue in fleet.model.queues:
                able = able_on(fleet, task.name, queue)
                if not able:
                    with pytest.raises(NobodyCanRun):
                        plan.lane(task.name, queue)
                    seen["refused"] += 1
                    continue
                lane = plan.lane(task.name, queue)
                assert receivers(plan, lane.name) == able
                assert lane.queue == queue
                assert set(lane.profiles) == {workers(fleet)[name] for name in able}
                assert (lane.name == queue) == (able == consumers(fleet, queue))
                seen["split" if lane.name != queue else "whole"] += 1
            queue = own_queue(fleet, task)
            if queue is None or not able_on(fleet, task.name, queue):
                with pytest.raises(NobodyCanRun):
                    plan.lane(task.name)
            else:
                assert plan.lane(task.name) == plan.lane(task.name, queue)
            with pytest.raises(QueueUnknown):
                plan.lane(task.name, "elsewhere")

    check()
    assert min(seen["refused"], seen["split"], seen["whole"]) > 200, seen


@steady
@given(fleets())
def test_a_plain_queue_name_is_taken_by_all_who_consume_the_queue_and_by_nobody_else(fleet: Fleet) -> None:
    plan = made(fleet)
    for queue in fleet.model.queues:
        assert receivers(plan, queue) == consumers(fleet, queue)
        assert (queue in plan.lanes) == bool(consumers(fleet, queue)) == bool(plan.queues[queue].by_set)


@steady
@given(fleets())
def test_lanes_are_used_exactly_where_a_known_task_may_be_sent_there(fleet: Fleet) -> None:
    plan = made(fleet)
    used = {
        plan.lane(task.name, queue).name
        for task in fleet.known
        for queue in fleet.model.queues
        if able_on(fleet, task.name, queue)
    }
    assert plan.used == used
    for worker in plan.workers:
        assert plan.serves(worker) == tuple(name for name in worker.consumes if name in used)
        for name in worker.consumes:
            assert worker.name in receivers(plan, name)


# Producers and workers that know different tasks

EVERYTHING = 2 ** len(TASKS)
knowledge = st.integers(0, EVERYTHING - 1)


def known_by(choice: int) -> tuple[KnownTask, ...]:
    return tuple(KnownTask(task) for number, task in enumerate(TASKS) if choice >> number & 1)


def promised(fleet: Fleet, queue: str, known: tuple[KnownTask, ...]) -> list[set[str]]:
    """Give the sets of workers that have a lane of their own: by known tasks, by the names of the file, and all."""
    names = [entry.key for entry in fleet.model.entries]
    for profile in fleet.model.profiles.values():
        names += [*(profile.tasks or ()), *profile.exclude_tasks]
    names = ["0", *(name.replace("*", "0") for name in names), *(task.name for task in known)]  # no key begins with it
    return [consumers(fleet, queue), *(able_on(fleet, name, queue) for name in names)]


def test_what_both_know_has_the_same_lane_whatever_else_either_knows() -> None:
    """Any two lists: neither needs to hold the other."""
    seen: Counter[str] = Counter()

    @steady
    @given(fleets(), knowledge, knowledge)
    def check(fleet: Fleet, one: int, other: int) -> None:
        plans = [compile_plan(fleet.model, known_by(choice)) for choice in (one, other)]
        for task in known_by(one & other):
            for queue in fleet.model.queues:
                able = able_on(fleet, task.name, queue)
                if able:
                    here, there = (plan.lane(task.name, queue) for plan in plans)
                    assert here == there
                    assert [receivers(plan, here.name) for plan in plans] == [able, able]
                    seen["split" if here.name != queue else "whole"] += 1

    check()
    assert min(seen["split"], seen["whole"]) > 100, seen


def test_what_one_does_not_know_has_the_same_lane_where_the_file_leads_to_it_and_else_the_plain_name() -> None:
    """A set may have no lane only where neither a key of the file, with `0` for `*`, nor a known task has that set.

    What knows less then sends to the plain name, which all who consume the queue take.
    """
    seen: Counter[str] = Counter()

    @steady
    @given(fleets(), knowledge, knowledge)
    def check(fleet: Fleet, one: int, other: int) -> None:
        fewer = compile_plan(fleet.model, known_by(one & other))
        more = compile_plan(fleet.model, known_by(one | other))
        for queue in fleet.model.queues:
            has_lane = promised(fleet, queue, known_by(one & other))
            for task in known_by((one | other) & ~(one & other)):
                able = able_on(fleet, task.name, queue)
                if not able:
                    continue
                sent, exact = fewer.lane(task.name, queue), more.lane(task.name, queue)
                assert receivers(more, exact.name) == able
                if able in has_lane:
                    assert sent == exact
                    assert receivers(fewer, exact.name) == able
                    seen["same"] += 1
                elif sent != exact:
                    assert sent.name == queue
                    assert receivers(fewer, queue) == receivers(more, queue) == consumers(fleet, queue)
                    seen["plain"] += 1

    check()
    assert seen["same"] > 100, seen
    assert seen["plain"] > 0, seen


@steady
@given(fleets())
def test_every_queue_that_would_do_is_named_and_no_other(fleet: Fleet) -> None:
    plan = made(fleet)
    for task in fleet.known:
        expected = {queue for queue in fleet.model.queues if able_on(fleet, task.name, queue)}
        assert set(plan.queues_for(task.name)) == expected


def test_every_counter_example_is_real_and_every_failure_is_counted() -> None:
    seen: Counter[str] = Counter()

    @steady
    @given(fleets())
    def check(fleet: Fleet) -> None:
        examples = prove(made(fleet)).counter_examples
        known = {task.name: task for task in fleet.known}
        placed = workers(fleet)
        for example in examples:
            assert example.reason
            if example.task is None:
                assert example.worker in placed
                seen["placement"] += 1
                continue
            queue = own_queue(fleet, known[example.task])
            assert example.queue == queue
            if queue is None:
                seen["no queue"] += 1
                continue
            assert not able_on(fleet, example.task, queue)
            if example.worker is None:
                assert not consumers(fleet, queue)
                seen["no worker"] += 1
            else:
                assert example.worker in consumers(fleet, queue)
                assert not can_run(fleet, placed[example.worker], example.task)
                seen["cannot run"] += 1
        failing = [
            task.name
            for task in fleet.known
            if (queue := own_queue(fleet, task)) is None or not able_on(fleet, task.name, queue)
        ]
        assert {example.task for example in examples if example.task} <= set(failing)
        assert sum(1 + example.others for example in examples if example.task) == len(failing)
        lacking = Counter(str(example.worker).partition("@")[2] for example in examples if example.task is None)
        assert lacking == Counter(misplaced(fleet))

    check()
    assert min(seen[kind] for kind in ("placement", "no queue", "no worker", "cannot run")) > 20, seen


def test_a_worker_that_is_put_on_a_lane_it_must_not_consume_is_always_found() -> None:
    seen: Counter[str] = Counter()

    @steady
    @given(fleets(), st.integers(0, 10_000))
    def check(fleet: Fleet, choice: int) -> None:
        plan = made(fleet)
        wrong = [
            (task.name, queue, worker)
            for task in fleet.known
            for queue in fleet.model.queues
            if able_on(fleet, task.name, queue)
            for worker in plan.workers
            if not can_run(fleet, worker.profile, task.name)
        ]
        if not wrong:
            return
        task, queue, worker = wrong[choice % len(wrong)]
        changed = replace(worker, consumes=(*worker.consumes, plan.lane(task, queue).name))
        broken = replace(plan, workers=tuple(changed if one is worker else one for one in plan.workers))
        found = {(example.queue, example.worker) for example in prove(broken).counter_examples}
        assert (queue, worker.name) in found
        seen["broken"] += 1

    check()
    assert seen["broken"] > 50, seen


def test_a_lane_that_loses_its_last_worker_is_always_found() -> None:
    seen: Counter[str] = Counter()

    @steady
    @given(fleets())
    def check(fleet: Fleet) -> None:
        plan = made(fleet)
        for task in fleet.known:
            queue = own_queue(fleet, task)
            if queue is None or not able_on(fleet, task.name, queue):
                continue
            lost = plan.lane(task.name).name
            deaf = tuple(
                replace(one, consumes=tuple(name for name in one.consumes if name != lost)) for one in plan.workers
            )
            found = {example.queue for example in prove(replace(plan, workers=deaf)).counter_examples}
            assert queue in found
            seen["broken"] += 1

    check()
    assert seen["broken"] > 50, seen


def test_a_plan_that_takes_a_profile_for_able_which_is_not_is_always_found() -> None:
    seen: Counter[str] = Counter()

    @steady
    @given(fleets(), st.integers(0, 10_000))
    def check(fleet: Fleet, choice: int) -> None:
        plan = made(fleet)
        lies = [
            (task.name, profile)
            for task in fleet.known
            for profile in sorted(set(workers(fleet).values()))
            if not can_run(fleet, profile, task.name)
        ]
        if not lies:
            return
        task, profile = lies[choice % len(lies)]
        lying = replace(plan.tasks[task], able=plan.tasks[task].able | plan.capability.bit(profile))
        examples = prove(replace(plan, tasks={**plan.tasks, task: lying})).counter_examples
        assert (task, profile) in {(one.task, workers(fleet).get(str(one.worker))) for one in examples}
        seen["lies"] += 1

    check()
    assert seen["lies"] > 50, seen
