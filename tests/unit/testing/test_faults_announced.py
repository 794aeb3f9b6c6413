"""What `allot up` says of its workers is remembered as it stands."""

from allotment.testing.faults.announced import Announced

STARTED = {"event": "started", "worker": "left-1@here", "pid": 10}
ENDED = {"event": "ended", "worker": "left-1@here", "code": -9}


def test_a_worker_has_the_number_of_its_last_start() -> None:
    announced = Announced()
    announced.read([STARTED, {**STARTED, "worker": "right-1@here", "pid": 11}, ENDED, {**STARTED, "pid": 12}])
    assert announced.pid("left-1@here") == 12
    assert announced.pid("right-1@here") == 11
    assert announced.pid("nobody-1@here") is None


def test_a_worker_that_has_ended_since_has_none() -> None:
    announced = Announced()
    announced.read([STARTED, ENDED])
    assert announced.pid("left-1@here") is None


def test_each_event_is_taken_once() -> None:
    announced, events = Announced(), [STARTED]
    assert announced.read(events) == [STARTED]
    assert announced.read(events) == []
    events.append(ENDED)
    assert announced.read(events) == [ENDED]
    assert announced.count("started") == 1


def test_events_are_counted_of_one_worker_and_of_all() -> None:
    announced = Announced()
    announced.read([STARTED, {**STARTED, "worker": "right-1@here"}, {"event": "fleet-ready", "workers": 2}])
    assert announced.count("started") == 2
    assert announced.count("started", "right-1@here") == 1
    assert announced.count("fleet-ready") == 1
    assert announced.count("fleet-ready", "right-1@here") == 0


def test_another_supervisor_begins_with_no_worker_and_the_counts_go_on() -> None:
    announced = Announced()
    announced.read([STARTED])
    announced.begin_again()
    assert announced.pid("left-1@here") is None
    announced.read([STARTED])
    assert announced.count("started") == 2
