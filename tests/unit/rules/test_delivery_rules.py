"""The rules on what tasks that are run at least once need, and that a profile's word counts as an entry's does."""

from pathlib import Path

import pytest

from allotment.cli.examining import examine
from allotment.rules.registry import rule_named
from allotment.rules.running import Found


def found(folder: Path, rule: str, text: str) -> tuple[Found, ...]:
    (folder / "fleet.yaml").write_text(text)
    return examine(folder / "fleet.yaml", None, [rule_named(rule)]).report.found


def fleet(queue: str = "", profile: str = "", task: str = "", more: str = "") -> str:
    return (
        f"tasks:\n  a: {{queue: work{task}}}\n"
        f"profiles:\n  one: {{queues: [work], time_limit: 45m{profile}}}\n"
        f"queues:\n  work: {{{queue}}}\n{more}"
    )


AGAIN, ONCE = ", delivery: at-least-once", ", delivery: at-most-once"
RABBIT, REDIS = "broker: amqps://broker\n", "broker: rediss://broker\n"
LATE = "settings: {task_acks_late: true, task_reject_on_worker_lost: true}\n"


@pytest.mark.parametrize(
    ("queue", "broker", "count"),
    [
        ("durable: false", RABBIT, 1),
        ("durable: false", REDIS, 0),
        ("max_length: 5, when_full: drop-oldest", RABBIT, 1),
        ("max_length: 5, when_full: drop-oldest", REDIS, 1),
        ("max_length: 5", RABBIT, 0),
        ("when_full: drop-oldest", RABBIT, 0),  # of what never fills
        ("arguments: {x-max-length: 5, x-overflow: drop-head}", RABBIT, 1),
        ("durable: false, max_length: 5, when_full: drop-oldest", RABBIT, 2),
    ],
)
@pytest.mark.parametrize("said", [{"task": AGAIN}, {"profile": AGAIN}])
def test_queues_that_lose_messages(queue: str, broker: str, count: int, said: dict[str, str], tmp_path: Path) -> None:
    assert len(found(tmp_path, "lossy-queue", fleet(queue, more=broker, **said))) == count
    assert found(tmp_path, "lossy-queue", fleet(queue, more=broker)) == ()


def test_a_queue_that_loses_messages_is_shown_with_who_relies_on_it(tmp_path: Path) -> None:
    (one,) = found(tmp_path, "lossy-queue", fleet("durable: false", task=AGAIN, more=RABBIT))
    assert [where.line for where in one.places] == [6, 2]
    (one,) = found(tmp_path, "lossy-queue", fleet("durable: false", profile=AGAIN, more=RABBIT))
    assert [where.line for where in one.places] == [6, 4]


@pytest.mark.parametrize(("profile", "count"), [("", 1), (AGAIN, 0), (ONCE, 0)])
def test_a_profile_s_word_is_a_declaration(profile: str, count: int, tmp_path: Path) -> None:
    assert len(found(tmp_path, "undeclared-late-acks", fleet(profile=profile, more=LATE))) == count


def test_the_profile_that_says_nothing_is_found_beside_one_that_does(tmp_path: Path) -> None:
    other = fleet(profile=AGAIN, more=LATE).replace("  one:", "  two: {queues: [work]}\n  one:")
    assert len(found(tmp_path, "undeclared-late-acks", other)) == 1


@pytest.mark.parametrize(("profile", "count"), [("", 0), (AGAIN, 1), (ONCE, 0)])
def test_the_broker_s_patience_is_looked_at_where_a_profile_says_so(profile: str, count: int, tmp_path: Path) -> None:
    assert len(found(tmp_path, "short-consumer-timeout", fleet(profile=profile, more=RABBIT))) == count


@pytest.mark.parametrize("rule", ["quorum-with-autoscale", "quorum-without-delivery-limit", "quorum-with-priorities"])
def test_nothing_is_found_in_queues_that_became_quorum_queues_by_themselves(rule: str, tmp_path: Path) -> None:
    scaling = ", autoscale: {min: 1, max: 4}"
    assert found(tmp_path, rule, fleet(task=AGAIN, profile=scaling, more=RABBIT)) == ()
    assert found(tmp_path, rule, fleet("max_priority: 5", AGAIN, more=RABBIT)) == ()


def test_dead_letters_of_a_safe_queue_are_no_silent_drop(tmp_path: Path) -> None:
    limited = "arguments: {x-max-length: 5}"
    assert len(found(tmp_path, "silent-drop", fleet(limited, more=RABBIT))) == 1
    assert found(tmp_path, "silent-drop", fleet(limited, task=AGAIN, more=RABBIT)) == ()
