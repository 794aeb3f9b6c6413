"""Failures are stored beside the worker's main loop, and those that wait for it are bounded."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.app.task import Context
from celery.backends.base import DisabledBackend

from allotment.engine import stored_failures
from allotment.engine.stored_failures import MOST_WAITING, Failure, StoredFailures


class Server:
    """A result server that answers when it is let."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.stored: list[str] = []
        self.broken: set[str] = set()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.answers.set()


@pytest.fixture
def app(server: Server) -> Celery:
    class Results(DisabledBackend):
        def store_result(self, task_id: str, *_: Any, **__: Any) -> None:
            assert server.answers.wait(30)
            if task_id in server.broken:
                raise ValueError(task_id)
            server.stored.append(task_id)

    made = Celery("app", set_as_current=False)
    made.backend_cls = Results
    return made


def failure(app: Celery, identity: str) -> Failure:
    return Failure(app, Context(id=identity), RuntimeError("never run"))


def test_more_than_may_wait_are_left_out_and_nobody_waits_for_them(
    app: Celery, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_failures, "PATIENCE", 0.01)
    failures = StoredFailures()
    for number in range(MOST_WAITING + 50):
        failures.put(failure(app, str(number)))
    left_out = sum("nobody is told" in text for text in caplog.messages)
    assert left_out in {49, 50}, "one may be with the thread"
    server.answers.set()
    failures.finish(30)
    assert server.stored == [str(number) for number in range(MOST_WAITING + 50 - left_out)]
    failures.put(failure(app, "later"))
    failures.finish(30)
    assert server.stored[-1] == "later"


def test_one_that_cannot_be_stored_keeps_none_from_it(app: Celery, server: Server) -> None:
    server.broken.add("broken")
    server.answers.set()
    failures = StoredFailures()
    for identity in ("a", "broken", "b"):
        failures.put(failure(app, identity))
    failures.finish(30)
    assert server.stored == ["a", "b"]


def test_a_worker_that_ends_says_how_many_are_not_told(
    app: Celery, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    failures = StoredFailures()
    for number in range(3):
        failures.put(failure(app, str(number)))
    failures.finish(0.05)
    assert "nobody is told of 3 tasks that will not be run" in caplog.text
    server.answers.set()
    failures.finish(30)
