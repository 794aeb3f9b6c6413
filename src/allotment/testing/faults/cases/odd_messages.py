"""Messages that are not as they should be: tasks nobody has, bodies nobody can read, ids that come twice."""

import pickle
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allotment.testing.faults.case import EVERY, Case, Skipped
from allotment.testing.faults.messages import TaskMessage, task_message
from allotment.testing.faults.scene import RIGHT, Scene

if TYPE_CHECKING:
    from allotment.testing.faults.brokers import DeadLetter

_SHORT = ("rabbitmq-quorum", "redis")


def unknown_task(scene: Scene) -> None:
    """A foreign producer sends tasks to a lane whose workers have not registered them: one that others have, one none.

    The first is forwarded and runs where it can; the second is set aside.
    """
    scene.fault()
    lane = scene.lane("left.step")
    elsewhere = [scene.push_task("right.step", queue=lane) for _ in range(3)]
    nobody = task_message("nobody.has_it")
    scene.may_be_set_aside(nobody.id)
    scene.push(nobody, lane)
    scene.landed(f"four messages that its workers cannot run went to {lane}")
    scene.until_done(elsewhere, 20.0)
    ran = {run.worker for one in elsewhere for run in scene.runs_of(one)}
    scene.expect("what another worker has runs there", ", ".join(sorted(ran)) or "it did not run", holds=ran == {RIGHT})
    _is_set_aside(scene, nobody, "unknown-task")


def invalid_body(scene: Scene) -> None:
    """A body that is no JSON, and one that is JSON and no task's."""
    scene.fault()
    for body, reason in ((b"\xff\x00 this is no JSON", "undecodable"), (b'"neither is this a task"', "undecodable")):
        message = _with_body(scene, body)
        scene.push(message, scene.lane("left.step"))
        scene.landed(f"{len(body)} bytes that nobody can read were sent")
        _is_set_aside(scene, message, reason)


def refused_content(scene: Scene) -> None:
    """A pickle that would write a file if anybody loaded it."""
    canary = scene.folder / f"canary-{uuid.uuid4().hex}"
    message = _with_body(scene, pickle.dumps(_Canary(canary)))
    scene.fault()
    scene.push(
        message, scene.lane("left.step"), content_type="application/x-python-serialize", content_encoding="binary"
    )
    scene.landed("a pickle with a canary was sent")
    _is_set_aside(scene, message, "content-refused")
    scene.expect("nobody loads the pickle", "the canary's file is there" if canary.exists() else "no canary",
                 holds=not canary.exists())  # fmt: skip


def same_id_twice(scene: Scene) -> None:
    """The same message comes twice: both run, because nothing says that it may not, and there is one result."""
    message = task_message("left.step")
    scene.fault()
    for _ in range(2):
        scene.push(message, scene.lane("left.step"))
    scene.landed("one id was sent twice")
    twice = scene.until(lambda: len(scene.runs_of(message.id)) == 2)  # noqa: PLR2004 - twice
    scene.expect("both run", f"{len(scene.runs_of(message.id))} runs", holds=twice)


def unreadable_eta(scene: Scene) -> None:
    """A message whose ETA is no date: it must neither run at once nor vanish."""
    scene.fault()
    message = task_message("left.step", eta="the day after tomorrow")
    scene.may_be_set_aside(message.id)
    scene.push(message, scene.lane("left.step"))
    scene.landed("an ETA that is no date was sent")
    _is_set_aside(scene, message, "unreadable-eta")
    scene.expect("it does not run", f"{len(scene.runs_of(message.id))} runs", holds=not scene.runs_of(message.id))


def wrong_clock(scene: Scene) -> None:  # noqa: ARG001 - a case takes its scene
    """A clock that is an hour off."""
    raise Skipped("the wall clock cannot be set for one process here: time namespaces have only the monotonic clocks")


class _Canary:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def _with_body(scene: Scene, body: bytes) -> TaskMessage:
    """Make a message that is as it should be but for its body, and so may be set aside."""
    message = replace(task_message("left.step"), body=body)
    scene.may_be_set_aside(message.id)
    return message


def _is_set_aside(scene: Scene, message: TaskMessage, reason: str) -> None:
    """Wait until a message lies in `allotment.dead`, for this reason and with the very bytes that were sent."""
    found: list[DeadLetter] = []

    def there() -> bool:
        found[:] = [letter for letter in scene.broker.dead_letters() if letter.id == message.id]
        return bool(found)

    scene.until(there, 3.0 if scene.plain or scene.without else 15.0)
    letter = found[0] if found else None
    seen = letter.reason if letter else "it is not in allotment.dead"
    scene.expect(f"it is set aside: {reason}", seen, holds=seen == reason)
    if letter:
        same = letter.body == message.body
        scene.expect("its bytes are as they were", "they are" if same else repr(letter.body[:60]), holds=same)


CASES = (
    Case("F8", "tasks arrive that the worker has not registered", unknown_task, short=EVERY),
    Case("F9", "a body that nobody can read", invalid_body, short=_SHORT),
    Case("F10", "a pickle with a canary", refused_content, short=_SHORT),
    Case("F12", "the same id twice", same_id_twice, short=("redis",)),
    Case("F13", "an ETA that is no date", unreadable_eta, short=_SHORT),
    Case("F13b", "a clock that is an hour off", wrong_clock, brokers=("redis",), short=("redis",)),
)
