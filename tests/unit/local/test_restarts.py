"""When a worker that ended is started again, and when it is given up."""

import pytest

from allotment.errors import ExitCode
from allotment.local.supervision.restarts import FIRST_DELAY, LONGEST_DELAY, MOST_FAILURES, STEADY, History


def after(*ends: tuple[float, bool], code: int = 1, before: History | None = None) -> History:
    """Give the history of a worker whose processes ran for so many seconds each, and consumed or not."""
    history = before or History()
    for seconds, ready in ends:
        history = history.after(seconds, code, ready=ready)
    return history


def test_the_wait_doubles_up_to_the_longest() -> None:
    delays = [after(*[(0.1, False)] * count).delay for count in range(1, 60)]
    assert delays[:4] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY, 8 * FIRST_DELAY]
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY


def test_one_that_never_consumed_is_given_up_after_its_last_chance() -> None:
    assert not after(*[(0.1, False)] * (MOST_FAILURES - 1)).hopeless(1)
    assert after(*[(0.1, False)] * MOST_FAILURES).hopeless(1)
    assert after(*[(3600.0, False)] * MOST_FAILURES).hopeless(1), "that it ran long says nothing"


def test_one_whose_input_is_bad_is_given_up_at_once() -> None:
    assert after((0.1, False)).hopeless(ExitCode.BAD_INPUT)


def test_a_broker_that_does_not_answer_is_no_reason_to_give_up() -> None:
    outage = after(*[(0.1, False)] * 100, code=ExitCode.UNAVAILABLE)
    assert not outage.hopeless(ExitCode.UNAVAILABLE)
    assert outage.delay == LONGEST_DELAY
    assert not after(*[(0.1, False)] * (MOST_FAILURES - 1), before=outage).hopeless(1)
    assert after(*[(0.1, False)] * MOST_FAILURES, before=outage).hopeless(1)


@pytest.mark.parametrize("code", [1, -9, ExitCode.BAD_INPUT, ExitCode.UNAVAILABLE])
def test_one_that_has_consumed_is_never_given_up_and_waits_longer(code: int) -> None:
    history = after((STEADY + 1, True), *[(0.1, False)] * 100)
    assert not history.hopeless(code)
    assert history.delay == LONGEST_DELAY


@pytest.mark.parametrize("code", [1, -9, ExitCode.BAD_INPUT])
def test_one_that_has_consumed_by_another_plan_is_stuck_and_not_given_up(code: int) -> None:
    history = after((STEADY + 1, True)).by_another_plan()
    assert history.failures == 0
    history = after(*[(0.1, False)] * MOST_FAILURES, code=code, before=history)
    assert history.stuck(code)
    assert not history.hopeless(code)
    assert not after((0.1, True), before=history).stuck(code), "it came up after all"


def test_one_that_was_steady_begins_with_the_shortest_wait() -> None:
    assert after(*[(0.1, False)] * 3, (STEADY + 1, True)).delay == FIRST_DELAY
    assert after(*[(0.1, False)] * 3, (STEADY - 1, True)).delay == 8 * FIRST_DELAY
