"""Tasks that stay in the zone they were sent from: their lanes, the proof, the explanation."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allotment.errors import NobodyCanRun, ZoneUnknown
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.task import KnownTask, TaskEntry, ZoneRule
from allotment.plan.explain import explain
from allotment.plan.plan import Plan, compile_plan
from allotment.plan.proof import prove

STAYS = ZoneRule.SAME


def plan_of(profiles: Iterable[Profile], nodes: Iterable[Node], entries: Iterable[TaskEntry], *tasks: str) -> Plan:
    by_name = {profile.name: profile for profile in profiles}
    model = FleetModel(by_name, nodes={node.name: node for node in nodes}, entries=tuple(entries))
    return compile_plan(model, map(KnownTask, tasks))


@pytest.fixture
def plan() -> Plan:
    """Give two zones with a common profile; the profile `north` is in one of them alone, and one node has no zone."""
    return plan_of(
        [Profile("all", ("q",)), Profile("north", ("q",), tasks=("ice.*",))],
        [
            Node("a", {"all": 1, "north": 1}, zone="up"),
            Node("b", {"all": 1}, zone="down"),
            Node("c", {"all": 2}, zone="down"),
            Node("d", {"all": 1}),
        ],
        [TaskEntry("ice.*", "q", zone=STAYS), TaskEntry("count.here", "q", zone=STAYS), TaskEntry("*", "q")],
        "ice.melt",
        "count.here",
        "count.anywhere",
    )


def takers(plan: Plan, task: str, zone: str | None) -> set[str]:
    return {worker.name for worker in plan.consumers[plan.lane(task, zone=zone).name]}


def test_a_task_that_stays_has_a_lane_in_each_zone(plan: Plan) -> None:
    assert plan.lane("ice.melt", zone="up").name == "q@up"
    assert takers(plan, "ice.melt", "up") == {"all-1@a", "north-1@a"}
    assert takers(plan, "ice.melt", "down") == {"all-1@b", "all-1@c", "all-2@c"}
    assert plan.lane("count.here", zone="up").name == "q:all@up"
    assert takers(plan, "count.here", "up") == {"all-1@a"}


def test_sent_from_nowhere_known_it_runs_anywhere(plan: Plan) -> None:
    assert takers(plan, "count.here", None) == {"all-1@a", "all-1@b", "all-1@c", "all-2@c", "all-1@d"}


def test_another_task_runs_anywhere_from_every_zone(plan: Plan) -> None:
    assert {plan.lane("count.anywhere", zone=zone).name for zone in ("up", "down", None, "no such zone")} == {"q:all"}


def test_a_fleet_whose_tasks_go_anywhere_has_no_lanes_of_zones() -> None:
    nodes = [Node("a", {"all": 1}, zone="up"), Node("b", {"all": 1}, zone="down")]
    assert list(plan_of([Profile("all", ("q",))], nodes, [TaskEntry("*", "q")], "count").lanes) == ["q"]


def test_an_unknown_zone_is_refused_with_the_nearest(plan: Plan) -> None:
    with pytest.raises(ZoneUnknown, match=r"no zone 'dwon'.*did you mean 'down'") as refused:
        plan.lane("count.here", zone="dwon")
    assert (refused.value.task, refused.value.queue) == ("count.here", "q")


def test_in_a_fleet_without_zones_every_zone_is_unknown() -> None:
    plan = plan_of([Profile("all", ("q",))], [Node("a", {"all": 1})], [TaskEntry("*", "q", zone=STAYS)], "count")
    assert plan.lane("count").name == "q"
    with pytest.raises(ZoneUnknown, match="no node of the fleet says its zone"):
        plan.lane("count", zone="up")


def test_a_zone_without_a_worker_for_it_is_refused_with_those_that_have_one() -> None:
    profiles = [Profile("ice", ("q",), tasks=("ice.*",)), Profile("rest", ("q",), exclude_tasks=("ice.*",))]
    nodes = [Node("a", {"ice": 1}, zone="up"), Node("b", {"rest": 1}, zone="down")]
    plan = plan_of(profiles, nodes, [TaskEntry("ice.*", "q", zone=STAYS)], "ice.melt")
    with pytest.raises(NobodyCanRun, match=r"zone 'down'.*it can be run in up") as refused:
        plan.lane("ice.melt", zone="down")
    assert (refused.value.task, refused.value.queue) == ("ice.melt", "q")


def test_a_worker_that_scaling_adds_serves_its_own_node_s_zone(plan: Plan) -> None:
    lanes = {zone: set(plan.served("all", zone)) for zone in ("up", "down", None)}
    assert lanes[None] == {"q", "q:all"}
    assert lanes["up"] - lanes[None] == {"q@up", "q:all@up"}
    assert lanes["down"] - lanes[None] == {"q@down", "q:all@down"}
    assert set(plan.served("north", "down")) == {"q"}
    assert all(plan.served(one.profile, plan.model.nodes[one.node].zone) == one.consumes for one in plan.workers)


# The proof


def test_the_proof_counts_zones_and_holds(plan: Plan) -> None:
    assert prove(plan).holds


@pytest.mark.parametrize(
    ("worker", "lane", "reason"),
    [
        ("all-1@b", "q:all@up", "stays there"),
        ("all-1@d", "q@down", "stays there"),
        ("north-1@a", "q:all@up", "register"),
    ],
)
def test_the_proof_finds_a_worker_that_should_not_take_it(plan: Plan, worker: str, lane: str, reason: str) -> None:
    workers = tuple(replace(one, consumes=(*one.consumes, lane)) if one.name == worker else one for one in plan.workers)
    found = prove(replace(plan, workers=workers)).counter_examples
    assert {(one.worker, one.queue) for one in found} == {(worker, "q")}
    assert reason in found[0].reason


def test_the_proof_finds_a_lane_of_a_zone_that_nobody_consumes(plan: Plan) -> None:
    workers = tuple(replace(one, consumes=tuple(set(one.consumes) - {"q:all@up"})) for one in plan.workers)
    [found] = prove(replace(plan, workers=workers)).counter_examples
    assert "'q:all@up'" in found.reason


# The explanation


def test_the_explanation_names_the_zone_s_workers_alone(plan: Plan) -> None:
    found = explain(plan, "ice.melt", zone="down")
    assert (found.lane, set(found.takers)) == ("q@down", {"all-1@b", "all-1@c", "all-2@c"})
    assert dict(found.others) == {
        "north": "profile 'north' does not serve the lane 'q@down': it has no worker in the zone 'down'"
    }
    assert len(explain(plan, "ice.melt").takers) == 6
    assert explain(plan, "count.anywhere", zone="down") == explain(plan, "count.anywhere")


def test_the_explanation_says_why_a_zone_is_refused(plan: Plan) -> None:
    found = explain(plan, "ice.melt", zone="sideways")
    assert found.lane is None
    assert found.takers == ()
    assert found.refused is not None
    assert "no zone 'sideways'" in found.refused


# Every fleet


ZONES = [None, "up", "down"]
TASKS = ["a", "b", "a.x", "b.x"]
KEYS = ["*", "a", "a*", "*.x", "b.*"]
PROFILES = [
    Profile("", queues, tasks=tasks, exclude_tasks=excluded)
    for queues in (("q",), ("r",), ("q", "r"))
    for tasks in (None, *itertools.combinations(KEYS, 1), *itertools.combinations(KEYS, 2))
    for excluded in ((), ("a",), ("*.x",))
]


@st.composite
def fleets(draw: Callable[[st.SearchStrategy[Any]], Any]) -> FleetModel:
    names = [f"p{number}" for number in range(draw(st.integers(1, 4)))]
    profiles = {name: replace(draw(st.sampled_from(PROFILES)), name=name) for name in names}
    nodes = {
        name: Node(
            name, draw(st.dictionaries(st.sampled_from(names), st.integers(0, 2))), zone=draw(st.sampled_from(ZONES))
        )
        for name in [f"n{number}" for number in range(draw(st.integers(1, 4)))]
    }
    entries = draw(st.dictionaries(st.sampled_from(KEYS), st.sampled_from([None, STAYS]), min_size=1))
    return FleetModel(profiles, nodes=nodes, entries=tuple(TaskEntry(key, zone=zone) for key, zone in entries.items()))


@settings(derandomize=True, deadline=None, max_examples=400)
@given(fleets())
def test_a_lane_is_consumed_by_exactly_the_able_workers_of_its_zone(model: FleetModel) -> None:
    """Asked of each task, each queue and each place it may be sent from, with nothing but loops."""
    plan = compile_plan(model, map(KnownTask, TASKS))
    zones = {node.zone for node in model.nodes.values()} - {None}
    for task, queue, zone in itertools.product(TASKS, model.queues, [*ZONES, "elsewhere"]):
        stays = plan.look_up(task).stays_in_zone and zone is not None
        wanted = {
            worker.name
            for worker in plan.workers
            if queue in model.profiles[worker.profile].queues
            and model.profiles[worker.profile].selects(task)
            and (not stays or model.nodes[worker.node].zone == zone)
        }
        able_somewhere = any(
            queue in model.profiles[worker.profile].queues and model.profiles[worker.profile].selects(task)
            for worker in plan.workers
        )
        if wanted:
            lane = plan.lane(task, queue, zone=zone)
            assert {worker.name for worker in plan.consumers[lane.name]} == wanted, (task, queue, zone)
            assert lane.zone == (zone if stays else None)
        else:
            unknown = stays and able_somewhere and zone not in zones
            with pytest.raises(ZoneUnknown if unknown else NobodyCanRun):
                plan.lane(task, queue, zone=zone)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(fleets(), st.sets(st.sampled_from(TASKS)))
def test_a_producer_that_knows_fewer_tasks_sends_to_lanes_of_the_zone_too(model: FleetModel, some: set[str]) -> None:
    """Who takes it there may have to pass it on, and somebody in the zone can run it."""
    plan, producers = (
        compile_plan(model, map(KnownTask, TASKS)),
        compile_plan(model, map(KnownTask, some), complete=False),
    )
    for task, queue, zone in itertools.product(TASKS, model.queues, ["up", "down"]):
        try:
            wanted = plan.lane(task, queue, zone=zone)
        except (NobodyCanRun, ZoneUnknown) as refused:
            with pytest.raises(type(refused)):
                producers.lane(task, queue, zone=zone)
        else:
            lane = producers.lane(task, queue, zone=zone)
            assert lane.name in plan.lanes
            assert lane.zone == wanted.zone
            assert set(plan.consumers[wanted.name]) <= set(plan.consumers[lane.name])
