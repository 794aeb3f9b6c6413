"""On every broker: each message goes to a worker that can run it, whatever canvas it comes from, or is refused."""

import pytest
from celery import chain, chord, group
from celery.beat import ScheduleEntry, Scheduler
from celery.canvas import xmap, xstarmap
from conformance.conftest import Crew
from kombu import Exchange, Queue

from allotment.errors import NobodyCanRun, QueueUnknown, TaskUnknown

LEFT, RIGHT, THIRD = "left-1@node-1", "right-1@node-2", "third-1@node-1"


def test_a_chain_crosses_workers(crew: Crew) -> None:
    outcome = crew.run(
        chain(crew.task("left.add", 1, 2), crew.task("right.double"), crew.task("both.negate"), app=crew.app)
    )
    assert outcome.value == -6
    workers = outcome.workers
    assert workers["left.add"] == {LEFT}
    assert workers["right.double"] == {RIGHT}
    assert workers["both.negate"] <= {RIGHT, THIRD}


def test_a_group_and_a_chord_cross_workers(crew: Crew) -> None:
    header = group(crew.task("left.add", number, number) for number in range(10))
    outcome = crew.run(chord(header, crew.task("right.total"), app=crew.app))
    assert outcome.value == 2 * sum(range(10))
    assert outcome.workers == {"left.add": {LEFT}, "right.total": {RIGHT}}


def test_a_queue_named_in_the_call_leads_to_its_own_workers(crew: Crew) -> None:
    by_call = crew.run(crew.task("both.negate", 4, queue="extra"))
    assert by_call.value == -4
    assert by_call.workers == {"both.negate": {RIGHT}}
    assert [mark.queue for mark in by_call.marks] == ["extra"]


def test_a_queue_set_inside_a_canvas_holds_for_that_task_alone(crew: Crew) -> None:
    outcome = crew.run(
        chain(
            crew.task("left.add", 1, 1),
            crew.task("right.double").set(queue="extra"),
            crew.task("right.double"),
            app=crew.app,
        )
    )
    assert outcome.value == 8
    assert [(mark.task, mark.queue) for mark in outcome.marks if mark.task == "right.double"].count(
        ("right.double", "extra")
    ) == 1


def test_kombu_queues_bindings_and_lanes_name_a_queue_too(crew: Crew) -> None:
    plan = crew.app.allotment.plan
    lane = plan.lane("left.add").name
    assert lane != "work"
    for options in (
        {"queue": Queue("work")},
        {"queue": lane},
        {"exchange": "jobs", "routing_key": "jobs.work"},
        {"exchange": Exchange("jobs"), "routing_key": "jobs.work"},
        {"exchange": "", "routing_key": "work"},
    ):
        outcome = crew.run(crew.task("left.add", 2, 3, **options))
        assert outcome.value == 5
        assert outcome.workers == {"left.add": {LEFT}}


def test_a_retry_goes_back_to_where_it_can_run(crew: Crew) -> None:
    number, retries, lane = crew.run(crew.task("left.again", 7)).value
    assert (number, retries) == (7, 2)
    assert lane == crew.app.allotment.plan.lane("left.again").name


def test_map_and_starmap_follow_the_task_inside(crew: Crew) -> None:
    doubled = xmap(crew.task("right.double"), [1, 2, 3], app=crew.app)
    assert crew.run(doubled).value == [2, 4, 6]
    added = xstarmap(crew.task("left.add"), [(1, 2), (3, 4)], app=crew.app)
    outcome = crew.run(added)
    assert outcome.value == [3, 7]
    assert outcome.workers == {"celery.starmap": {LEFT}}


def test_links_follow_the_plan(crew: Crew) -> None:
    linked = crew.task("left.add", 5, 5).set(link=crew.task("right.double"))
    result = linked.apply_async()
    assert result.get(timeout=20) == 10
    child = result.children[0]
    assert child.get(timeout=20) == 20


def test_beat_sends_by_the_plan(crew: Crew) -> None:
    scheduler = Scheduler(app=crew.app, lazy=True)
    for options in ({}, {"queue": "extra"}):
        entry = ScheduleEntry(name="once", task="right.double", schedule=60, args=(21,), options=options, app=crew.app)
        result = scheduler.apply_async(entry, advance=False)
        assert result.get(timeout=20) == 42


def test_each_worker_imports_only_what_it_registers(crew: Crew) -> None:
    assert crew.run(crew.task("left.modules")).value == ["crew.app", "crew.left"]
    assert crew.run(crew.task("right.modules")).value == ["crew.app", "crew.both", "crew.right"]


def _depths(crew: Crew) -> dict[str, int]:
    return {name: crew.depth(name) for name in (*crew.app.allotment.plan.lanes, "work", "allotment.dead")}


def test_what_nobody_can_run_is_refused_before_anything_is_sent(crew: Crew) -> None:
    before = _depths(crew)
    with pytest.raises(NobodyCanRun) as refused:
        crew.task("left.add", 1, 2, queue="extra").apply_async()
    assert refused.value.task == "left.add"
    assert refused.value.queue == "extra"
    assert refused.value.hint is not None
    assert "work" in refused.value.hint
    with pytest.raises(QueueUnknown, match="wrok") as misspelt:
        crew.task("left.add", 1, 2, queue="wrok").apply_async()
    assert misspelt.value.hint is not None
    assert "work" in misspelt.value.hint
    with pytest.raises(TaskUnknown) as unknown:
        crew.task("left.ad", 1, 2).apply_async()
    assert unknown.value.hint is not None
    assert "left.add" in unknown.value.hint
    assert _depths(crew) == before


@pytest.mark.parametrize(
    "shape", ["chain", "chord body", "group inside", "link", "errback", "link inside", "link of a link"]
)
def test_a_canvas_with_a_task_nobody_can_run_is_refused_whole(crew: Crew, shape: str) -> None:
    good, bad = crew.task("left.add", 1, 2), crew.task("left.add", 1, queue="extra")
    canvas = {
        "chain": chain(good, crew.task("right.double"), bad, app=crew.app),
        "chord body": chord([good, good], bad, app=crew.app),
        "group inside": chain(good, group(crew.task("right.double"), bad, app=crew.app), app=crew.app),
        "link": crew.task("left.add", 1, 2).set(link=bad),
        "link inside": chain(good, crew.task("right.double").set(link=[bad]), app=crew.app),
        "link of a link": crew.task("left.add", 1, 2).set(link=crew.task("right.double").set(link=bad)),
        "errback": crew.task("left.add", 1, 2).set(link_error=bad),
    }[shape]
    ran_before = _ran(crew)
    with pytest.raises(NobodyCanRun):
        canvas.apply_async()
    assert _ran(crew) == ran_before


def _ran(crew: Crew) -> int:
    """Count what the left worker has taken so far, by its own count."""
    stats = crew.app.control.inspect(destination=[LEFT], timeout=5).stats() or {}
    return sum(stats[LEFT]["total"].values())
