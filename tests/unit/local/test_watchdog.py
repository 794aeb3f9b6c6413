"""What a worker says of itself that makes the supervisor start it again, and what does not."""

from dataclasses import replace

import pytest

from allotment.local.heartbeat import LIMIT, Beat
from allotment.local.supervision.watchdog import PATIENCE, Watch


def beat(now: float, **changed: object) -> Beat:
    """Make the beat of a worker that does its work."""
    return replace(Beat("cpu-1@here", 4711, 1, 1, now, now, now), **changed)


def first_trouble(watch: Watch, beat_at: dict[float, Beat], until: float) -> tuple[float, str] | None:
    """Look every second; give when something was wrong first, and what. Beats come when they are due."""
    for second in range(int(until) + 1):
        if second in beat_at:
            watch.heard(beat_at[second])
        found = watch.trouble(float(second))
        if found is not None:
            return float(second), found
    return None


def test_a_worker_that_beats_is_left_alone() -> None:
    assert first_trouble(Watch(), {second: beat(second) for second in range(0, 300, 3)}, 300) is None


def test_one_that_was_never_heard_is_left_alone() -> None:
    assert first_trouble(Watch(), {}, 300) is None


def test_one_that_falls_silent_is_started_again() -> None:
    found = first_trouble(Watch(), {0: beat(0)}, 300)
    assert found is not None
    assert PATIENCE <= found[0] <= PATIENCE + 2
    assert "it has said nothing for" in found[1]


def test_one_that_stops_is_not_taken_for_silent() -> None:
    watch = Watch()
    watch.heard(beat(0))
    watch.heard(None)
    assert first_trouble(watch, {}, 300) is None


def test_one_whose_main_loop_stands_still_is_started_again() -> None:
    beats = {second: beat(second, loop=0.0) for second in range(0, 300, 3)}
    found = first_trouble(Watch(), beats, 300)
    assert found is not None
    assert PATIENCE <= found[0] <= PATIENCE + 3
    assert "its main loop has stood still for" in found[1]


@pytest.mark.parametrize("changed", [{"broker": 0.0}, {"broker": None}, {"connected": False}, {"loop": None}])
def test_a_broker_that_is_away_is_nobody_s_fault(changed: dict[str, object]) -> None:
    beats = {second: beat(second, loop=0.0, **changed) if "loop" not in changed else beat(second, **changed)
             for second in range(0, 300, 3)}  # fmt: skip
    assert first_trouble(Watch(), beats, 300) is None


def test_after_an_outage_a_worker_gets_the_time_to_come_back() -> None:
    """All the while its loop has stood still; that counts from when the broker answers again."""
    out = {second: beat(second, loop=0.0, broker=0.0) for second in range(0, 99, 3)}
    back = {second: beat(second, loop=0.0) for second in range(99, 111, 3)}
    well = {second: beat(second) for second in range(111, 200, 3)}
    assert PATIENCE - LIMIT > 111 - 99
    assert first_trouble(Watch(), out | back | well, 200) is None
    assert first_trouble(Watch(), out | {second: beat(second, loop=0.0) for second in range(99, 300, 3)}, 300)


def test_one_that_starves_is_started_again_at_once() -> None:
    assert first_trouble(Watch(), {0: beat(0), 3: beat(3, starved="work:cpu")}, 10) == (
        3.0,
        "starved: messages wait in work:cpu, and it gets none of them",
    )
