"""The rules about where tasks go and who takes them: their edges, their places, and what they leave alone."""

from pathlib import Path
from shutil import rmtree

import pytest

from allotment.cli.examining import examine, mend
from allotment.rules.registry import rule_named
from allotment.rules.running import Found

APP = """\
from celery import Celery

app = Celery("shop")
app.conf.beat_schedule = {schedule}

@app.task(name="shop.orders.confirm")
def confirm(): ...

@app.task(name="shop.orders.cancel")
def cancel(): ...

@app.task(name="shop.media.fetch_and_resize")
def fetch_and_resize(): ...
"""


def found_by(rule: str, folder: Path, text: str, schedule: str = "{}") -> list[Found]:
    """Give what a rule finds in a fleet file; its app, if it names one, has three tasks and a beat schedule."""
    rmtree(folder / "__pycache__", ignore_errors=True)  # bytecode of the same size and second is taken for the same
    (folder / "shop.py").write_text(APP.format(schedule=schedule))
    path = folder / "fleet.yaml"
    path.write_text(text)
    return list(examine(path, None, [rule_named(rule)]).report.found)


def lines(found: Found) -> list[int | None]:
    return [where.line for where in found.places]


# Each is a rule, and a fleet in which it must find nothing.
LEFT_ALONE = {
    "an unfit node is no task": (
        "unroutable-task",
        """\
tasks: {confirm: {queue: orders}}
profiles: {orders: {queues: [orders], requires: {labels: [ssd]}}}
nodes: {one: {workers: {orders: 1}}}
""",
    ),
    "a queue for dead letters alone": (
        "unconsumed-queue",
        """\
tasks: {confirm: {queue: orders}}
queues: {orders: {dead_letter: lost}, lost: {}}
profiles: {orders: {queues: [orders]}}
""",
    ),
    "a queue that RabbitMQ's own arguments send dead letters to": (
        "unconsumed-queue",
        """\
tasks: {confirm: {queue: orders}}
queues: {orders: {arguments: {x-dead-letter-exchange: "", x-dead-letter-routing-key: lost}}, lost: {}}
profiles: {orders: {queues: [orders]}}
""",
    ),
    "a queue that unroutable-task tells of": (
        "unconsumed-queue",
        "tasks: {confirm: {queue: ordres}}\nprofiles: {orders: {queues: [orders]}}\n",
    ),
    "a queue that only a profile without workers names": (
        "unconsumed-queue",
        """\
tasks: {confirm: {queue: orders}}
profiles: {orders: {queues: [orders]}, spare: {preset: io}}
nodes: {one: {workers: {orders: 1}}}
""",
    ),
    "one queue of a preset is enough": (
        "unused-queue",
        "tasks: {encode: {queue: cpu_video_processing}}\nprofiles: {cpu: {preset: cpu}}\n",
    ),
    "queues of patterns, dead letters, kinds and the default": (
        "unused-queue",
        """\
default_queue: general
route_by_resource: {io: waiting}
tasks: {confirm: {queue: orders}, shop.mail.*: {queue: mail}}
queues: {orders: {dead_letter: lost}, mail: {arguments: {x-dead-letter-routing-key: returned}}}
profiles: {all: {queues: [orders, mail, lost, returned, general, waiting]}}
""",
    ),
    "a queue that was meant where another is named": (
        "unused-queue",
        """\
tasks: {confirm: {queue: orders}, shop.reports.*: {queue: reprots}}
profiles: {orders: {queues: [orders]}, reports: {queues: [reports]}}
""",
    ),
    "no tasks are known": ("unused-queue", "profiles: {orders: {queues: [orders, basket]}}\n"),
    "worker profiles, which say no routes": (
        "unused-queue",
        "profiles: {all: {description: Everything, tasks: [confirm, cancel], queues: [high, low]}}\n",
    ),
    "workers that take what a file of worker profiles does not list": (
        "unused-queue",
        """\
profiles:
  orders: {description: Orders, tasks: [confirm], queues: [orders]}
  rest: {tasks: all, queues: [celery]}
  mail: {tasks: ["shop.mail.*"], queues: [mail]}
""",
    ),
    "a queue that no node's workers wait on": (
        "unused-queue",
        """\
tasks: {confirm: {queue: orders}}
profiles: {orders: {queues: [orders]}, spare: {queues: [spare]}}
nodes: {one: {workers: {orders: 1}}}
""",
    ),
    "no app was read": (
        "unknown-task",
        "tasks: {a: {queue: orders}}\nprofiles: {orders: {queues: [orders], exclude_tasks: [shop.orders.cnacel]}}\n",
    ),
    "patterns and Celery's own tasks": (
        "unknown-task",
        """\
app: shop:app
tasks: {shop.basket.*: {queue: orders}, celery.backend_cleanup: {queue: orders}}
profiles: {orders: {queues: [orders], tasks: [shop.orders.confirm, "shop.basket.*"]}}
""",
    ),
    "its entry has a queue": (
        "ambiguous-kind",
        """\
app: shop:app
default_queue: general
route_by_resource: {cpu: heavy, io: waiting}
tasks: {shop.media.*: {queue: heavy}}
profiles: {all: {queues: [general, heavy, waiting]}}
""",
    ),
    "nothing is routed by resource": (
        "ambiguous-kind",
        "app: shop:app\ndefault_queue: general\nprofiles: {all: {queues: [general, heavy]}}\n",
    ),
    "kinds that have no queue": (
        "ambiguous-kind",
        """\
app: shop:app
default_queue: general
route_by_resource: {memory: large}
profiles: {all: {queues: [general, large]}}
""",
    ),
    "short and long in one queue, on other workers": (
        "mixed-durations",
        """\
tasks:
  confirm: {queue: orders, time_limit: 1m, soft_time_limit: 30s}
  settle: {queue: orders, time_limit: 1h, soft_time_limit: 50m}
profiles:
  quick: {queues: [orders], tasks: [confirm]}
  slow: {queues: [orders], tasks: [settle]}
""",
    ),
    "one limit for each worker": (
        "mixed-durations",
        """\
tasks: {confirm: {queue: orders}, settle: {queue: orders}}
profiles: {quick: {queues: [orders], time_limit: 1m}, slow: {queues: [orders], time_limit: 1h}}
""",
    ),
    "not ten times as long": (
        "mixed-durations",
        """\
tasks: {confirm: {queue: orders, time_limit: 4m}, settle: {queue: orders, time_limit: 39m}}
profiles: {orders: {queues: [orders]}}
""",
    ),
    "short and long in queues of their own": (
        "mixed-durations",
        """\
tasks: {confirm: {queue: orders, time_limit: 1m}, settle: {queue: settling, time_limit: 1h}}
profiles: {orders: {queues: [orders, settling]}}
""",
    ),
    "the preset for every kind": (
        "mixed-kinds",
        "profiles: {all: {preset: mixed, queues: [io_calls, cpu_training]}}\n",
    ),
    "names that tell one kind or none": (
        "mixed-kinds",
        """\
profiles:
  one: {queues: [io_calls, orders, emails]}
  two: {queues: [cpu_training, stock]}
  three: {preset: memory}
""",
    ),
    "workers that no node runs": (
        "mixed-kinds",
        """\
profiles: {all: {queues: [io_calls, cpu_training]}, orders: {queues: [orders]}}
nodes: {one: {workers: {orders: 1}}}
""",
    ),
    "four tasks may share a worker": (
        "one-worker-for-everything",
        "tasks: {send_a: {}, send_b: {}, resize_a: {}, resize_b: {}}\nprofiles: {all: {queues: [work]}}\n",
    ),
    "five tasks of one kind": (
        "one-worker-for-everything",
        "tasks: {send_a: {}, send_b: {}, send_c: {}, add: {}, confirm: {}}\nprofiles: {all: {queues: [work]}}\n",
    ),
    "another profile runs some": (
        "one-worker-for-everything",
        """\
default_queue: work
tasks: {send_a: {}, send_b: {}, send_c: {}, resize: {queue: pictures}, compress: {queue: pictures}}
profiles: {all: {queues: [work, pictures]}, pictures: {queues: [pictures]}}
""",
    ),
    "the preset for everything": (
        "one-worker-for-everything",
        """\
tasks: {send_a: {}, send_b: {}, send_c: {}, resize: {}, compress: {}}
profiles: {all: {preset: mixed, queues: [work]}}
""",
    ),
    "mixed-kinds tells of its queues": (
        "one-worker-for-everything",
        """\
default_queue: work
tasks: {send_a: {}, send_b: {}, send_c: {}, resize: {}, compress: {}}
profiles: {all: {queues: [work, io_calls, cpu_training]}}
""",
    ),
    "a worker is kept for it": (
        "bulk-beside-critical",
        "profiles: {all: {queues: [high, bulk]}, high: {queues: [high, critical]}}\n",
    ),
    "names that do not mean urgent": (
        "bulk-beside-critical",
        """\
profiles:
  all: {queues: [bulk, low_priority, priority.low, high_memory, high-cpu, non_critical, highlights, highway]}
""",
    ),
    "the file says what is done when it is full": (
        "silent-drop",
        """\
broker: amqp://rabbit//
queues:
  a: {arguments: {x-max-length: 5, x-overflow: drop-head}}
  b: {arguments: {x-max-length-bytes: 5}, max_length: 5}
  c: {arguments: {x-max-length: 5}, when_full: drop-oldest}
  d: {arguments: {x-max-length: 5}, dead_letter: lost}
  e: {arguments: {x-max-length: 5, x-dead-letter-exchange: lost}}
  f: {arguments: {x-max-length-bytes: 5, x-queue-type: stream}}
  g: {arguments: {x-message-ttl: 5}}
profiles: {all: {queues: [a, b, c, d, e, f, g]}}
""",
    ),
    "each zone has a worker": (
        "zone-without-worker",
        """\
tasks: {export: {queue: customers, zone: same}}
profiles: {one: {queues: [customers]}, two: {queues: [customers]}, other: {queues: [orders]}}
nodes:
  a: {zone: eu, workers: {one: 1}}
  b: {zone: us, workers: {two: 1}}
  c: {zone: us, workers: {other: 1}}
  d: {workers: {other: 1}}
""",
    ),
    "no worker anywhere, which unroutable-task tells": (
        "zone-without-worker",
        """\
tasks: {export: {queue: customers, zone: same}}
profiles: {orders: {queues: [orders]}}
nodes: {a: {zone: eu, workers: {orders: 1}}}
""",
    ),
    "a pattern that another comes before": (
        "zone-without-worker",
        """\
tasks: {"shop.*": {queue: customers}, "shop.mail.*": {queue: customers, zone: same}}
profiles: {one: {queues: [customers]}, two: {queues: [orders]}}
nodes: {a: {zone: eu, workers: {one: 1}}, b: {zone: us, workers: {two: 1}}}
""",
    ),
    "tasks that may run anywhere": (
        "zone-without-worker",
        """\
tasks: {export: {queue: customers}}
profiles: {one: {queues: [customers]}, two: {queues: [orders]}}
nodes: {a: {zone: eu, workers: {one: 1}}, b: {zone: us, workers: {two: 1}}}
""",
    ),
}


