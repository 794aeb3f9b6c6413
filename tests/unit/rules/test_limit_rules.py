"""The edges of the rules on limits, sizes, nodes and timeouts: what they leave alone, and where they point."""

from pathlib import Path
from tempfile import mkdtemp

import pytest

from allotment.cli.examining import examine, mend
from allotment.model.preset import PRESETS
from allotment.rules.registry import every_rule, rule_named
from allotment.rules.running import Found


def found(parent: Path, rule: str, text: str, app: str | None = None) -> tuple[Found, ...]:
    folder = Path(mkdtemp(dir=parent))  # of its own: Python takes a module of the same size and second for the same
    (folder / "fleet.yaml").write_text(text)
    if app is not None:
        (folder / "shop.py").write_text(app)
    return examine(folder / "fleet.yaml", None, [rule_named(rule)]).report.found


def lines(one: Found) -> list[int | None]:
    return [where.line for where in one.places]


def profile(text: str, *, queue: str = "work", more: str = "") -> str:
    return f"tasks:\n  a: {{queue: {queue}}}\nprofiles:\n  one: {{queues: [{queue}], {text}}}\n{more}"


OVER, NODES = "concurrency-over-cores", "nodes:\n  big: {cpu: 8, workers: {one: 1}}\n"


@pytest.mark.parametrize(
    ("said", "queue", "nodes", "is_found"),
    [
        ("concurrency: 16", "cpu_work", NODES, False),
        ("concurrency: 17", "cpu_work", NODES, True),
        ("concurrency: 32", "work", NODES, False),
        ("concurrency: 33", "io_work", NODES, True),
        ("autoscale: {min: 1, max: 17}", "cpu_work", NODES, True),
        ("concurrency: 200, pool: threads", "io_work", NODES, False),
        ("concurrency: 16", "cpu_work", "", False),
        ("concurrency: 17", "cpu_work", "", True),
        ("concurrency: 32", "work", "", False),
        ("prefetch: 1", "cpu_work", "nodes: {big: {cpu: 0.5, workers: {one: 1}}}", False),
    ],
)
def test_processes_are_counted_against_cores(said: str, queue: str, nodes: str, is_found: bool, tmp_path: Path) -> None:
    assert bool(found(tmp_path, OVER, profile(said, queue=queue, more=nodes))) == is_found


def test_workers_of_one_node_count_together_and_the_worst_node_is_told(tmp_path: Path) -> None:
    nodes = "".join(f"  n{cores}: {{cpu: {cores}, workers: {{one: 3}}}}\n" for cores in (64, 8, 4))
    (one,) = found(tmp_path, OVER, profile("concurrency: 8", queue="cpu_work", more=f"nodes:\n{nodes}"))
    assert "3 × 8 = 24 processes on node 'n4', which has 4 cores" in one.finding.message
    assert lines(one) == [4, 8, 8]
    assert one.finding.edits == ()
    assert "fewer workers" in one.finding.remedy


