"""The plain Celery command of each worker: what to run where Allotment is not."""

import shlex

from allotment.model.profile import Pool, Profile
from allotment.plan.placement import Worker
from allotment.plan.plan import Plan


def celery_arguments(plan: Plan, worker: Worker) -> list[str]:
    """Give the arguments of `celery` for one worker. Always with `-Q`: without it a worker may consume others' queues.

    Lanes that no known task goes to are left out: there is no guard to pass on what arrives there all the same.

    Gossip and mingling are off: their traffic grows with the square of the fleet.
    """
    model = plan.model
    profile = model.profiles[worker.profile]
    arguments = ["-A", model.app or "APP", "worker", "-n", worker.name, "-Q", ",".join(plan.serves(worker))]
    arguments += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    arguments += _pool_arguments(profile, worker.concurrency)
    if profile.pool is Pool.GEVENT and not (model.broker and model.broker.speaks_redis):
        arguments.append("--without-heartbeat")  # it would slow such a worker down to ten tasks a second
    for option, value in (
        ("--prefetch-multiplier", profile.prefetch),
        ("--max-tasks-per-child", profile.max_tasks_per_child),
        ("--max-memory-per-child", profile.max_memory_per_child and profile.max_memory_per_child // 1024),
        ("--time-limit", profile.time_limit),
        ("--soft-time-limit", profile.soft_time_limit),
    ):
        if value is not None:
            arguments += [option, _number(value)]
    return arguments


def _pool_arguments(profile: Profile, concurrency: int | None) -> list[str]:
    """Give the options of the pool and its size.

    A thread pool of Celery's cannot grow: `Autoscaler._grow` (`celery/worker/autoscale.py`) calls a `grow` that
    `celery/concurrency/thread.py` lacks, and the worker ends. It has all its places from the start.
    """
    pool = Pool.THREADS if profile.pool is Pool.IO else profile.pool
    bounds = profile.autoscale
    if bounds and pool is not Pool.THREADS:
        return ["--pool", pool.value, "--autoscale", f"{bounds.most},{bounds.least}"]
    size = bounds.most if bounds else "auto" if concurrency is None else concurrency
    return ["--pool", pool.value, "--concurrency", str(size)]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def commands(plan: Plan) -> str:
    """Write one line a worker, under a comment a node; every argument quoted for a shell.

    A worker that could run nothing of what is sent to its queues has no command: without queues, Celery's worker would
    consume others'.
    """
    lines = []
    for node in plan.model.nodes:
        workers = plan.workers_of(node)
        lines += [f"# node {_in_line(node)}"] if workers else []
        lines += [
            shlex.join(["celery", *celery_arguments(plan, worker)])
            if plan.serves(worker)
            else f"# {_in_line(worker.name)} could run nothing that is sent to its queues"
            for worker in workers
        ]
    return "\n".join(lines) + "\n"


def _in_line(text: str) -> str:
    """Give text for a comment, which the end of a line would end."""
    return text if text.isprintable() else repr(text)
