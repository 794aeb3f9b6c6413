"""What the guard takes for a task's message: all that Celery sends, and nothing that Celery's worker trips over."""

import json
from typing import Any

from celery import Celery
from celery.worker.request import Request
from celery.worker.state import revoked
from celery.worker.strategy import hybrid_to_proto2, proto1_to_proto2
from hypothesis import given, settings
from hypothesis import strategies as st
from kombu import Message

from allotment.engine.guard.arrival import read_date
from allotment.engine.guard.shape import fault_of, fields_of, task_named, unreadable_time

app = Celery("shapes", set_as_current=False)
app.conf.timezone = "Europe/Berlin"


@app.task(name="known", shared=False)
def known(*_: Any, **__: Any) -> None:
    """Do nothing."""


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = (
    "id",
    "task",
    "shadow",
    "root_id",
    "parent_id",
    "group",
    "group_index",
    "retries",
    "timelimit",
    "eta",
    "expires",
    "argsrepr",
    "kwargsrepr",
    "ignore_result",
    "replaced_task_nesting",
    "stamped_headers",
    "stamps",
    "origin",
    "lang",
)
DATES = st.datetimes().map(lambda date: date.isoformat()) | st.text("0123456789-:TZ+.", max_size=30)
VALUES = ANYTHING | DATES | st.lists(st.none() | st.integers() | st.floats() | st.text(max_size=3), max_size=3)
ODD_FIELDS = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4)
EMBEDDED = st.dictionaries(st.sampled_from(["callbacks", "errbacks", "chain", "chord"]), ANYTHING)
PARTS = st.tuples(st.lists(ANYTHING, max_size=2), st.dictionaries(st.text(max_size=4), ANYTHING), EMBEDDED).map(list)
BODIES = ANYTHING | PARTS | st.lists(ANYTHING, min_size=3, max_size=3)


def taken(headers: dict[str, Any], payload: Any) -> bool:
    """Say whether the guard lets a message through."""
    if fault_of(headers, payload) is not None:
        return False
    return unreadable_time(fields_of(headers, payload), lambda value: read_date(value, app.conf.timezone)) is None


def receive(headers: dict[str, Any], payload: Any) -> None:
    """Do what Celery's worker does with a message before its pool has it. Raises what that raises."""
    message = Message(
        json.dumps(payload), headers=headers, content_type="application/json", content_encoding="utf-8", channel=None
    )
    body, fields, decoded, utc = message.body, message.headers, False, True
    if "task" not in headers:
        body, fields, decoded, utc = proto1_to_proto2(message, dict(payload))
    elif "args" in payload:
        body, fields, decoded, utc = hybrid_to_proto2(message, payload)
    request = Request(message, app=app, task=app.tasks["known"], body=body, headers=fields, decoded=decoded, utc=utc)
    hard, soft = request.time_limits
    assert all(limit is None or limit >= 0 for limit in (hard, soft))
    hash(request.id)  # what is revoked, and what runs, is looked up by it
    request.revoked()
    revoked.clear()  # what has expired is revoked


class NoBackend:
    """Takes the place of a backend for those that have expired."""

    def mark_as_revoked(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


app.tasks["known"].backend = NoBackend()  # type: ignore[assignment]


@settings(max_examples=400)
@given(odd=ODD_FIELDS)
def test_the_fields_that_are_let_through_are_taken_by_celery(odd: dict[str, Any]) -> None:
    headers, payload = {"lang": "py", "task": "known", "id": "one", **odd}, [[1], {}, {}]
    if taken(headers, payload):
        receive(headers, payload)


@given(payload=BODIES)
def test_the_bodies_that_are_let_through_are_taken_by_celery(payload: Any) -> None:
    headers = {"lang": "py", "task": "known", "id": "one"}
    if taken(headers, payload):
        receive(headers, payload)


@given(odd=ODD_FIELDS, args=VALUES, kwargs=VALUES, headers=st.sampled_from([{}, {"other": 1}, {"task": "known"}]))
def test_what_is_let_through_in_protocol_1_is_taken_by_celery(
    odd: dict[str, Any], args: Any, kwargs: Any, headers: dict[str, Any]
) -> None:
    payload = {"task": "known", "id": "one", "args": args, "kwargs": kwargs, **odd}
    if taken(headers, payload):
        receive(headers, payload)


@given(headers=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), ANYTHING), payload=ANYTHING)
def test_nothing_makes_the_guard_fail(headers: dict[str, Any], payload: Any) -> None:
    fault = fault_of(headers, payload)
    if fault is None:
        assert task_named(headers, payload)
    else:
        assert len(fault.detail) < 300


@given(
    args=st.lists(ANYTHING, max_size=3),
    kwargs=st.dictionaries(st.text(max_size=5), ANYTHING),
    options=st.fixed_dictionaries(
        {},
        optional={
            "countdown": st.integers(-(10**6), 10**8),
            "expires": st.integers(1, 10**8),
            "retries": st.integers(0, 10),
            "time_limit": st.integers(0, 10**6),
            "soft_time_limit": st.floats(0, 10**6),
            "group_id": st.text(min_size=1, max_size=3),
            "group_index": st.integers(0, 9),
            "chord": st.just({"task": "known", "args": [], "kwargs": {}, "options": {}}),
            "chain": st.just([{"task": "known", "args": [], "kwargs": {}, "options": {}}]),
            "shadow": st.text(max_size=3),
            "ignore_result": st.booleans(),
        },
    ),
)
def test_all_that_celery_sends_is_let_through(args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> None:
    for make in (app.amqp.as_task_v2, app.amqp.as_task_v1):
        if make == app.amqp.as_task_v1:
            options = {key: value for key, value in options.items() if key not in {"chain", "group_index"}}
        message = make("one", "known", args, kwargs, **options)
        headers, payload = dict(message.headers), json.loads(json.dumps(message.body))
        assert taken(headers, payload), fault_of(headers, payload)
