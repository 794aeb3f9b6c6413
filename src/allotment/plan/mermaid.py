"""The plan as a Mermaid flowchart: queues, lanes, nodes with what each worker registers, results and shared mounts."""

from collections.abc import Iterator
from itertools import groupby

from allotment.model.address import NO_RESULTS
from allotment.plan.placement import Worker
from allotment.plan.plan import Plan

_MOST_TASKS = 6


def mermaid(plan: Plan) -> str:
    """Draw the plan. Names are checked by the model; text that is not a name is encoded for Mermaid."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield "flowchart LR"
    yield '  producer(["producers"])'
    queue_ids = {name: f"q{number}" for number, name in enumerate(plan.queues)}
    lane_ids = {name: f"l{number}" for number, name in enumerate(plan.lanes)}
    for name, lanes in plan.queues.items():
        if not lanes.by_set:
            continue
        yield f"  {queue_ids[name]}[/{_text(name)}/]"
        yield f"  producer --> {queue_ids[name]}"
        for lane in lanes.lanes:
            if lanes.split and lane.name in plan.used:
                yield f"  {lane_ids[lane.name]}[({_text(lane.name)})]"
                yield f"  {queue_ids[name]} --> {lane_ids[lane.name]}"
    worker_ids = {worker.name: f"w{number}" for number, worker in enumerate(plan.workers)}
    for number, (node, workers) in enumerate(groupby(plan.workers, key=lambda worker: worker.node)):
        yield f"  subgraph n{number}[{_text('node ' + node)}]"
        for worker in workers:
            yield f"    {worker_ids[worker.name]}[{_text(_registered(plan, worker))}]"
        yield "  end"
    for worker in plan.workers:
        for name in plan.serves(worker):
            lane = plan.lanes[name]
            source = lane_ids[name] if plan.queues[lane.queue].split else queue_ids[lane.queue]
            yield f"  {source} --> {worker_ids[worker.name]}"
    yield from _results(plan, worker_ids)
    yield from _mounts(plan, worker_ids)


def _registered(plan: Plan, worker: Worker) -> str:
    tasks = plan.registered_by(worker.profile)
    shown = ", ".join(tasks[:_MOST_TASKS]) + (
        f" and {len(tasks) - _MOST_TASKS} more" if len(tasks) > _MOST_TASKS else ""
    )
    return f"{worker.name}\n{shown or 'no tasks'}"


def _results(plan: Plan, worker_ids: dict[str, str]) -> Iterator[str]:
    results = plan.model.results
    if results is None or results.value == NO_RESULTS:
        return
    yield f"  results[({_text('results: ' + results.shown)})]"
    for identity in worker_ids.values():
        yield f"  {identity} -.-> results"


def _mounts(plan: Plan, worker_ids: dict[str, str]) -> Iterator[str]:
    paths = sorted({mount.path for profile in plan.model.profiles.values() for mount in profile.requires.mounts})
    for number, path in enumerate(paths):
        yield f"  m{number}[({_text('mount: ' + path)})]"
        for worker in plan.workers:
            if any(mount.path == path for mount in plan.model.profiles[worker.profile].requires.mounts):
                yield f"  m{number} -.- {worker_ids[worker.name]}"


def _text(text: str) -> str:
    """Write a label: in quotes, with what would end it or mean something to Mermaid as character references."""
    safe = "".join(
        character
        if character.isalnum() or character in " .,:;_-+@/()"
        else "<br>"
        if character == "\n"
        else f"#{ord(character)};"
        for character in text
    )
    return f'"{safe}"'
