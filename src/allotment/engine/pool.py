"""Which of Celery's pools a profile runs on here, and what has to happen for it before Celery is imported.

What a profile's settings come to on each pool (Celery 5.7, `celery/concurrency`):

| | prefork | threads | gevent | solo |
| --- | --- | --- | --- | --- |
| `concurrency`, `prefetch` | yes | yes | yes | one at a time |
| `autoscale` | yes | yes, see `allotment.engine.threads` | yes | no |
| `time_limit` | the process is killed | the caller is told, the thread is given up | when the task next yields | no |
| `soft_time_limit` | yes | when the thread next runs Python | no | no |
| `max_tasks_per_child`, `max_memory_per_child` | yes | no | no | no |

Importing this module imports no Celery.
"""

import contextlib
import sys
from importlib.util import find_spec

from allotment.errors import RequirementsUnmet
from allotment.model.profile import Pool, Profile

_CLASSES = {Pool.THREADS: "allotment.engine.threads:TaskPool"}
"""Pools of our own, in place of Celery's of the same name."""


def pool_of(profile: Profile) -> Pool:
    """Give the pool a profile runs on here: `io` is gevent where that is installed, else threads."""
    if profile.pool is not Pool.IO:
        return profile.pool
    return Pool.GEVENT if find_spec("gevent") else Pool.THREADS


def pool_class(profile: Profile) -> str:
    """Give the pool as `pool_cls` of Celery's worker takes it: a name Celery knows, or `module:class`."""
    pool = pool_of(profile)
    return _CLASSES.get(pool, pool.value)


def prepare_pool(profile: Profile) -> None:
    """Make Python's library fit for gevent where the profile runs on that; to be called before Celery is imported.

    Does what `celery -P gevent` does (`celery/__init__.py`, `maybe_patch_concurrency`). Raises RequirementsUnmet where
    it is too late. A gevent that cannot be imported is left to `check_requirements`.
    """
    if pool_of(profile) is not Pool.GEVENT:
        return
    if "celery.app" in sys.modules:
        raise RequirementsUnmet(
            f"profile {profile.name!r} runs on gevent, which has to be set up before Celery is imported",
            hint="start it with `allot worker`, not with `celery allot worker`",
        )
    from celery import maybe_patch_concurrency  # noqa: PLC0415 - the package alone, which must know the unpatched os

    with contextlib.suppress(ImportError):
        maybe_patch_concurrency(["celery", "--pool", Pool.GEVENT.value])