@pytest.mark.parametrize(("rule", "text"), LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_it_finds_nothing_in(rule: str, text: str, tmp_path: Path) -> None:
    assert [found.finding.message for found in found_by(rule, tmp_path, text)] == []


def test_tasks_that_cannot_be_run_in_the_same_way_are_one_finding(tmp_path: Path) -> None:
    text = """\
tasks:
  confirm: {queue: orders}
  shop.mail.send: {queue: orders}
  shop.mail.write: {queue: orders}
  shop.mail.file: {queue: letters}
profiles:
  orders: {queues: [orders], tasks: [confirm]}
"""
    unable, unconsumed = sorted(found_by("unroutable-task", tmp_path, text), key=lambda found: found.finding.message)[
        ::-1
    ]
    assert "'shop.mail.send' and 1 other task cannot be run from the queue 'orders'" in unable.finding.message
    assert lines(unable) == [3, 7]
    assert "'letters'" in unconsumed.finding.message
    assert unconsumed.finding.remedy == "there is orders; or add 'letters' to the queues of a profile that a node runs"
    assert lines(unconsumed) == [5]


def test_a_task_without_a_queue_is_pointed_at(tmp_path: Path) -> None:
    text = "tasks:\n  confirm: {time_limit: 5m}\nprofiles:\n  a: {queues: [one, two]}\n"
    (found,) = found_by("unroutable-task", tmp_path, text)
    assert found.finding.message == "'confirm' cannot be run: nothing says which queue it goes to"
    assert "one, two" in found.finding.remedy
    assert lines(found) == [2]


def test_a_task_sent_by_default_shows_who_cannot_run_it_and_what_sends_it(tmp_path: Path) -> None:
    text = """\
app: shop:app
default_queue: orders
profiles:
  orders:
    queues: [orders]
    exclude_tasks: [shop.orders.cancel]
"""
    (found,) = found_by("unroutable-task", tmp_path, text)
    assert "'shop.orders.cancel' cannot be run from the queue 'orders': profile 'orders' excludes it" in (
        found.finding.message
    )
    assert lines(found) == [4, 2]


@pytest.mark.parametrize(
    ("entry", "message", "remedy"),
    [
        ('{"task": "shop.orders.cnacel"}', "and the app has no such task", "did you mean 'shop.orders.cancel'?"),
        (
            '{"task": "shop.orders.cancel", "options": {"queue": "ordres"}}',
            "there is no queue 'ordres' in the fleet",
            "did you mean 'orders'?",
        ),
    ],
)
def test_what_beat_sends_is_checked(entry: str, message: str, remedy: str, tmp_path: Path) -> None:
    text = "default_queue: orders\napp: shop:app\nprofiles: {all: {queues: [orders]}}\n"
    schedule = f'{{"nightly": {{**{entry}, "schedule": 60}}}}'
    (found,) = found_by("unroutable-task", tmp_path, text, schedule)
    assert message in found.finding.message
    assert found.finding.remedy == f"{remedy} correct the app's beat schedule"
    assert lines(found) == [2]


def test_every_way_to_name_a_queue_counts(tmp_path: Path) -> None:
    text = """\
default_queue: general
route_by_resource: {io: waiting}
tasks:
  shop.reports.*: {queue: reprots}
  shop.totals.*: {queue: reprots}
queues:
  general: {max_length: 5}
  lost: {}
profiles:
  reports: {queues: [reports]}
  spare: {queues: [lost]}
nodes:
  one: {workers: {reports: 1}}
"""
    found = {
        one.finding.message.rpartition(" ")[2]: (lines(one), one.finding.remedy)
        for one in found_by("unconsumed-queue", tmp_path, text)
    }
    add = "add '{}' to the queues of a profile that a node runs"
    assert found == {
        "'general'": ([1, 7], add.format("general")),
        "'waiting'": ([2], add.format("waiting")),
        "'reprots'": ([4], f"did you mean 'reports'? or {add.format('reprots')}"),
        "'lost'": ([8, 11], "run a worker of profile 'spare' on a node"),
    }


def test_a_profile_without_tasks_is_one_finding_and_a_queue_beside_others_is_one(tmp_path: Path) -> None:
    text = """\
tasks: {confirm: {queue: orders}}
profiles:
  orders:
    queues:
      - orders
      - urgent
  more: {queues: [orders, urgent]}
  idle: {queues: [basket, stock]}
  heavy: {preset: cpu}
"""
    found = found_by("unused-queue", tmp_path, text)
    assert [lines(one) for one in found] == [[6, 7], [8], [9]]
    urgent, idle, heavy = (one.finding for one in found)
    assert "'urgent', for which workers of 'orders', 'more' wait" in urgent.message
    assert "if calls name it (queue=...)" in urgent.remedy
    assert "profile 'idle', which consumes 'basket', 'stock'" in idle.message
    assert "one of its queues" in idle.remedy
    assert "'cpu_ml_training'" in heavy.message


def test_a_comment_with_a_reason_ignores_an_unused_queue(tmp_path: Path) -> None:
    text = """\
tasks: {confirm: {queue: orders}}
profiles:
  orders: {queues: [orders]}
  high: {queues: [high]}  # allot: ignore[unused-queue] the checkout names it
"""
    assert found_by("unused-queue", tmp_path, text) == []


def test_what_beat_names_is_used(tmp_path: Path) -> None:
    text = "app: shop:app\ndefault_queue: orders\nprofiles: {all: {queues: [orders, nightly]}}\n"
    schedule = '{"a": {"task": "shop.orders.cancel", "schedule": 60, "options": {"queue": "nightly"}}}'
    assert found_by("unused-queue", tmp_path, text, schedule) == []
    assert len(found_by("unused-queue", tmp_path, text)) == 1


def test_a_name_the_app_lacks_is_one_finding_with_every_place(tmp_path: Path) -> None:
    text = """\
app: shop:app
default_queue: orders
tasks:
  shop.orders.cnacel: {time_limit: 5m}
profiles:
  orders:
    queues: [orders]
    exclude_tasks: [shop.orders.cnacel, nothing_alike]
"""
    cancel, other = found_by("unknown-task", tmp_path, text)
    assert cancel.finding.message == "the app has no task 'shop.orders.cnacel'"
    assert cancel.finding.remedy == "write 'shop.orders.cancel', or remove it"
    assert lines(cancel) == [4, 8]
    assert other.finding.remedy == "correct the name, or remove it"
    assert lines(other) == [8]


def test_a_module_written_wrong_is_recognised_by_the_name_after_it(tmp_path: Path) -> None:
    text = "app: shop:app\ntasks: {shop.ordres.confirm: {queue: a}}\nprofiles: {all: {queues: [a]}}\n"
    (found,) = found_by("unknown-task", tmp_path, text)
    assert "'shop.orders.confirm'" in found.finding.remedy


def test_tasks_whose_names_tell_the_same_two_kinds_are_one_finding(tmp_path: Path) -> None:
    text = """\
default_queue: general
route_by_resource:
  cpu: heavy
  io: waiting
  words: {io: [ferry]}
tasks:
  shop.*: {time_limit: 5m}
  fetch_and_resize: {time_limit: 5m}
profiles: {all: {queues: [general, heavy, waiting]}}
"""
    (found,) = found_by("ambiguous-kind", tmp_path, text)
    assert "'fetch' tells io and 'resize' tells cpu" in found.finding.message
    assert found.finding.remedy.endswith("fetch_and_resize: {queue: waiting} or {queue: heavy}")
    assert lines(found) == [8, 4, 3, 1]
    names = "".join(f"def ferry_and_resize_{n}(): ...\n" for n in range(5))
    decorated = names.replace("def", "@app.task\ndef")
    (tmp_path / "many.py").write_text(f'from celery import Celery\napp = Celery("many")\n{decorated}')
    (found,) = found_by("ambiguous-kind", tmp_path, "app: many:app\n" + text.replace("  fetch_and", "  # fetch_and"))
    assert "'ferry' tells io" in found.finding.message
    assert found.finding.message.endswith("and 1 more")


def test_limits_are_compared_on_each_worker_and_both_are_shown(tmp_path: Path) -> None:
    text = """\
tasks:
  confirm: {queue: orders}
  settle:
    queue: orders
    time_limit: 50m
  cancel: {queue: orders, time_limit: 40m}
profiles:
  slow: {queues: [orders], time_limit: 30m}
  quick:
    queues: [orders]
    time_limit: 5m
"""
    (found,) = found_by("mixed-durations", tmp_path, text)
    assert "at most 5m, as 'confirm', and of up to 50m, as 'settle'" in found.finding.message
    assert "profile 'quick'" in found.finding.message
    assert lines(found) == [5, 11, 9]


def test_each_queue_with_mixed_durations_is_a_finding(tmp_path: Path) -> None:
    limits = "{{queue: {0}, time_limit: {1}}}"
    queues = "{queues: [a, b]}"
    tasks = ", ".join(f"{queue}{limit}: {limits.format(queue, limit)}" for queue in "ab" for limit in ("1m", "30m"))
    found = found_by("mixed-durations", tmp_path, f"tasks: {{{tasks}}}\nprofiles: {{all: {queues}, more: {queues}}}\n")
    assert [one.finding.message.split(" takes")[0] for one in found] == ["the queue 'a'", "the queue 'b'"]


def test_a_limit_that_the_app_gives_is_shown_at_the_queue(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        'from celery import Celery\napp = Celery("own")\n@app.task(time_limit=7200)\ndef settle(): ...\n'
        "@app.task\ndef confirm(): ...\n"
    )
    text = "app: own:app\nprofiles:\n  all:\n    queues: [work]\n    time_limit: 1m\n"
    (found,) = found_by("mixed-durations", tmp_path, text)
    assert lines(found) == [4, 5, 3]


def test_the_first_queue_of_each_kind_is_shown(tmp_path: Path) -> None:
    text = """\
profiles:
  all:
    queues:
      - orders
      - io_calls
      - emails
      - video_encoding
      - memory_imports
  more: {queues: [cpu_a, io_b]}
"""
    first, second = found_by("mixed-kinds", tmp_path, text)
    assert "3 kinds of work: 'io_calls' (io) and 'video_encoding' (cpu) and 'memory_imports' (memory)" in (
        first.finding.message
    )
    assert lines(first) == [5, 7, 8]
    assert lines(second) == [9, 9]


def test_several_workers_of_one_profile_are_still_one(tmp_path: Path) -> None:
    text = """\
tasks: {send_a: {}, send_b: {}, confirm: {}, cancel: {}}
profiles:
  all: {queues: [video]}
nodes: {one: {workers: {all: 3}}, two: {workers: {all: 3}}}
"""
    rule = "one-worker-for-everything"
    assert found_by(rule, tmp_path, text) == []
    (found,) = found_by(rule, tmp_path, text.replace("cancel: {}", "cancel: {}, settle: {}"))
    assert "alone runs all 5 tasks" in found.finding.message
    assert "'send_a' is io work and 'confirm' is cpu work" in found.finding.message
    assert lines(found) == [3, 1, 1]


@pytest.mark.parametrize("queue", ["critical", "orders_high", "high", "high_priority", "a.urgent", "realtime-feed"])
def test_a_queue_that_sounds_urgent_needs_a_worker_of_its_own(queue: str, tmp_path: Path) -> None:
    text = f"profiles:\n  one: {{queues: [bulk, {queue}]}}\n  two:\n    queues:\n    - {queue}\n    - orders\n"
    (found,) = found_by("bulk-beside-critical", tmp_path, text)
    assert f"the queue {queue!r}" in found.finding.message
    assert f"queues: [{queue}]" in found.finding.remedy
    assert lines(found) == [2, 2, 5, 6]


@pytest.mark.parametrize(
    ("queue", "mended"),
    [
        ("a: {arguments: {x-max-length: 5}}", "a: {arguments: {x-max-length: 5, x-overflow: reject-publish}}"),
        (
            "a:\n    when_full: reject\n    arguments:\n      # all\n      x-max-length: 5\n    exchange: b",
            "a:\n    arguments:\n      # all\n      x-max-length: 5\n      x-overflow: reject-publish\n    exchange: b",
        ),
        (
            "a:\n    arguments:\n      x-max-length: 5\n    when_full: reject\n  b: {}",
            "a:\n    arguments:\n      x-max-length: 5\n      x-overflow: reject-publish\n  b: {}",
        ),
        (
            "a: {when_full: reject, arguments: {x-max-length-bytes: 5}}",
            "a: {arguments: {x-max-length-bytes: 5, x-overflow: reject-publish}}",
        ),
    ],
)
def test_a_limit_under_arguments_is_made_to_reject(queue: str, mended: str, tmp_path: Path) -> None:
    text = "broker: amqp://rabbit//\nqueues:\n  {}\nprofiles: {{all: {{queues: [a]}}}}\n"
    path = tmp_path / "fleet.yaml"
    path.write_text(text.format(queue))
    after, done = mend(path, None, [rule_named("silent-drop")])
    assert path.read_text() == text.format(mended)
    assert len(done) == 1
    assert after.report.found == ()
    assert after.loaded.file.model.queues["a"].arguments["x-overflow"] == "reject-publish"


@pytest.mark.parametrize("broker", ["app: shop:app", "# none yet", "broker: embedded", "broker: redis://redis/0"])
def test_a_limit_under_arguments_is_found_whatever_the_broker_of_today(broker: str, tmp_path: Path) -> None:
    text = f"{broker}\nqueues:\n  a:\n    arguments: {{x-max-length: 5}}\nprofiles: {{all: {{queues: [a]}}}}\n"
    (found,) = found_by("silent-drop", tmp_path, text)
    assert lines(found) == [4]


def test_zones_without_a_worker_are_shown_for_all_tasks_of_the_same_workers(tmp_path: Path) -> None:
    text = """\
tasks:
  export: {queue: customers, zone: same}
  forget: {queue: customers, zone: same}
  shop.mail.*:
    queue: mail
    zone: same
profiles:
  customers: {queues: [customers]}
  mail: {queues: [mail]}
nodes:
  a: {zone: eu, workers: {customers: 1}}
  b: {zone: us, workers: {mail: 1}}
  c: {zone: asia, workers: {}}
  d: {workers: {customers: 1, mail: 1}}
"""
    customers, mail = found_by("zone-without-worker", tmp_path, text)
    assert "'export' and 1 other task must stay in the zone, and no worker in 'us', 'asia' can run it" in (
        customers.finding.message
    )
    assert "profile 'customers' on a node in 'us'" in customers.finding.remedy
    assert lines(customers) == [2, 12, 13]
    assert mail.finding.message.startswith("'shop.mail.*' must stay")
    assert lines(mail) == [6, 11, 13]


@pytest.mark.parametrize(("nodes", "places"), [("", [2]), ("nodes: {a: {workers: {all: 1}}}\n", [2, 5])])
def test_a_zone_to_stay_in_needs_nodes_that_say_theirs(nodes: str, places: list[int], tmp_path: Path) -> None:
    text = "tasks:\n  export: {zone: same}\n  forget: {zone: same}\nprofiles: {all: {queues: [customers]}}\n" + nodes
    (found,) = found_by("zone-without-worker", tmp_path, text)
    assert found.finding.message == "'export' and 1 other must stay in the zone, and no node says its zone"
    assert lines(found) == places


def test_a_pattern_tells_of_its_tasks_by_name_where_the_app_has_them(tmp_path: Path) -> None:
    text = """\
app: shop:app
tasks: {"shop.*": {queue: orders, zone: same}, "nobody.*": {queue: orders, zone: same}}
profiles: {orders: {queues: [orders]}, idle: {queues: [other]}}
nodes: {a: {zone: eu, workers: {orders: 1}}, b: {zone: us, workers: {idle: 1}}}
"""
    (found,) = found_by("zone-without-worker", tmp_path, text)
    assert "and 2 other tasks must stay" in found.finding.message
    assert found.finding.message.startswith("'shop.")
    assert "*" not in found.finding.message
