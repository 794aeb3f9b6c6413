"""On every broker: messages that are no task's, or lie about themselves, end no worker and are kept as they came."""

import json
import os
import pickle
import time
import uuid
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from celery.result import AsyncResult
from conformance.conftest import Crew
from conformance.test_guard import take_dead
from kombu import Connection

JSON = "application/json"
BODY = json.dumps([[1, 2], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]).encode()
DEEP = b"[" * 100_000 + b"]" * 100_000
NESTED = json.dumps([[], {}, {}]).encode()[:-1]


@dataclass(frozen=True)
class Case:
    """A message, and the reason for which it is to be kept."""

    name: str
    reason: str = "undecodable"
    headers: dict[str, Any] = field(default_factory=dict)
    body: bytes = BODY
    content_type: Any = JSON
    content_encoding: str = "utf-8"

    @property
    def all_headers(self) -> dict[str, Any]:
        """The headers of a good message, but for those that this one has otherwise; a text of dots is left out."""
        found = {"lang": "py", "task": "left.add", "id": f"{self.name}-{uuid.uuid4()}", "case": self.name}
        return {key: value for key, value in {**found, **self.headers}.items() if value != "…"}


def protocol_1(**fields: Any) -> bytes:
    """Make the body of protocol 1, which holds everything."""
    return json.dumps({"task": "left.add", "id": "one", "args": [1, 2], "kwargs": {}, **fields}).encode()


CASES = [
    Case("random-bytes", body=bytes(range(256)) * 8),
    Case("no-body", body=b""),
    Case("cut-off", body=BODY[:-7]),
    Case("a-number", body=b"12"),
    Case("a-text", body=b'"args"'),
    Case("null", body=b"null"),
    Case("a-list-too-short", body=b"[[], {}]"),
    Case("a-list-that-has-args", body=b'["args", {}, {}]'),
    Case("args-no-list", body=b'["ab", {}, {}]'),
    Case("args-null", body=b"[null, {}, {}]"),
    Case("kwargs-no-mapping", body=b"[[], [1], {}]"),
    Case("embedded-no-mapping", body=b"[[], {}, [1]]"),
    Case("chain-no-list", body=b'[[1, 2], {}, {"chain": 7}]'),
    Case("chord-no-mapping", body=b'[[1, 2], {}, {"chord": [1]}]'),
    Case("deeply-nested", body=DEEP),
    Case("wrong-encoding", body=BODY.decode().encode("utf-16")),
    Case("unknown-json-type", body=b'[[{"__type__": [], "__value__": 1}], {}, {}]'),
    Case("compressed-broken", headers={"compression": "application/x-gzip"}, body=zlib.compress(BODY)[:-9]),
    Case("compressed-not", headers={"compression": "application/x-gzip"}),
    Case("compression-unknown", headers={"compression": "application/x-nothing"}),
    Case("compression-a-list", headers={"compression": ["gzip"]}),
    Case("no-id", headers={"id": "…"}),
    Case("id-a-list", headers={"id": ["a", "b"]}),
    Case("id-a-number", headers={"id": 7}),
    Case("id-empty", headers={"id": ""}),
    Case("task-null", headers={"task": None}),
    Case("task-a-list", headers={"task": ["left.add"]}),
    Case("task-a-mapping", headers={"task": {"name": "left.add"}}),
    Case("retries-a-text", headers={"retries": "many"}),
    Case("timelimit-a-number", headers={"timelimit": 5}),
    Case("timelimit-of-one", headers={"timelimit": [5]}),
    Case("timelimit-of-texts", headers={"timelimit": ["a", "b"]}),
    Case("timelimit-negative", headers={"timelimit": [-1, None]}),
    Case("group-a-mapping", headers={"group": {"a": 1}}),
    Case("root-a-list", headers={"root_id": [1]}),
    Case("stamps-a-list", headers={"stamped_headers": ["a"], "stamps": [1]}),
    Case("stamped-with-lists", headers={"stamped_headers": [["a"]], "stamps": {}}),
    Case("eta-a-number", "unreadable-eta", headers={"eta": 1234567890}),
    Case("eta-empty", "unreadable-eta", headers={"eta": ""}),
    Case("eta-false", "unreadable-eta", headers={"eta": False}),
    Case("eta-a-list", "unreadable-eta", headers={"eta": []}),
    Case("eta-words", "unreadable-eta", headers={"eta": "tomorrow"}),
    Case("eta-digits", "unreadable-eta", headers={"eta": "9" * 50_000}),
    Case("eta-before-time", "unreadable-eta", headers={"eta": "0001-01-01T00:00:00+14:00"}),
    Case("eta-after-time", "unreadable-eta", headers={"eta": "9999-12-31T23:59:59-14:00"}),
    Case("expires-words", "unreadable-eta", headers={"expires": "soon"}),
    Case("expires-a-mapping", "unreadable-eta", headers={"expires": {"in": 3}}),
    Case("yaml", "content-refused", content_type="application/x-yaml", body=b"[[1, 2], {}, {}]"),
    Case("unheard-of-type", "content-refused", content_type="application/x-nothing"),
    Case("trusted-text", content_type="application/text", body=b"hello"),
    Case("nothing-at-all", "unknown-protocol", headers={"task": "…", "id": "…", "lang": "…"}, body=b"{}"),
    Case("a-list", "unknown-protocol", headers={"task": "…", "id": "…"}, body=b"[1, 2, 3]"),
    Case("some-json", "unknown-protocol", headers={"task": "…", "id": "…"}, body=b'{"method": "ping"}'),
    Case("protocol-1-task-null", headers={"task": "…"}, body=protocol_1(task=None)),
    Case("protocol-1-task-a-list", headers={"task": "…"}, body=protocol_1(task=["left.add"])),
    Case("protocol-1-id-a-list", headers={"task": "…"}, body=protocol_1(id=[1])),
    Case("protocol-1-args-a-text", headers={"task": "…"}, body=protocol_1(args="ab")),
    Case("protocol-1-kwargs-a-list", headers={"task": "…"}, body=protocol_1(kwargs=[1])),
    Case("protocol-1-eta-words", "unreadable-eta", headers={"task": "…"}, body=protocol_1(eta="later")),
    Case("mixed-without-args", body=b'{"kwargs": {}}'),
    Case("map-of-nothing", headers={"task": "celery.map"}, body=b'[[], {"task": {"task": []}, "it": 1}, {}]'),
    Case("map-of-a-number", headers={"task": "celery.map"}, body=b'[[], {"task": {"task": 5}, "it": []}, {}]'),
    Case("chunks-of-null", headers={"task": "celery.chunks"}, body=b'[[], {"task": {"task": null}, "it": []}, {}]'),
    Case("unknown", "unknown-task", headers={"task": "ghost." + "x" * 60_000}),
    Case("unknown-in-unicode", "unknown-task", headers={"task": "ghost.\ud800\u202e\0\n"}),
    Case(
        "unknown-in-latin-1",
        "unknown-task",
        headers={"task": "ghost.latin"},
        body='[["é"], {}, {}]'.encode("latin-1"),
        content_encoding="latin-1",
    ),
    Case("unknown-and-undecodable", "unknown-task", headers={"task": "ghost.raw"}, body=b"\xff"),
]


