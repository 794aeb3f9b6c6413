"""Delayed calls: by which way they wait, and that nothing takes the wait for something else."""

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from celery import Celery
from kombu.transport.native_delayed_delivery import MAX_NUMBER_OF_BITS_TO_USE

from allotment.engine.dead.reading import dead_letter
from allotment.engine.delays import detour, keep_quiet_of_delays, lane_key
from allotment.engine.router import requested_queue
from allotment.model.dead_letter import StoredMessage
from allotment.model.fleet import FleetModel
from allotment.model.profile import Profile
from allotment.plan.plan import compile_plan

LANE = SimpleNamespace(name="far.near:left+right@eu-1")


def due_in(seconds: float) -> str:
    """Give the time that is so many seconds from now, as Celery writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_the_way_holds_the_seconds_and_the_lane() -> None:
    options = detour(LANE, {"eta": due_in(100.5)}, "quorum")
    *bits, name = options["routing_key"].split(".", MAX_NUMBER_OF_BITS_TO_USE)
    assert name == LANE.name
    assert int("".join(bits), 2) == 100
    assert options["declare"][0] is LANE, "the lane has to be there, and bound, before it is published"


@pytest.mark.parametrize("seconds", [-5, 0.5, 2**28 + 9])
def test_what_is_due_or_due_in_ages_goes_straight_to_its_lane(seconds: float) -> None:
    assert detour(LANE, {"eta": due_in(seconds)}, "quorum") == {}


@pytest.mark.parametrize("eta", [None, "", "tomorrow", "2099-01-01T00:00", 7])
def test_a_time_that_says_nothing_is_for_the_worker_to_judge(eta: object) -> None:
    assert detour(LANE, {"eta": eta}, "quorum") == {}


@pytest.mark.parametrize("name", ["work", "far.near", "0.1", LANE.name])
def test_the_lane_is_known_by_the_key_that_a_message_arrives_with(name: str) -> None:
    key = detour(SimpleNamespace(name=name), {"eta": due_in(50)}, "quorum")["routing_key"]
    assert lane_key(key) == name
    assert lane_key(name) == name


def test_a_retry_goes_back_to_the_queue_of_its_lane() -> None:
    profiles = {"left": Profile("left", ("work",), tasks=("a",)), "right": Profile("right", ("work",))}
    plan = compile_plan(FleetModel(profiles), [])
    key = detour(SimpleNamespace(name="work:right"), {"eta": due_in(50)}, "quorum")["routing_key"]
    assert requested_queue(plan, {"exchange": "celery_delayed_delivery", "routing_key": key}, "a") == "work"


def test_a_wait_is_not_taken_for_a_death() -> None:
    """RabbitMQ moves a message from one waiting queue to the next by letting it expire."""
    waits = [{"reason": "expired", "queue": f"celery_delayed_{level}"} for level in (0, 1)]
    first = {"x-first-death-reason": "expired", "x-first-death-queue": "celery_delayed_1"}
    died = {"reason": "delivery_limit", "queue": "work", "exchange": "celery_delayed_delivery"}
    headers = {"x-death": [died, *waits], **first}
    letter = dead_letter(StoredMessage(b"[[], {}, {}]", "digest", headers, {}, "application/json"))
    assert (letter.reason, letter.queue) == ("delivered-too-often", "work")


def test_celery_s_warning_of_delays_is_left_out_and_no_other(caplog: pytest.LogCaptureFixture) -> None:

    keep_quiet_of_delays()
    logger = logging.getLogger(Celery.__module__)
    logger.warning("Direct exchanges are not supported with native delayed delivery.\nwork is a direct exchange")
    logger.warning("something else")
    assert [record.message for record in caplog.records] == ["something else"]
