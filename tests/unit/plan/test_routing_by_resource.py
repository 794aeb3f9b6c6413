"""Routing by resource: which step decides, in which order, and what `explain` says of each."""

from dataclasses import replace

import pytest

from allotment.errors import HintUnknown
from allotment.model.fleet import FleetModel
from allotment.model.kind import Kind, ResourceRouting
from allotment.model.profile import Profile
from allotment.model.task import KnownTask, TaskEntry
from allotment.plan.explain import explain
from allotment.plan.plan import Plan, compile_plan
from allotment.plan.routing import Step

ROUTING = ResourceRouting(
    {Kind.CPU: "heavy", Kind.IO: "waiting"}, "kind", {Kind.IO: ("telegram", "encode_less"), Kind.CPU: ("fetch",)}
)
MODEL = FleetModel(
    {"all": Profile("all", ("rest", "heavy", "waiting", "own", "app"))},
    entries=(TaskEntry("a.encode_own", "own"), TaskEntry("entry.*", "own"), TaskEntry("silent.*")),
    default_queue="rest",
    routing=ROUTING,
)


def plan_of(name: str, app_queue: str | None = None, **changed: object) -> Plan:
    return compile_plan(replace(MODEL, **changed), [KnownTask(name, app_queue=app_queue)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "app_queue", "hint", "queue", "step"),
    [
        # an entry of its own, or a pattern, that says a queue
        ("a.encode_own", "app", "io", "own", Step.ENTRY),
        ("entry.encode", "app", "io", "own", Step.ENTRY),
        # the app's routes; to a queue that is none of the fleet they say nothing
        ("a.encode", "app", "io", "app", Step.APP),
        ("silent.encode", "app", None, "app", Step.APP),
        ("a.encode", "elsewhere", None, "heavy", Step.WORDS),
        # the hint
        ("a.encode", None, "io", "waiting", Step.HINT),
        ("silent.plain", None, "cpu", "heavy", Step.HINT),
        ("a.plain", "elsewhere", "cpu", "heavy", Step.HINT),
        # a kind without a queue tells enough: the words are not asked against it
        ("a.encode", None, "memory", "rest", Step.DEFAULT),
        # the words of the function's name
        ("a.encode", None, None, "heavy", Step.WORDS),
        ("a.sendTelegram", None, None, "waiting", Step.WORDS),
        ("silent.encode", None, None, "heavy", Step.WORDS),
        # a word of the file loses the kind it had
        ("a.fetch", None, None, "heavy", Step.WORDS),
        # words of two kinds, of a kind without a queue, of the module's path alone: nothing
        ("a.encode_and_send", None, None, "rest", Step.DEFAULT),
        ("a.aggregate", None, None, "rest", Step.DEFAULT),
        ("encode.send.plain", None, None, "rest", Step.DEFAULT),
    ],
)
def test_the_first_step_that_says_a_queue_decides(
    name: str, app_queue: str | None, hint: str | None, queue: str, step: Step
) -> None:
    plan = plan_of(name, app_queue)
    assert plan.lane(name, hint=hint).queue == queue
    found = explain(plan, name, hint=hint)
    assert found.queue == queue
    assert found.steps[-1][0] == step
    order = [str(one) for one in Step]
    said = [one for one, _ in found.steps]
    assert said == sorted(said, key=order.index), "in the order they are asked in"
    passed_over = {Step.ONLY, Step.WORDS} if hint and step is Step.DEFAULT else {Step.ONLY}
    assert said == [one for one in order if one not in passed_over][: len(said)], "each one asked, and none after"


def test_the_only_queue_takes_what_nothing_else_decides() -> None:
    model = FleetModel({"all": Profile("all", ("jobs",))}, routing=ResourceRouting({Kind.CPU: "jobs"}))
    plan = compile_plan(model, [KnownTask("a.plain")])
    assert plan.lane("a.plain").queue == "jobs"
    assert [step for step, _ in explain(plan, "a.plain").steps] == ["entry", "app", "hint", "words", "only"]


def test_where_nothing_decides_the_last_step_says_so() -> None:
    found = explain(plan_of("a.plain", default_queue=None), "a.plain")
    assert found.steps[-1] == ("nothing", "nothing says which queue")
    assert found.lane is None


def test_each_step_says_what_it_found() -> None:
    plan = plan_of("silent.encode_and_send")
    assert dict(explain(plan, "silent.encode_and_send").steps) == {
        "entry": "tasks.silent.*: says no queue",
        "app": "its task_routes say nothing of it",
        "hint": "none given",
        "words": "'encode' tells cpu (heavy), 'send' tells io (waiting); two kinds decide nothing",
        "default": "rest",
    }
    assert dict(explain(plan, "silent.encode_and_send", hint="cpu").steps)["hint"] == "resource_type=cpu: heavy"
    assert dict(explain(plan, "silent.plain", hint="memory").steps)["hint"] == (
        "resource_type=memory: route_by_resource has no queue for memory"
    )
    assert dict(explain(plan, "silent.plain").steps)["words"] == "plain: no kind is told"


def test_a_queue_named_in_the_call_comes_before_all_steps() -> None:
    found = explain(plan_of("a.encode"), "a.encode", "own", hint="io")
    assert (found.queue, found.decided_by, found.steps) == ("own", "the call", (("call", "names the queue own"),))


def test_what_decided_is_said_with_the_word() -> None:
    assert plan_of("a.encode").look_up("a.encode").decided_by == "its name: 'encode' tells cpu"
    assert "'aggregate' tells memory" in plan_of("a.aggregate").look_up("a.aggregate").decided_by


@pytest.mark.parametrize("name", ["a.encode", "a.encode_own", "entry.plain", "silent.plain"])
def test_a_hint_that_is_no_kind_is_refused_whatever_decides(name: str) -> None:
    plan = plan_of(name)
    for hint in ("gpu", "CPU", ""):
        with pytest.raises(HintUnknown, match="which there is not") as refused:
            plan.lane(name, hint=hint)
        assert refused.value.task == name
        with pytest.raises(HintUnknown):
            explain(plan, name, hint=hint)


def test_a_hint_where_the_fleet_does_not_route_by_resource_is_refused() -> None:
    plan = plan_of("a.encode", routing=None)
    assert plan.lane("a.encode").queue == "rest", "nor do words tell anything"
    with pytest.raises(HintUnknown, match=r"does not route by resource.*leave the hint out"):
        plan.lane("a.encode", hint="cpu")


def test_the_queues_that_kinds_lead_to_are_queues_of_the_fleet() -> None:
    model = FleetModel({"all": Profile("all", ("rest",))}, routing=ROUTING)
    assert set(model.queues) == {"rest", "heavy", "waiting"}
