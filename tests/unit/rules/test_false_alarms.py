"""Sensible fleets in which nothing is to be found, and values that are wrong, which no rule may crash on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from allotment.cli.examining import examine
from allotment.errors import FileInvalid
from allotment.model.settings import SHOWN, AppSettings
from allotment.model.task import KnownTask
from allotment.plan.plan import compile_plan
from allotment.plan.proof import prove
from allotment.rules.registry import every_rule
from allotment.rules.running import run_rules
from allotment.rules.subject import Subject
from allotment.source.fleet_file import read_fleet_file

DJANGO_SHOP = """
broker: redis://redis.internal:6379/0
results: redis://redis.internal:6379/1
visibility_timeout: 2h
default_queue: default
tasks:
  shop.mail.send_receipt: {queue: mail}
  shop.mail.send_reset: {queue: mail}
  shop.orders.place: {queue: default}
  shop.orders.cancel: {queue: default}
  shop.orders.export_csv: {queue: export, time_limit: 30m}
  shop.orders.note_payment: {queue: export}
  shop.orders.close_month: {queue: export}
profiles:
  web: {queues: [default, mail], concurrency: 4, prefetch: 4, time_limit: 2m, soft_time_limit: 100s}
  export: {queues: [export], concurrency: 2, prefetch: 1, time_limit: 1h, soft_time_limit: 55m}
nodes:
  web-1: {cpu: 4, memory: 8Gi, workers: {web: 1, export: 1}}
"""

ONE_SMALL_MACHINE = """
broker: redis://localhost/0
tasks:
  blog.send_comment: {queue: work}
  blog.send_digest: {queue: work}
  blog.resize_picture: {queue: work}
  blog.encode_video: {queue: work}
  blog.ping_search: {queue: work}
profiles:
  all: {queues: [work], concurrency: 2, prefetch: 1, time_limit: 10m, soft_time_limit: 9m}
nodes:
  vps: {cpu: 2, memory: 2Gi, workers: {all: 1}}
"""

ML_TEAM = """
broker: amqp://10.20.0.5//
consumer_timeout: 13h
tasks:
  ml.train_model: {queue: training, delivery: at-least-once, time_limit: 12h}
  ml.evaluate: {queue: training, delivery: at-least-once}
  ml.predict: {queue: inference}
  ml.embed_query: {queue: inference}
profiles:
  training: {queues: [training], concurrency: 1, prefetch: 1, max_tasks_per_child: 1, time_limit: 6h}
  realtime: {queues: [inference], concurrency: 8, prefetch: 8, time_limit: 30s, soft_time_limit: 25s}
nodes:
  gpu-1: {cpu: 32, memory: 128Gi, workers: {training: 2}}
  edge-1: {cpu: 8, memory: 16Gi, workers: {realtime: 1}}
"""

SCRAPER = """
broker: redis://192.168.1.20:6379/0
tasks:
  spider.fetch.*: {queue: fetch}
  spider.parse.*: {queue: parsers}
profiles:
  fetchers: {queues: [fetch], pool: gevent, concurrency: 200, prefetch: 2, time_limit: 2m}
  parsers:
    about: "killed early; write # allot: ignore[missing-time-limit] with a reason if that has to go"
    queues: [parsers]
    concurrency: 4
    prefetch: 8
    time_limit: 1m
    soft_time_limit: 50s
"""

SAAS_WITH_PRIORITIES = """
broker: amqps://mq.example.com//saas
queues:
  critical: {max_priority: 10}
  normal: {max_priority: 10}
tasks:
  billing.charge: {queue: critical, time_limit: 1m, delivery: at-most-once}
  billing.refund: {queue: critical}
  accounts.welcome: {queue: normal}
  accounts.close: {queue: normal}
  reports.build: {queue: slow}
profiles:
  critical: {queues: [critical], concurrency: 4, prefetch: 1, time_limit: 2m, soft_time_limit: 90s}
  normal: {queues: [normal], concurrency: 8, prefetch: 4, time_limit: 5m, soft_time_limit: 4m}
  slow: {queues: [slow], concurrency: 2, prefetch: 1, time_limit: 20m, soft_time_limit: 18m}
