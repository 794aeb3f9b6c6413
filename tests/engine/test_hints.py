"""A real app that routes by resource: what a call hints at, where it may hint, and what is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, chain, chord, group
from kombu import Connection

from allotment import Fleet
from allotment.errors import HintUnknown, PublishRefused

FLEET = """\
app: here:app
default_queue: rest
route_by_resource: {cpu: heavy, io: waiting, argument: kind, words: {io: [telegram]}}
tasks:
  media.pinned: {queue: rest}
profiles:
  all: {queues: [rest, heavy, waiting]}
"""
QUEUES = ("rest", "heavy", "waiting")


@pytest.fixture
def app() -> Iterator[Celery]:
    """Give an app with a broker in memory."""
    made = Celery("here", broker="memory://", backend="cache+memory://", set_as_current=False)
    made.conf.task_routes = {"media.routed": {"queue": "waiting"}}
    for name in ("media.plain", "media.encode_video", "media.pinned", "media.routed", "media.telegram", "media.total"):
        made.task(name=name, shared=False)(_named(name))
    yield made
    with made.connection_for_write() as connection:
        for queue in QUEUES:
            connection.default_channel.queue_purge(queue)
    made.close()


def _named(name: str) -> Any:
    """Give a function of its own name, as Celery tells tasks apart by their functions."""

    def task(*arguments: object, **options: object) -> None: ...

    task.__name__ = task.__qualname__ = name.rpartition(".")[2]
    return task


@pytest.fixture
def fleet(app: Celery, tmp_path: Path) -> Celery:
    """Give the app with the fleet installed."""
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET)
    return Fleet.load(file).install(app)


def taken(app: Celery) -> dict[str, list[Any]]:
    """Take what was sent, by queue."""
    found: dict[str, list[Any]] = {}
    with Connection("memory://") as connection:
        for queue in QUEUES:
            connection.default_channel.queue_declare(queue)
            messages = iter(lambda queue=queue: connection.default_channel.basic_get(queue, no_ack=True), None)
            found |= {queue: messages} if (messages := list(messages)) else {}
    return found


def queues(app: Celery) -> dict[str, list[str]]:
    """Give the names of the tasks that were sent, by queue."""
    return {queue: [message.headers["task"] for message in messages] for queue, messages in taken(app).items()}


def test_without_a_hint_the_words_of_the_name_decide(fleet: Celery) -> None:
    for name in ("media.plain", "media.encode_video", "media.telegram"):
        fleet.tasks[name].delay()
    assert queues(fleet) == {"rest": ["media.plain"], "heavy": ["media.encode_video"], "waiting": ["media.telegram"]}


def test_a_hint_in_the_options_beats_the_words(fleet: Celery) -> None:
    fleet.tasks["media.encode_video"].apply_async(resource_type="io")
    fleet.tasks["media.plain"].apply_async(resource_type="cpu")
    fleet.send_task("media.plain", resource_type="io")
    fleet.tasks["media.encode_video"].s().set(resource_type="io").delay()
    fleet.tasks["media.plain"].signature(options={"resource_type": "cpu"}).apply_async()
    sent = queues(fleet)
    assert {queue: sorted(names) for queue, names in sent.items()} == {
        "waiting": ["media.encode_video", "media.encode_video", "media.plain"],
        "heavy": ["media.plain", "media.plain"],
    }


def test_a_hint_in_the_argument_that_the_file_names_reaches_the_task_too(fleet: Celery) -> None:
    fleet.tasks["media.plain"].delay(1, kind="cpu")
    fleet.tasks["media.plain"].s(2).delay(kind="cpu")
    fleet.tasks["media.plain"].delay(3, resource_type="cpu")
    sent = taken(fleet)
    assert [message.payload[:2] for message in sent["heavy"]] == [[[1], {"kind": "cpu"}], [[2], {"kind": "cpu"}]]
    assert [message.payload[:2] for message in sent["rest"]] == [[[3], {"resource_type": "cpu"}]], "only its own name"


def test_the_option_beats_the_argument(fleet: Celery) -> None:
    fleet.tasks["media.plain"].apply_async(kwargs={"kind": "cpu"}, resource_type="io")
    assert queues(fleet) == {"waiting": ["media.plain"]}


def test_a_kind_without_a_queue_goes_where_the_rest_goes(fleet: Celery) -> None:
    fleet.tasks["media.encode_video"].apply_async(resource_type="memory")
    assert queues(fleet) == {"rest": ["media.encode_video"]}


@pytest.mark.parametrize(("name", "queue"), [("media.pinned", "rest"), ("media.routed", "waiting")])
def test_an_entry_of_its_own_and_the_app_s_routes_beat_the_hint(fleet: Celery, name: str, queue: str) -> None:
    fleet.tasks[name].apply_async(resource_type="cpu")
    fleet.tasks[name].delay(kind="cpu")
    assert queues(fleet) == {queue: [name, name]}


def test_a_queue_named_in_the_call_beats_the_hint(fleet: Celery) -> None:
    fleet.tasks["media.plain"].apply_async(resource_type="cpu", queue="waiting")
    assert queues(fleet) == {"waiting": ["media.plain"]}


def test_the_option_is_in_no_property_and_no_header_of_the_message(fleet: Celery) -> None:
    fleet.tasks["media.plain"].apply_async(resource_type="cpu", zone="nowhere")
    [message] = taken(fleet)["heavy"]
    assert not {"resource_type", "zone"} & (message.properties.keys() | message.headers.keys())
    assert message.payload[1] == {}


def test_what_runs_at_once_in_the_producer_bears_a_hint(fleet: Celery) -> None:
    fleet.conf.task_always_eager = True
    assert fleet.tasks["media.plain"].apply_async(resource_type="cpu").get() is None
    assert queues(fleet) == {}


# In a canvas


def send_what_follows(app: Celery, message: Any) -> None:
    """Send the next task of a chain as a worker does that has run the one before (`celery/app/trace.py`)."""
    *rest, following = message.payload[2]["chain"]
    app.signature(following, app=app).apply_async(chain=rest or None)


def test_each_task_of_a_chain_has_its_own_hint(fleet: Celery) -> None:
    plain = fleet.tasks["media.plain"]
    chain(plain.si().set(resource_type="cpu"), plain.si().set(resource_type="io"), plain.si(), app=fleet).apply_async()
    hinted = []
    for queue in ("heavy", "waiting", "rest"):
        [(found, [message])] = taken(fleet).items()
        hinted.append(found)
        if queue != "rest":
            send_what_follows(fleet, message)
    assert hinted == ["heavy", "waiting", "rest"]


def test_each_task_of_a_group_has_its_own_hint(fleet: Celery) -> None:
    plain = fleet.tasks["media.plain"]
    group(plain.si().set(resource_type="cpu"), plain.si(), plain.si(kind="io"), app=fleet).apply_async()
    assert queues(fleet) == {"heavy": ["media.plain"], "rest": ["media.plain"], "waiting": ["media.plain"]}


def test_a_hint_for_a_whole_group_holds_for_each_task_of_it(fleet: Celery) -> None:
    group(fleet.tasks["media.plain"].si(), fleet.tasks["media.telegram"].si(), app=fleet).apply_async(
        resource_type="cpu"
    )
    assert queues(fleet) == {"heavy": ["media.plain", "media.telegram"]}


def test_the_header_and_the_body_of_a_chord_have_their_own_hints(fleet: Celery) -> None:
    plain, total = fleet.tasks["media.plain"], fleet.tasks["media.total"]
    header = [plain.si().set(resource_type="io"), plain.si().set(resource_type="cpu")]
    chord(header, total.s().set(resource_type="cpu"), app=fleet).apply_async()
    sent = taken(fleet)
    assert [message.headers["task"] for message in sent["waiting"]] == ["media.plain"]
    [message] = sent["heavy"]
    fleet.signature(message.payload[2]["chord"], app=fleet).apply_async(([],))
    assert queues(fleet) == {"heavy": ["media.total"]}


# What is refused


SHAPES: dict[str, Callable[[Any, Any], Any]] = {
    "a call": lambda good, bad: bad,
    "a later task of a chain": lambda good, bad: chain(good, good, bad),
    "a group inside a chain": lambda good, bad: chain(good, group(good, bad)),
    "the body of a chord": lambda good, bad: chord([good, good], bad),
    "what is linked": lambda good, bad: good.clone().set(link=bad),
    "what is linked for an error": lambda good, bad: good.clone().set(link_error=bad),
}


@pytest.mark.parametrize(
    "bad", [{"options": {"resource_type": "gpu"}}, {"kwargs": {"kind": "gpu"}}], ids=["option", "argument"]
)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_kind_that_is_none_is_refused_and_nothing_sent(
    fleet: Celery, shape: Callable[[Any, Any], Any], bad: dict[str, Any]
) -> None:
    plain = fleet.tasks["media.plain"]
    canvas = shape(plain.si(), plain.signature(immutable=True, **bad))
    with pytest.raises(HintUnknown, match=r"of the kind 'gpu', which there is not.*cpu") as refused:
        canvas.apply_async()
    assert refused.value.task == "media.plain"
    assert isinstance(refused.value, PublishRefused)
    assert taken(fleet) == {}


def test_a_hint_in_a_fleet_that_does_not_route_by_resource_is_refused(app: Celery, tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("".join(line for line in FLEET.splitlines(keepends=True) if "route_by_resource" not in line))
    fleet = Fleet.load(file).install(app)
    with pytest.raises(HintUnknown, match=r"does not route by resource.*route_by_resource:"):
        fleet.tasks["media.plain"].apply_async(resource_type="cpu")
    assert taken(fleet) == {}
    fleet.tasks["media.encode_video"].delay(kind="cpu")
    assert queues(fleet) == {"rest": ["media.encode_video"]}, "an argument of this name is the task's own affair"
