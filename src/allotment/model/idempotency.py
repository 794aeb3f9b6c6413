"""That a message which comes twice runs a task's body once: by which values, and for how long."""

from dataclasses import dataclass

from allotment.model.quantities import duration

DAY = 86_400.0

TASK_ID = "id"
"""The key that stands for the task's id."""

SHORTEST_LEASE = 1.0


@dataclass(frozen=True, slots=True)
class Idempotency:
    """By which values calls of a task are the same, and for how long that counts.

    `parameters` names the task's parameters whose values count together; empty: its id does. In seconds, `keep` is how
    long it is known that a call was done, and what came of it; `lease` how long a call whose process died keeps others
    from beginning.
    """

    parameters: tuple[str, ...] = ()
    keep: float = DAY
    lease: float = 30.0

    @classmethod
    def by(cls, key: str | tuple[str, ...], *, keep: float = DAY, lease: float = 30.0) -> "Idempotency":
        """Make it of what the file says: `id`, a parameter's name, or a list of names, in which `id` is one too."""
        if isinstance(key, tuple):
            return cls(key, keep, lease)
        return cls(() if key == TASK_ID else (key,), keep, lease)


def lease(value: object) -> float:
    """Read the seconds of a lease, at least one: it is renewed three times in that. Raises ValueError."""
    seconds = duration(value)
    if seconds < SHORTEST_LEASE:
        raise ValueError(f"{value!r} is too short for a lease: at least 1s, as it is renewed over the network")
    return seconds
