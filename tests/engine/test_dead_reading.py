"""Messages that were set aside, read and sent again: what is believed of them."""

import bz2
import json
import zlib
from datetime import UTC, datetime

import pytest
from celery.worker.strategy import hybrid_to_proto2
from kombu.message import Message

from allotment.engine.dead.body import LARGEST, decoded
from allotment.engine.dead.destination import Terms
from allotment.engine.dead.letters import headers_for_replay
from allotment.engine.dead.reading import BROKERS_REASONS, date_in, dead_letter
from allotment.engine.dead.redis_lists import read_element
from allotment.engine.quarantine import Reason
from allotment.model.dead_letter import REASONS, StoredMessage
from allotment.plan.lanes import Lane

DEEP = b"[" * 100_000
AMQP_TIME = datetime(1970, 1, 2)  # noqa: DTZ001 - as py-amqp gives dates
LAST = datetime.max  # noqa: DTZ901 - as above


def message(body: bytes = b"[[], {}, {}]", content_type: str | None = "application/json", **headers: object):
    return StoredMessage(body, "digest", headers, {}, content_type)


def test_every_reason_has_its_words() -> None:
    assert {str(reason) for reason in Reason} | set(BROKERS_REASONS.values()) <= REASONS.keys()


def test_the_header_of_the_guard_is_read() -> None:
    why = {"reason": "unknown-task", "detail": "no", "worker": "w@n", "time": 12.5, "exchange": "e", "queue": "q"}
    letter = dead_letter(message(b"12345", task="t", id="i", allotment_dead=why, expires="1970-01-01T00:01:00+00:00"))
    assert (letter.task, letter.id, letter.size, letter.expires) == ("t", "i", 5, 60.0)
    assert {key: getattr(letter, key) for key in why} == why


@pytest.mark.parametrize(
    ("headers", "deliveries"),
    [
        ({"x-delivery-count": 3, "allotment_deliveries": 2}, 5),
        ({"allotment_deliveries": 7}, 7),
        ({"x-delivery-count": "9", "allotment_deliveries": -4}, 0),
        ({"x-delivery-count": True}, 0),
    ],
)
def test_both_counts_of_deliveries_hold(headers: dict[str, object], deliveries: int) -> None:
    assert dead_letter(message(**headers)).deliveries == deliveries


def test_rabbitmq_s_own_words_are_read() -> None:
    deaths = [
        {"reason": "expired", "queue": "later", "time": LAST, "exchange": "x", "count": 2},
        {"reason": "maxlen", "queue": "first", "time": AMQP_TIME, "exchange": "jobs", "routing-keys": ["k"]},
    ]
    found = dead_letter(
        message(**{"x-death": deaths, "x-first-death-reason": "maxlen", "x-first-death-queue": "first"})
    )
    assert (found.reason, found.queue, found.exchange, found.time) == ("dropped", "first", "jobs", 86_400.0)


@pytest.mark.parametrize(
    "headers",
    [
        {"allotment_dead": "x", "x-death": "y", "x-first-death-reason": {}},
        {"allotment_dead": {"reason": [1], "time": float("nan"), "worker": {}, "queue": b"\xff", "detail": 10**400}},
        {"allotment_dead": {"time": 1e300}, "id": ["a"], "task": {"b": 1}, "expires": "0001-01-01T00:00:00+14:00"},
        {"allotment_dead": {"time": -1}, "expires": LAST, "id": True},
        {"x-death": [1, None, {"reason": {}}], "x-first-death-queue": 7},
    ],
)
def test_nothing_in_a_header_is_believed_to_be_what_it_should(headers: dict[str, object]) -> None:
    letter = dead_letter(message(**headers))
    assert (letter.task, letter.id, letter.time) == (None, None, None)
    assert letter.reason == "unstated"


def test_long_texts_are_cut() -> None:
    assert len(str(dead_letter(message(task="x" * 10**6)).task)) < 1000


def test_protocol_1_has_the_task_in_its_body() -> None:
    letter = dead_letter(message(json.dumps({"task": "old", "id": "1", "args": [], "kwargs": {}}).encode()))
    assert (letter.task, letter.id) == ("old", "1")


