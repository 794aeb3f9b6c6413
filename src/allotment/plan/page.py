"""The plan as a Markdown page: what each profile handles and needs."""

import re
from collections.abc import Iterable, Iterator

from allotment.model.profile import Pool, Profile
from allotment.model.quantities import counted, show_cpu, show_duration, show_memory
from allotment.plan.plan import Plan


def markdown(plan: Plan) -> str:
    """Write the page. Names are checked by the model; free text is put in code spans."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield "# The fleet"
    yield ""
    model = plan.model
    parts = (("task", plan.tasks), ("queue", plan.queues), ("profile", model.profiles), ("worker", plan.workers))
    listed = ", ".join(counted(len(values), noun) for noun, values in parts)
    yield f"{listed} on {counted(len(model.nodes), 'node')}."
    yield ""
    yield "## Profiles"
    for profile in plan.model.profiles.values():
        yield ""
        yield f"### {_escaped(profile.name)}"
        yield ""
        if profile.about:
            yield _escaped(profile.about)
            yield ""
        yield f"- Handles: {_listed(plan.registered_by(profile.name))}"
        yield f"- Consumes: {_listed(profile.queues)}"
        yield f"- Runs: {_pool(profile)}"
        yield f"- Needs: {_needs(profile)}"
        nodes_of = {worker.node for worker in plan.workers if worker.profile == profile.name}
        yield f"- Runs on: {_listed(sorted(nodes_of))}"
    yield ""
    yield "## Queues"
    yield ""
    yield "| queue | lanes | tasks sent there |"
    yield "|---|---|---|"
    for name, lanes in plan.queues.items():
        tasks = sorted(task.name for task in plan.tasks.values() if task.queue == name)
        cells = (_code(name), _listed(lane.name for lane in lanes.lanes), _listed(tasks))
        # a bar ends a cell in a code span too (GitHub Flavored Markdown, "Tables")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _escaped(text: str) -> str:
    """Write a paragraph's text so that none of it means something to Markdown (CommonMark, "Backslash escapes")."""
    inline = re.sub(r"([\\`*_\[\]<>&|~!])", r"\\\1", " ".join(text.split()))
    return re.sub(r"^([#+=-])|^([0-9]+)([.)])", r"\2\\\1\3", inline)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(_code(name) for name in names) or "nothing"


def _code(text: str) -> str:
    """Write a code span: its fence is longer than any run of backquotes inside (CommonMark, "Code spans")."""
    line = " ".join(text.split("\r\n")).replace("\n", " ").replace("\r", " ")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{line}{space}{fence}"


def _pool(profile: Profile) -> str:
    pool = "gevent pool where gevent is installed, else threads" if profile.pool is Pool.IO else f"{profile.pool} pool"
    if profile.autoscale:
        parts = [f"{pool}, {profile.autoscale.least} to {profile.autoscale.most} at once as there is work"]
    else:
        parts = [f"{pool}, concurrency {profile.concurrency or 'as many as the node has cores'}"]
    if profile.time_limit:
        parts.append(f"killed after {show_duration(profile.time_limit)}")
    if profile.soft_time_limit and profile.pool is not Pool.GEVENT:
        where = " on threads" if profile.pool is Pool.IO else ""
        parts.append(f"warned after {show_duration(profile.soft_time_limit)}{where}")
    if profile.max_tasks_per_child and profile.pool is Pool.PREFORK:
        parts.append(f"a process is replaced after {profile.max_tasks_per_child} tasks")
    return ", ".join(parts)


def _needs(profile: Profile) -> str:
    parts = []
    if profile.resources.cpu is not None:
        parts.append(f"{show_cpu(profile.resources.cpu)} cores")
    if profile.resources.memory is not None:
        parts.append(f"{show_memory(profile.resources.memory)} of memory")
    parts += [f"mount {_code(mount.path)}" for mount in profile.requires.mounts]
    parts += [f"module {_code(name)}" for name in profile.requires.imports]
    parts += [f"label {_code(name)}" for name in profile.requires.labels]
    return ", ".join(parts) or "nothing"