@pytest.mark.parametrize(
    ("said", "nodes", "then"),
    [
        ("concurrency: 40", NODES, "concurrency: 8"),
        ("prefetch: 1, concurrency: 40", "nodes: {a: {cpu: 8, workers: {one: 1}}, b: {cpu: 4, workers: {one: 1}}}", ""),
        ("prefetch: 1, concurrency: 40", "", ""),
        ("preset: cpu", "nodes: {a: {cpu: 2, workers: {one: 1}}}", "concurrency: 2"),
    ],
)
def test_what_is_mended_is_as_many_as_there_are_cores(said: str, nodes: str, then: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(profile(said, queue="cpu_work", more=nodes))
    examined, done = mend(file, None, [rule_named(OVER)])
    assert len(done) == 1
    assert examined.report.found == ()
    assert ("concurrency" in file.read_text()) == bool(then)
    assert then in file.read_text()
    assert examined.loaded.file.model.profiles["one"].autoscale is None


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_alone_is_well(preset: str, tmp_path: Path) -> None:
    text = profile(f"preset: {preset}", queue=f"{preset}_work", more="visibility_timeout: 3h\n")
    (tmp_path / "fleet.yaml").write_text(text)
    assert examine(tmp_path / "fleet.yaml", None, every_rule()).report.found == ()


APP = """
from celery import Celery
app = Celery("shop", broker="memory://")
app.conf.task_soft_time_limit = {soft}
@app.task(name="a", time_limit={hard}, acks_late={late})
def a(): ...
"""


def an_app(*, hard: int | None = None, soft: int | None = None, late: bool | None = None) -> str:
    return APP.format(hard=hard, soft=soft, late=late)


@pytest.mark.parametrize(
    "text",
    [
        "tasks: {a: {queue: q, time_limit: 5m}}\nprofiles: {one: {queues: [q]}}",
        "tasks: {a: {queue: q}}\nprofiles: {one: {queues: [q], time_limit: 5m}}",
        "tasks: {a: {queue: q}}\nprofiles: {one: {queues: [q]}}\nsettings: {task_time_limit: 300}",
        "tasks: {a: {queue: q}}\nprofiles: {one: {queues: [q], pool: solo}}",
        "tasks: {a: {queue: q}}\nprofiles: {one: {queues: [q], time_limit: 5m}, two: {queues: [q], tasks: [b]}}",
    ],
)
def test_a_limit_said_anywhere_is_a_limit(text: str, tmp_path: Path) -> None:
    assert found(tmp_path, "missing-time-limit", text) == ()


def test_the_apps_own_limit_is_a_limit(tmp_path: Path) -> None:
    text = "app: shop:app\nprofiles: {one: {queues: [q]}}"
    assert found(tmp_path, "missing-time-limit", text, an_app(hard=60)) == ()
    (one,) = found(tmp_path, "missing-time-limit", text, an_app(soft=60))
    assert "1 task" in one.finding.message


def test_tasks_without_a_limit_are_told_together_by_profile(tmp_path: Path) -> None:
    tasks = "".join(f"  t{number}: {{queue: q}}\n" for number in range(10))
    text = f"tasks:\n{tasks}profiles:\n  one: {{queues: [q]}}\n  two: {{queues: [q]}}\n"
    first, second = found(tmp_path, "missing-time-limit", text)
    assert "run 10 tasks without a time limit: 't0', 't1', 't2' and 7 more" in first.finding.message
    assert (lines(first), lines(second)) == ([13, 2], [14, 2])


@pytest.mark.parametrize(
    ("said", "entry", "more", "where"),
    [
        ("time_limit: 5m", ", soft_time_limit: 5m", "", [2, 4]),
        ("preset: general", ", soft_time_limit: 20m", "", [2, 4]),
        ("soft_time_limit: 5m", ", time_limit: 1m", "", None),
        ("soft_time_limit: 55m, time_limit: 1h", ", time_limit: 30m", "", None),
        ("time_limit: 5m", "", "settings: {task_soft_time_limit: 300}", None),
        ("soft_time_limit: 5m", "", "settings: {task_time_limit: 300}", [4, 5]),
        ("prefetch: 1", "", "settings: {task_time_limit: 60, task_soft_time_limit: '90'}", [5, 5]),
        ("time_limit: 5m, pool: threads", ", soft_time_limit: 5m", "", [2, 4]),
        ("time_limit: 5m, pool: gevent", ", soft_time_limit: 5m", "", None),
        ("time_limit: 5m, pool: solo", ", soft_time_limit: 5m", "", None),
        ("time_limit: 5m", ", soft_time_limit: 299s", "", None),
        ("time_limit: 5m", ", soft_time_limit: 8m, time_limit: 9m", "", None),
    ],
)
def test_limits_are_compared_across_places(
    said: str, entry: str, more: str, where: list[int] | None, tmp_path: Path
) -> None:
    text = profile(said, more=more).replace("queue: work}", f"queue: work{entry}}}", 1)
    assert [lines(one) for one in found(tmp_path, "soft-limit-over-hard", text)] == ([where] if where else [])


def test_limits_of_the_app_are_compared_too(tmp_path: Path) -> None:
    text = "profiles:\n  one: {queues: [q]}\napp: shop:app\n"
    assert found(tmp_path, "soft-limit-over-hard", text, an_app(hard=60, soft=90)) == ()
    text += "tasks: {a: {queue: q, soft_time_limit: 90s}}\n"
    (one,) = found(tmp_path, "soft-limit-over-hard", text, an_app(hard=60))
    assert lines(one) == [4, 3]
    assert "told to stop after 1m30s, and killed after 1m" in one.finding.message


@pytest.mark.parametrize(
    ("said", "entry", "where"),
    [
        ("pool: solo, time_limit: 1m, soft_time_limit: 30s", "", [[4, 4, 4]]),
        ("pool: solo", ", time_limit: 1m", [[2, 4]]),
        ("pool: solo, preset: cpu", "", [[4, 4, 4]]),
        ("pool: gevent, soft_time_limit: 30s", "", [[4, 4]]),
        ("pool: gevent, time_limit: 1m", "", []),
        ("pool: gevent, preset: io", "", []),
        ("pool: io, soft_time_limit: 30s", "", []),
        ("pool: threads, soft_time_limit: 30s, time_limit: 1m", "", []),
        ("pool: solo", "", []),
    ],
)
def test_limits_are_found_where_the_pool_keeps_none(
    said: str, entry: str, where: list[list[int]], tmp_path: Path
) -> None:
    text = profile(said).replace("queue: work}", f"queue: work{entry}}}", 1)
    assert [lines(one) for one in found(tmp_path, "ignored-limits", text)] == where


def test_a_limit_for_all_tasks_is_for_the_other_workers(tmp_path: Path) -> None:
    assert found(tmp_path, "ignored-limits", profile("pool: solo", more="settings: {task_time_limit: 60}")) == ()


@pytest.mark.parametrize(
    ("rule", "said", "queue", "count"),
    [
        ("ignored-child-limits", "pool: gevent, max_memory_per_child: 1Gi", "work", 1),
        ("ignored-child-limits", "preset: io, max_tasks_per_child: 5", "work", 1),
        ("ignored-child-limits", "preset: io", "work", 0),
        ("ignored-child-limits", "preset: cpu, pool: threads", "work", 0),
        ("ignored-child-limits", "max_tasks_per_child: 5", "work", 0),
        ("unrecycled-memory-workers", "prefetch: 1", "memory_work", 1),
        ("unrecycled-memory-workers", "max_memory_per_child: 1Gi", "memory_work", 0),
        ("unrecycled-memory-workers", "pool: threads", "memory_work", 0),
        ("unrecycled-memory-workers", "preset: memory", "memory_work", 0),
        ("unrecycled-memory-workers", "prefetch: 1", "work", 0),
        ("unrecycled-memory-workers", "prefetch: 1", "export", 0),
        ("unrecycled-memory-workers", "prefetch: 1", "mem-heavy", 1),
        ("unrecycled-memory-workers", "prefetch: 1", "memcached", 0),
        ("ignored-child-limits", "pool: solo, concurrency: 4", "work", 1),
        ("ignored-child-limits", "pool: solo, concurrency: 1", "work", 0),
        ("ignored-child-limits", "pool: solo, preset: general", "work", 0),
    ],
)
def test_limits_of_processes(rule: str, said: str, queue: str, count: int, tmp_path: Path) -> None:
    assert len(found(tmp_path, rule, profile(said, queue=queue))) == count


def test_most_tasks_names_tell_memory_work(tmp_path: Path) -> None:
    text = "tasks:\n  import_year: {queue: q}\n  merge_reports: {queue: q}\nprofiles:\n  one: {queues: [q]}\n"
    (one,) = found(tmp_path, "unrecycled-memory-workers", text)
    assert lines(one) == [5, 2]
    more = text.replace("tasks:\n", "tasks:\n  count: {queue: q}\n  sum: {queue: q}\n")
    assert found(tmp_path, "unrecycled-memory-workers", more) == ()


PREFETCH = "prefetch-on-long-tasks"


@pytest.mark.parametrize(
    ("said", "queue", "more", "count"),
    [
        ("prefetch: 8, time_limit: 1m", "parse", "", 0),
        ("prefetch: 8", "parse", "settings: {task_time_limit: 30}", 0),
        ("prefetch: 8", "parse", "", 1),
        ("prefetch: 8, time_limit: 6m", "parse", "", 1),
        ("prefetch: 8, time_limit: 30s", "inference", "", 0),
        ("time_limit: 1h", "work", 'settings: {worker_prefetch_multiplier: "4"}', 1),
        ("time_limit: 1h", "work", 'settings: {worker_prefetch_multiplier: "1"}', 0),
        ("time_limit: 1h", "work", "settings: {worker_prefetch_multiplier: 0}", 1),
    ],
)
def test_a_name_counts_where_no_limit_says_otherwise(
    said: str, queue: str, more: str, count: int, tmp_path: Path
) -> None:
    assert len(found(tmp_path, PREFETCH, profile(said, queue=queue, more=more))) == count


@pytest.mark.parametrize(
    ("said", "entry", "count"),
    [
        ("prefetch: 4", "", 1),
        ("prefetch: 3", "", 0),
        ("concurrency: 2", "", 0),
        ("prefetch: 8, time_limit: 10m", "", 0),
        ("prefetch: 8", ", time_limit: 10m", 0),
        ("prefetch: 8", ", time_limit: 40m", 1),
    ],
)
def test_most_tasks_names_tell_heavy_work(said: str, entry: str, count: int, tmp_path: Path) -> None:
    tasks = (
        f"  train_model: {{queue: heavy{entry}}}\n  encode_video: {{queue: heavy{entry}}}\n  note: {{queue: heavy}}\n"
    )
    one = found(tmp_path, PREFETCH, f"tasks:\n{tasks}profiles: {{heavy: {{queues: [heavy], {said}}}}}\n")
    assert [bool(each.finding.edits) for each in one] == [False] * count


def test_a_pattern_stands_for_tasks_that_nobody_names(tmp_path: Path) -> None:
    text = "tasks:\n  shop.*: {queue: q, delivery: at-least-once}\nprofiles:\n  one: {queues: [q]}\n"
    (one,) = found(tmp_path, "missing-time-limit", text)
    assert "run tasks without a time limit: 'shop.*'" in one.finding.message
    assert lines(one) == [4, 2]
    named = text.replace("tasks:", "tasks:\n  shop.a: {queue: q, time_limit: 5m}")
    assert found(tmp_path, "missing-time-limit", named) == ()
    assert found(tmp_path, "missing-time-limit", text.replace("shop", "celery")) == ()
    assert found(tmp_path, "missing-time-limit", "app: shop:app\n" + text, an_app(hard=5)) == ()
    limited = text.replace("at-least-once}", "at-least-once, time_limit: 2h}")
    short = "visibility_timeout: 1h\n"
    for rule, broker in (("short-visibility-timeout", "redis"), ("short-consumer-timeout", "amqp")):
        (one,) = found(tmp_path, rule, limited + short + f"broker: {broker}://broker\n")
        assert "'shop.*' may take 2h" in one.finding.message


def test_a_setting_replaces_processes_too(tmp_path: Path) -> None:
    text = profile("prefetch: 1", queue="memory_work", more="settings: {worker_max_tasks_per_child: 10}")
    assert found(tmp_path, "unrecycled-memory-workers", text) == ()


@pytest.mark.parametrize(
    ("profiles", "count"),
    [
        ("cpu: {queues: [a], concurrency: 4}, io: {queues: [b], concurrency: 4}, c: {queues: [c], concurrency: 4}", 1),
        ("cpu: {queues: [a], concurrency: 4}, io: {queues: [b], concurrency: 4}", 0),
        ("cpu: {queues: [a], concurrency: 1}, io: {queues: [b], concurrency: 1}, c: {queues: [c], concurrency: 1}", 0),
        ("cpu: {queues: [a], concurrency: 4}, x: {queues: [b], concurrency: 4}, c: {queues: [c], concurrency: 4}", 0),
        ("cpu: {queues: [a], concurrency: 4}, io: {queues: [b], concurrency: 5}, c: {queues: [c], concurrency: 4}", 0),
        ("cpu: {queues: [a], concurrency: 10}, io: {queues: [b], concurrency: 10}, c: {preset: general}", 0),
    ],
)
def test_the_same_figure_for_all(profiles: str, count: int, tmp_path: Path) -> None:
    assert len(found(tmp_path, "same-concurrency-for-all", f"profiles: {{{profiles}}}")) == count


ROOM = """profiles:
  one: {queues: [q], time_limit: 5m, autoscale: {min: 2, max: 8}, resources: {RESOURCES}, max_memory_per_child: 1Gi}
  two: {queues: [q], time_limit: 5m, resources: {cpu: 4, memory: 8Gi}}
nodes:
  big: {cpu: 16, memory: 16Gi, workers: {one: 1, two: OTHERS}}
"""


@pytest.mark.parametrize(
    ("resources", "others", "rule", "where"),
    [
        ("cpu: 4", 3, "no-headroom", [2, 2, 5]),
        ("cpu: 4", 2, "no-headroom", None),
        ("cpu: 8", 2, "no-headroom", None),
        ("cpu: 4", 4, "no-headroom", None),  # that is overcommitted
        ("cpu: 4, memory: 1Gi", 1, "no-headroom", None),
        ("memory: 7.5Gi", 1, "no-headroom", [2, 2, 5]),
        ("memory: 8Gi", 1, "no-headroom", None),
        ("memory: 8Gi", 2, "overcommitted-node", [5, 5, 3, 2]),
        ("memory: 8Gi", 1, "overcommitted-node", None),
    ],
)
def test_room_on_a_node(resources: str, others: int, rule: str, where: list[int] | None, tmp_path: Path) -> None:
    text = ROOM.replace("RESOURCES", resources).replace("OTHERS", str(others))
    assert [lines(one) for one in found(tmp_path, rule, text)] == ([where] if where else [])


def test_bounds_that_are_one_become_the_concurrency(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("profiles:\n  one:\n    preset: mixed\n    queues: [q]\n    autoscale: {min: 4, max: 4}\n")
    examined, done = mend(file, None, [rule_named("no-headroom")])
    assert len(done) == 1
    assert examined.report.found == ()
    one = examined.loaded.file.model.profiles["one"]
    assert (one.concurrency, one.autoscale) == (4, None)


def test_what_several_nodes_lack_is_told_once(tmp_path: Path) -> None:
    nodes = "".join(f"  n{number}: {{workers: {{one: 1}}, mounts: [/other]}}\n" for number in range(5))
    needs = "requires: {labels: [ssd], mounts: [/srv, /other]}"
    has = "  has: {workers: {one: 1}, labels: [ssd]}\n"  # what is mounted there is not known
    text = f"nodes:\n{nodes}{has}profiles: {{one: {{queues: [q], {needs}}}}}\n"
    label, mount = found(tmp_path, "unmet-requirement", text)
    assert "label 'ssd', which nodes 'n0', 'n1', 'n2' and 2 more lack" in label.finding.message
    assert "mount '/srv'" in mount.finding.message
    assert lines(label) == lines(mount) == [2, 3, 4, 8]
    assert label.finding.labels[-1].path == ("profiles", "one", "requires", "labels", 0)