@pytest.fixture
def lane(crew: Crew) -> str:
    """Give the lane of a task that one worker alone has."""
    return str(crew.app.allotment.plan.lane("left.add").name)


def publish(crew: Crew, lane: str, cases: list[Case]) -> dict[str, dict[str, Any]]:
    """Send the messages as they are; give the headers of each."""
    sent = {}
    with Connection(crew.broker_url) as connection:
        producer = connection.Producer()
        for case in cases:
            sent[case.name] = case.all_headers
            producer.publish(
                case.body,
                routing_key=lane,
                headers=dict(sent[case.name]),
                content_type=case.content_type,
                content_encoding=case.content_encoding,
            )
    return sent


def test_each_is_kept_once_with_its_reason_and_its_bytes(crew: Crew, lane: str) -> None:
    before = [event for event in crew.fleet.events if event["event"] in {"ended", "given-up"}]
    sent = publish(crew, lane, CASES)
    taken = take_dead(crew, len(CASES), timeout=60)
    found = {headers["case"]: (headers, body) for headers, body in taken}
    assert {case.name for case in CASES} == found.keys()
    assert len(taken) == len(CASES), "none is there twice"
    for case in CASES:
        headers, body = found[case.name]
        why = headers.pop("allotment_dead")
        assert why["reason"] == case.reason, (case.name, why)
        assert why["queue"] == lane
        assert len(why["detail"]) < 3000
        assert why["detail"].isprintable()
        assert body == case.body, case.name
        assert headers == sent[case.name]
    assert crew.run(crew.task("left.add", 1, 2)).value == 3, "the worker goes on"
    assert crew.depth("allotment.dead") == 0
    for case in CASES:
        identity = sent[case.name].get("id")
        if isinstance(identity, str) and identity:
            assert AsyncResult(identity, app=crew.app).state == "FAILURE", f"{case.name}: who waits for it is told"
    ended = [event for event in crew.fleet.events if event["event"] in {"ended", "given-up"}]
    assert ended == before, "no worker has ended"


