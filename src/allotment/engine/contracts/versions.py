"""What a worker does with a message made from another version of its contract."""

import functools
from collections.abc import Mapping
from typing import Any

from celery.worker.strategy import default

from allotment.contracts.arguments import MOST_TEXT
from allotment.contracts.comparison import Comparison, compare
from allotment.contracts.differences import Severity
from allotment.contracts.passing import given
from allotment.contracts.shape import Shape
from allotment.engine.contracts.task import HEADER, ContractTask
from allotment.engine.guard.refused import or_later
from allotment.engine.quarantine import Reason, keep_aside, shortened
from allotment.errors import ContractDiffers

MOST_VERSIONS = 64
"""How many versions of a contract a worker remembers its verdict on."""


def strategy(task: ContractTask, app: Any, consumer: Any, **options: Any) -> Any:
    """Give what handles the messages of a contract; named by `Strategy` of its task.

    A message without the header, as plain Celery sends them, and one of the same version are run. One of a version
    that goes together with the worker's is run too; any other is set aside, with both signatures in the reason.
    """
    run = default(task, app, consumer, **options)
    shape = task.contract.shape
    digest = shape.digest
    verdict_on = functools.lru_cache(MOST_VERSIONS)(functools.partial(_verdict, shape))

    def handle(message: Any, body: Any, *rest: Any, **more: Any) -> Any:
        header = (message.headers or {}).get(HEADER)
        if header is None or (isinstance(header, Mapping) and header.get("digest") == digest):
            return run(message, body, *rest, **more)
        why = verdict_on(_shape_text(header))
        told = why if isinstance(why, str) else _told(why, message)
        if told is None:
            return run(message, body, *rest, **more)
        told = shortened(told)
        message.headers[HEADER] = _cut_header(header)
        error = ContractDiffers(told)
        or_later(consumer, message, lambda: keep_aside(consumer, message, Reason.CONTRACT_DIFFERS, told, error))
        return None

    return handle


def _shape_text(header: Any) -> str:
    return str(header.get("shape")) if isinstance(header, Mapping) else ""


def _cut_header(header: Any) -> Any:
    """Give the header as it was, unless it is too large to be sent on with the reason beside it."""
    if isinstance(header, Mapping) and len(_shape_text(header)) <= MOST_TEXT and header.keys() <= {"digest", "shape"}:
        return header
    return shortened(str(header))


def _verdict(shape: Shape, text: str) -> "tuple[Shape, Shape, Comparison] | str":
    """Compare a message's contract with the worker's; give in words why nothing can be said of it."""
    if len(text) > MOST_TEXT:
        return f"a message for {shape} names a contract of {len(text)} characters, and none has more than {MOST_TEXT}"
    try:
        sent = Shape.from_text(text)
        return sent, shape, compare(sent, shape)
    except ValueError as error:
        return f"a message for {shape} names a contract that cannot be read: {error}"


def _told(verdict: tuple[Shape, Shape, Comparison], message: Any) -> str | None:
    """Say why a message does not go together with the worker's contract; None: it does."""
    sent, shape, comparison = verdict
    reasons = [str(one) for one in comparison.differences if one.severity is Severity.BREAKING]
    given = comparison.not_to_be_given & _given(sent, message) if comparison.not_to_be_given else frozenset()
    reasons += [f"it gives {name!r}, which this worker does not have" for name in sorted(given)]
    if not reasons:
        return None
    return f"sent as {sent}, and this worker has {shape}: {'; '.join(reasons)}"


def _given(sent: Shape, message: Any) -> frozenset[str]:
    """Give the names of the parameters for which a message has an argument."""
    try:
        args, kwargs, _ = message.payload
        return given(sent.parameters, len(args), kwargs)
    except (TypeError, ValueError):  # not the body of a task, which is told of elsewhere
        return frozenset()
