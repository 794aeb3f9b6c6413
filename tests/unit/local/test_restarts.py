"""When a worker that ended is started again, and when it is given up."""

import pytest

from allotment.errors import ExitCode
from allotment.local.supervision.restarts import FIRST_DELAY, LONGEST_DELAY, MOST_FAILURES, STEADY, History


def after(*ends: tuple[float, bool]) -> History:
    """Give the history of a worker whose processes ran for so many seconds each, and consumed or not."""
    history = History()
    for seconds, ready in ends:
        history = history.after(seconds, ready=ready)
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
    assert not after((0.1, False)).hopeless(ExitCode.UNAVAILABLE)


@pytest.mark.parametrize("code", [1, -9, ExitCode.BAD_INPUT, ExitCode.UNAVAILABLE])
def test_one_that_has_consumed_is_never_given_up_and_waits_longer(code: int) -> None:
    history = after((STEADY + 1, True), *[(0.1, False)] * 100)
    assert not history.hopeless(code)
    assert history.delay == LONGEST_DELAY


def test_one_that_was_steady_begins_with_the_shortest_wait() -> None:
    assert after(*[(0.1, False)] * 3, (STEADY + 1, True)).delay == FIRST_DELAY
    assert after(*[(0.1, False)] * 3, (STEADY - 1, True)).delay == 8 * FIRST_DELAY