def test_nesting_that_the_pool_cannot_take_is_kept(crew: Crew, lane: str) -> None:
    """Python reads deeper nesting than it can hand on to the pool, which may happen when a place there becomes free."""
    depths = (50, 200, *range(260, 1000, 60))
    cases = [Case(f"deep-{depth}", body=b"[[%b%b, []], {}, {}]" % (b"[" * depth, b"]" * depth)) for depth in depths]
    nested: list[Any] = []
    for _ in range(400):
        nested = [nested]
    cases.append(Case("deep-header", headers={"other": nested}))
    sent = publish(crew, lane, cases)
    states = {}
    for case in cases:
        result = AsyncResult(sent[case.name]["id"], app=crew.app)
        result.get(timeout=60, propagate=False)
        states[case.name] = result.state
    assert [name for name, state in states.items() if state == "SUCCESS"] == ["deep-50", "deep-200"]
    assert {headers["case"] for headers, _ in take_dead(crew, len(cases) - 2)} == states.keys() - {
        "deep-50",
        "deep-200",
    }
    assert crew.run(crew.task("left.add", 1, 2)).value == 3
    assert not [event for event in crew.fleet.events if event["event"] in {"ended", "given-up"}]


def test_what_was_pickled_is_never_opened(crew: Crew, lane: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    case = Case(
        "pickled",
        body=pickle.dumps((Canary(str(canary)), {}, {})),
        content_type="application/x-python-serialize",
        content_encoding="binary",
    )
    in_one = Case("pickled-1", headers={"task": "…"}, **{k: getattr(case, k) for k in _OF_PICKLE})
    publish(crew, lane, [case, in_one])
    taken = take_dead(crew, 2)
    assert [headers["allotment_dead"]["reason"] for headers, _ in taken] == ["content-refused"] * 2
    assert {body for _, body in taken} == {case.body}
    assert crew.run(crew.task("left.add", 1, 2)).value == 3
    assert not canary.exists()
    pickle.loads(case.body)  # the canary does sing
    assert canary.exists()


_OF_PICKLE = ("reason", "body", "content_type", "content_encoding")


class Canary:
    """Makes a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mknod, (self.path,)


def test_who_waits_for_what_follows_is_told_too(crew: Crew, lane: str) -> None:
    """The second task of a chain can never run once the first was set aside."""
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    follows = {"task": "left.add", "args": [1], "kwargs": {}, "options": {"task_id": second}, "subtask_type": None}
    body = json.dumps([[1, 2], {}, {"chain": [{**follows, "immutable": False}]}]).encode()
    publish(crew, lane, [Case("chained", headers={"id": first, "eta": "never"}, body=body)])
    for identity in (first, second):
        result = AsyncResult(identity, app=crew.app)
        error = result.get(timeout=30, propagate=False)
        assert result.state == "FAILURE"
        assert "never" in str(error)
    take_dead(crew, 1)


def test_a_chord_one_part_of_which_is_set_aside_fails(crew: Crew) -> None:
    from celery import chord, group

    header = group(crew.task("left.add", 1, 2), crew.task("left.add", 3, 4).set(headers={"retries": "x"}))
    result = chord(header, crew.task("right.total")).apply_async()
    with pytest.raises(Exception, match="retries"):
        result.get(timeout=30)
    take_dead(crew, 1)


def test_all_of_them_are_kept_within_moments(crew: Crew, lane: str) -> None:
    """A flood does not hold up what is good: it is behind them all."""
    noise = [Case(f"noise-{number}", body=os.urandom(200)) for number in range(300)]
    publish(crew, lane, noise)
    began = time.monotonic()
    assert crew.run(crew.task("left.add", 5, 6), timeout=60).value == 11
    assert time.monotonic() - began < 60
    assert len(take_dead(crew, len(noise), timeout=60)) == len(noise)