@pytest.mark.parametrize("pack", [(zlib.compress, "application/x-gzip"), (bz2.compress, "application/x-bz2")])
def test_a_compressed_body_is_decoded(pack) -> None:
    compress, name = pack
    assert decoded(message(compress(b'{"a": 1}'), compression=name)) == {"a": 1}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (message(b"cos\nsystem\n(S'true'\ntR.", "application/x-python-serialize"), "content type"),
        (message(b"{}", None), "content type"),
        (message(zlib.compress(b" " * (LARGEST + 1)), compression="application/x-gzip"), "larger"),
        (message(b"{}", compression="application/x-gzip"), "damaged"),
        (message(b"{}", compression=["zlib"]), "not known"),
        (message(DEEP), "deep"),
        (message(b"\xff"), "decode"),
        (message(b"1" * 5000), "limit"),
    ],
)
def test_what_cannot_be_decoded_safely_is_not(found: StoredMessage, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        decoded(found)
    assert dead_letter(found).digest == "digest"


@pytest.mark.parametrize(
    "element",
    [
        b"no json",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"body": 5, "properties": {}}',
        b'{"body": "", "properties": []}',
        b'{"body": "\\ud800", "properties": {}}',
        b'{"body": "#", "properties": {"body_encoding": "base64"}, "headers": 7}',
        DEEP,
    ],
)
def test_what_is_no_message_of_kombu_s_is_kept_as_it_is(element: bytes) -> None:
    read = read_element(element)
    assert (read.whole, read.body) == (False, element)
    assert dead_letter(read).reason == "undecodable"


@pytest.mark.parametrize("headers", [{}, {"task": "old"}, {"task": "old", "id": "1", "eta": None}])
def test_an_expiry_in_the_body_counts_where_no_header_says_one(headers: dict[str, object]) -> None:
    """Protocol 1, and the mixed one, for which see Celery's `hybrid_to_proto2`."""
    body = {"task": "old", "id": "1", "args": [], "kwargs": {}, "expires": "1970-01-01T00:01:00+00:00"}
    assert dead_letter(message(json.dumps(body).encode(), **headers)).expires == 60.0
    if headers:
        assert dead_letter(message(json.dumps(body).encode(), **headers, expires=None)).expires is None


def test_dates_are_read_as_a_worker_reads_them() -> None:
    assert date_in({"eta": "2000-01-01T00:00:00"}, "eta", None) == datetime(2000, 1, 1, tzinfo=UTC)
    assert date_in({"eta": None}, "eta", None) is None
    assert date_in({}, "eta", None) is None
    for wrong in ("soon", 5, [], "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        with pytest.raises(ValueError, match="no date"):
            date_in({"eta": wrong}, "eta", None)


def test_headers_that_count_are_taken_off_for_a_replay() -> None:
    headers = {
        "allotment_dead": {},
        "allotment_deliveries": 3,
        "allotment_forwards": 1,
        "x-delivery-count": 2,
        "x-death": [],
        "x-first-death-reason": "r",
        "x-last-death-queue": "q",
        "redelivered": True,
        "allotment": {"queue": "old", "sent": 1.0},
        "expires": "2000-01-01",
        "eta": None,
        "mine": 1,
    }
    lane = Lane("orders:left", "orders", ("left",))
    kept = {"allotment": {"queue": "orders", "sent": 1.0}, "expires": "2000-01-01", "eta": None, "mine": 1}
    assert headers_for_replay(headers, lane, Terms()) == kept
    assert headers_for_replay(headers, lane, Terms(ignore_expiry=True)) == kept | {"expires": None}


def test_an_expiry_in_the_body_is_taken_off_by_a_header() -> None:
    lane, body = Lane("orders", "orders", ("left",)), {"args": [], "kwargs": {}, "expires": "2000-01-01T00:00:00"}
    replayed = headers_for_replay({"task": "old", "id": "1"}, lane, Terms(ignore_expiry=True))
    sent = Message(headers=replayed)
    assert hybrid_to_proto2(sent, body)[1]["expires"] is None, "as a worker of Celery's reads it"
    assert "expires" not in headers_for_replay({"task": "old", "id": "1"}, lane, Terms())