"""

QUORUM = """
broker: amqp://rabbitmq.queues.svc.cluster.local//
queues:
  orders: {type: quorum, delivery_limit: 10, dead_letter: orders_dead}
  orders_dead: {type: quorum, delivery_limit: 10}
tasks:
  orders.place: {queue: orders, delivery: at-least-once}
  orders.cancel: {queue: orders, delivery: at-least-once}
profiles:
  orders: {queues: [orders], concurrency: 4, prefetch: 2, time_limit: 5m, soft_time_limit: 4m}
"""

FLEETS = {
    "django shop": DJANGO_SHOP,
    "one small machine": ONE_SMALL_MACHINE,
    "machine learning": ML_TEAM,
    "scraper": SCRAPER,
    "priorities": SAAS_WITH_PRIORITIES,
    "quorum": QUORUM,
}


@pytest.mark.parametrize("text", FLEETS.values(), ids=FLEETS)
def test_a_sensible_fleet_is_clean(text: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(text)
    examined = examine(tmp_path / "fleet.yaml", None, every_rule())
    assert [(one.rule.name, one.finding.message) for one in examined.report.found] == []
    assert examined.proof.holds


WRONG: list[Any] = [
    "4",
    "text",
    "",
    [1],
    [["pickle"], "pickle"],
    {"a": 1},
    {"visibility_timeout": float("inf")},
    None,
    True,
    -1,
    0,
]
WRONG += [float("inf"), float("nan"), 10**400, {"visibility_timeout": 10**400}, {"visibility_timeout": [1]}, "1e999"]
ATTRIBUTES = [
    "time_limit",
    "soft_time_limit",
    "acks_late",
    "serializer",
    "queue",
    "exchange",
    "routing_key",
    "priority",
]
ATTRIBUTES += ["reject_on_worker_lost", "retry_on_worker_lost", "delivery_mode", "rate_limit"]
FLEET = """
app: shop:app
tasks:
  shop.count: {queue: work, time_limit: 2h}
  shop.train_model: {queue: heavy}
profiles:
  work: {queues: [work]}
  heavy: {queues: [heavy], time_limit: 1h}
  memory: {queues: [heavy]}
  alone: {queues: [work], pool: solo}
"""


def run(folder: Path, *, settings: dict[str, Any], of_app: dict[str, Any], attributes: dict[str, Any]) -> None:
    """Run every rule; RuleCrashed is raised where one fails."""
    (folder / "fleet.yaml").write_text(FLEET)
    file = read_fleet_file(folder / "fleet.yaml")
    model = replace(file.model, settings=settings)
    known = [KnownTask(name, attributes=attributes) for name in ("shop.count", "shop.train_model", "shop.other")]
    for broker in ("embedded", "amqp://broker"):
        model = replace(model, broker=model.broker and replace(model.broker, value=broker))
        plan = compile_plan(model, known)
        subject = Subject(file.document, plan, prove(plan), app=AppSettings(of_app))
        run_rules(every_rule(), subject)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:24])
def test_no_rule_crashes_on_a_wrong_value(value: Any, tmp_path: Path) -> None:
    for name in sorted(SHOWN):
        run(tmp_path, settings={name: value}, of_app={}, attributes={})
        run(tmp_path, settings={}, of_app={name: value}, attributes={})
    for name in ATTRIBUTES:
        run(tmp_path, settings={}, of_app={}, attributes={name: value})


@pytest.mark.parametrize("value", ["'4'", "text", "[1]", "{a: 1}", "null", "true", ".inf", "-1", "9" * 30])
def test_no_rule_crashes_on_what_a_file_may_say(value: str, tmp_path: Path) -> None:
    refused = 0
    for name in sorted(SHOWN):
        text = FLEET.replace("\napp: shop:app", f"\nsettings: {{{name}: {value}}}")
        (tmp_path / "fleet.yaml").write_text(text)
        try:
            examine(tmp_path / "fleet.yaml", None, every_rule())
        except FileInvalid:
            refused += 1
    assert refused < len(SHOWN)
