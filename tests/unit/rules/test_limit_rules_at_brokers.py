"""The edges of the rules on how long brokers wait, and on RabbitMQ's quorum queues."""

from pathlib import Path

import pytest

from allotment.cli.examining import examine, mend
from allotment.rules.registry import rule_named
from allotment.rules.running import Found


def found(folder: Path, rule: str, text: str) -> tuple[Found, ...]:
    (folder / "fleet.yaml").write_text(text)
    return examine(folder / "fleet.yaml", None, [rule_named(rule)]).report.found


def lines(one: Found) -> list[int | None]:
    return [where.line for where in one.places]


def profile(text: str, more: str = "") -> str:
    return f"tasks:\n  a: {{queue: work}}\nprofiles:\n  one: {{queues: [work], {text}}}\n{more}"


REDIS, RABBIT = "broker: rediss://broker\n", "broker: amqps://broker\n"
OPTION = "settings: {broker_transport_options: {visibility_timeout: SECONDS}}\n"


@pytest.mark.parametrize(
    ("rule", "limit", "more", "count"),
    [
        ("short-visibility-timeout", "1h", REDIS, 0),
        ("short-visibility-timeout", "61m", REDIS, 0),  # it follows from the limit
        ("short-visibility-timeout", "61m", REDIS + "visibility_timeout: 1h", 1),
        ("short-visibility-timeout", "61m", "visibility_timeout: 1h", 1),  # embedded
        ("short-visibility-timeout", "9h", RABBIT, 0),
        ("short-visibility-timeout", "2h", "visibility_timeout: 121m", 0),
        ("short-visibility-timeout", "31m", "visibility_timeout: 30m", 1),
        ("short-visibility-timeout", "2h", OPTION.replace("SECONDS", "7201"), 0),
        ("short-visibility-timeout", "11m", OPTION.replace("SECONDS", "600"), 1),
        ("short-consumer-timeout", "29m", RABBIT, 0),
        ("short-consumer-timeout", "30m", RABBIT, 1),
        ("short-consumer-timeout", "30m", REDIS, 0),
        ("short-consumer-timeout", "2h", RABBIT + "consumer_timeout: 3h", 0),
        ("short-consumer-timeout", "4h", RABBIT + "consumer_timeout: 3h", 1),
        ("short-consumer-timeout", "2h", RABBIT + "queues: {work: {arguments: {x-consumer-timeout: 9000000}}}", 0),
        ("short-consumer-timeout", "2m", RABBIT + "queues: {work: {arguments: {x-consumer-timeout: 60000}}}", 1),
    ],
)
def test_limits_are_compared_with_how_long_the_broker_waits(
    rule: str, limit: str, more: str, count: int, tmp_path: Path
) -> None:
    text = profile(f"time_limit: {limit}", more).replace("work}", "work, delivery: at-least-once}", 1)
    assert len(found(tmp_path, rule, text)) == count


VISIBILITY, CONSUMER = "short-visibility-timeout", "short-consumer-timeout"


@pytest.mark.parametrize(
    ("entry", "settings", "count"),
    [
        ("", "", 0),
        (", delivery: at-least-once", "", 1),
        (", delivery: at-most-once", "settings: {task_acks_late: true}\n", 0),
        ("", "settings: {task_acks_late: true}\n", 1),
    ],
)
def test_rabbitmq_waits_for_tasks_acknowledged_late(entry: str, settings: str, count: int, tmp_path: Path) -> None:
    text = profile("time_limit: 1h", RABBIT + settings).replace("work}", f"work{entry}}}", 1)
    assert len(found(tmp_path, CONSUMER, text)) == count


def test_the_app_may_acknowledge_late(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from celery import Celery\napp = Celery('shop')\n"
        "app.conf.broker_transport_options = {'visibility_timeout': 900}\n"
        "@app.task(name='b', acks_late=True)\ndef b(): ...\n"
        "@app.task(name='c')\ndef c(): ...\n"
    )
    text = "app: shop:app\nprofiles: {one: {queues: [q], time_limit: 1h}}\n"
    (one,) = found(tmp_path, CONSUMER, text + RABBIT)
    assert one.finding.message.startswith("'b' may take 1h")
    (one,) = found(tmp_path, VISIBILITY, text + REDIS)
    assert "after 15m: a task acknowledged late is then run twice" in one.finding.message


def test_the_longest_limit_of_the_fleet_decides(tmp_path: Path) -> None:
    text = """profiles:
  one: {queues: [one], time_limit: 2h}
  two: {queues: [two]}
tasks:
  a: {queue: one}
  b: {queue: one, time_limit: 90m}
  c: {queue: two, time_limit: 150m}
"""
    (one,) = found(tmp_path, VISIBILITY, text)
    assert "'c' may take 2h30m" in one.finding.message
    assert "what waits behind it is then run twice" in one.finding.message
    assert lines(one) == [7]
    (one,) = found(tmp_path, VISIBILITY, "visibility_timeout: 2h\n" + text)
    assert lines(one) == [1, 8]


@pytest.mark.parametrize("more", ["", "visibility_timeout: 30m\n", OPTION.replace("SECONDS", "60")])
def test_the_timeout_is_set_to_what_is_enough(more: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(profile("time_limit: 150m", more))
    examined, done = mend(file, None, [rule_named(VISIBILITY)])
    assert len(done) == 1
    assert examined.report.found == ()
    assert examined.loaded.file.model.visibility_timeout == 4 * 3600


@pytest.mark.parametrize(
    ("rule", "queue", "where"),
    [
        ("quorum-with-priorities", "type: quorum, max_priority: 5", [6, 6]),
        ("quorum-with-priorities", "type: quorum, arguments: {x-max-priority: 5}", [6, 6]),
        ("quorum-with-priorities", "max_priority: 5, arguments: {x-queue-type: quorum}", [6, 6]),
        ("quorum-with-priorities", "max_priority: 5", None),
        ("quorum-with-priorities", "type: quorum", None),
        ("quorum-with-autoscale", "type: quorum", [4, 6]),
        ("quorum-with-autoscale", "max_length: 5", None),
        ("quorum-without-delivery-limit", "type: quorum", [6]),
        ("quorum-without-delivery-limit", "type: quorum, delivery_limit: 5", None),
        ("quorum-without-delivery-limit", "type: quorum, arguments: {x-delivery-limit: -1}", None),
        ("quorum-without-delivery-limit", "max_length: 5", None),
    ],
)
def test_quorum_queues(rule: str, queue: str, where: list[int] | None, tmp_path: Path) -> None:
    for broker, expected in ((RABBIT, [where] if where else []), (REDIS, [])):
        text = profile("preset: cpu", f"queues:\n  work: {{{queue}}}\n{broker}")
        assert [lines(one) for one in found(tmp_path, rule, text)] == expected


def test_where_dead_letters_go_is_said_with_the_limit(tmp_path: Path) -> None:
    rule = "quorum-without-delivery-limit"
    (one,) = found(tmp_path, rule, profile("prefetch: 1", RABBIT + "queues: {work: {type: quorum}}"))
    assert one.finding.remedy == "set delivery_limit: 20 and dead_letter: work_dead, which keeps it"
    (one,) = found(tmp_path, rule, profile("prefetch: 1", RABBIT + "queues: {work: {type: quorum, dead_letter: d}}"))
    assert one.finding.remedy == "set delivery_limit: 20"
    assert "is a dead letter after 20 times" in one.finding.message
