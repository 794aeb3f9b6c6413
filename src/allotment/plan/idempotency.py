"""Whether a task can be told apart by the key that its entry names."""

from dataclasses import dataclass

from allotment.model.idempotency import TASK_ID, Idempotency
from allotment.model.names import did_you_mean


@dataclass(frozen=True, slots=True)
class UnusableKey:
    """What is wrong with a task's key, and what to do."""

    message: str
    remedy: str


def unusable_key(said: Idempotency, task: str, parameters: tuple[str, ...] | None) -> UnusableKey | None:
    """Say why a task with these parameters cannot have such a key; None: it can, or its parameters are not known."""
    if parameters is None:
        return None
    if not said.parameters and TASK_ID in parameters:
        return UnusableKey(
            f"the key `id` is the task's id, and {task!r} has a parameter of that name too",
            "write key: [id] for the parameter; for the task's id, give the parameter another name",
        )
    lacking = next((name for name in said.parameters if name not in parameters), None)
    if lacking is None:
        return None
    near = did_you_mean(lacking, parameters, otherwise=f"it takes {', '.join(parameters) or 'no arguments'}")
    return UnusableKey(f"the key names the parameter {lacking!r}, which {task!r} does not have", near)
