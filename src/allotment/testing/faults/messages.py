"""Task messages as a foreign producer makes them: Celery's protocol 2, written by hand.

The source is Celery's page "Message Protocol", version 2.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TaskMessage:
    """A message: its id, its headers and its body."""

    id: str
    headers: Mapping[str, Any]
    body: bytes


def task_message(task: str, args: Sequence[Any] = (), *, task_id: str | None = None, **headers: Any) -> TaskMessage:
    """Make a message for a task; `headers` are put in place of the usual ones."""
    identity = task_id or str(uuid.uuid4())
    usual = {
        "lang": "py", "task": task, "id": identity, "root_id": identity, "parent_id": None, "group": None,
        "retries": 0, "eta": None, "expires": None, "timelimit": [None, None], "argsrepr": "", "kwargsrepr": "",
        "origin": "a stranger", "ignore_result": False,
    }  # fmt: skip
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    body = json.dumps([list(args), {}, embed]).encode()
    return TaskMessage(identity, {**usual, **headers}, body)
