"""Files that teams have: the fleet that each is, the places of what is in it, and that a hostile one does nothing."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from allotment.errors import FileInvalid, FileProblem, Where
from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Autoscale, Pool, Profile, Resources
from allotment.model.queue import ExchangeType, Queue, QueueType, WhenFull
from allotment.model.requirements import Requirements
from allotment.model.task import TaskEntry
from allotment.source.fleet_file import read_fleet_file
from allotment.source.shapes import read_shape
from allotment.source.shapes.python_names import MOST_CHARACTERS

SHAPES = Path(__file__).parents[2] / "fixtures" / "shapes"
FLEETS = Path(__file__).parents[2] / "fixtures" / "fleets"
GI, MI = 2**30, 2**20


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., FleetModel]:
    def model(text: str, name: str = "profiles.yaml", **environment: str) -> FleetModel:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_fleet_file(path, environment).model

    return model


@pytest.fixture
def problems(model) -> Callable[..., tuple[FileProblem, ...]]:
    def problems(text: str, name: str = "profiles.yaml", **environment: str) -> tuple[FileProblem, ...]:
        with pytest.raises(FileInvalid) as caught:
            model(text, name, **environment)
        return caught.value.problems

    return problems


@pytest.fixture
def only(problems) -> Callable[..., FileProblem]:
    def only(text: str, name: str = "profiles.yaml", **environment: str) -> FileProblem:
        (problem,) = problems(text, name, **environment)
        return problem

    return only


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def at(problem: FileProblem) -> tuple[int | None, int | None]:
    assert problem.where is not None
    return problem.where.line, problem.where.column


def span(where: Where) -> tuple[int | None, ...]:
    return where.line, where.column, where.end_line, where.end_column


# Worker profiles


def test_worker_profiles_are_the_fleet_they_describe() -> None:
    assert read_fleet_file(SHAPES / "worker-profiles.yaml", {}).model == FleetModel(
        profiles={
            "cpu-heavy": Profile(
                "cpu-heavy",
                ("video", "training"),
                tasks=("media.tasks.transcode", "media.tasks.train_model"),
                concurrency=4,
                prefetch=1,
                max_tasks_per_child=50,
                time_limit=3600,
                soft_time_limit=3300,
                resources=Resources(4, 8 * GI),
                about="Transcoding and model training",
            ),
            "io-bound": Profile(
                "io-bound",
                ("io-bound",),
                tasks=("media.tasks.send_mail", "media.tasks.call_webhook", "media.tasks.thumbnail"),
                pool=Pool.THREADS,
                autoscale=Autoscale(10, 40),
                prefetch=8,
                resources=Resources(0.1, GI),
                about="Webhooks and mail",
            ),
            "thumbnails": Profile(
                "thumbnails", ("images", "io-bound"), tasks=("media.tasks.thumbnail",), concurrency=2
            ),
            "default": Profile("default", ("celery",)),
        },
        nodes={"local": Node("local", {"io-bound": 2, "cpu-heavy": 1, "thumbnails": 1, "default": 1})},
        entries=(
            TaskEntry("media.tasks.transcode", "video"),
            TaskEntry("media.tasks.train_model", "video"),
            TaskEntry("media.tasks.send_mail", "io-bound"),
            TaskEntry("media.tasks.call_webhook", "io-bound"),
            TaskEntry("media.tasks.thumbnail", "io-bound"),
        ),
        broker=Address("embedded"),
        results=Address("embedded"),
    )


def test_what_is_in_worker_profiles_keeps_its_place() -> None:
    document = read_fleet_file(SHAPES / "worker-profiles.yaml", {}).document
    assert span(document.where(("profiles", "cpu-heavy", "about"), key=True)) == (5, 5, 5, 16)
    assert span(document.where(("profiles", "cpu-heavy", "prefetch"))) == (11, 26, 11, 27)
    assert span(document.where(("profiles", "io-bound", "autoscale", "max"))) == (23, 16, 23, 23)
    assert span(document.where(("profiles", "io-bound", "resources", "memory"))) == (28, 24, 28, 29)
    assert span(document.where(("profiles", "io-bound", "resources", "cpu"))) == (27, 40, 27, 46)
    assert span(document.where(("profiles", "io-bound", "queues", 0))) == (19, 3, 19, 11)
    assert span(document.where(("tasks", "media.tasks.train_model"), key=True)) == (8, 9, 8, 32)
    assert span(document.where(("tasks", "media.tasks.train_model", "queue"))) == (9, 14, 9, 19)
    assert span(document.where(("nodes", "local", "workers", "io-bound"))) == (25, 15, 25, 16)


@pytest.mark.parametrize("name", ["shop.yaml", "contradictions.yaml"])
def test_a_fleet_file_is_passed_through_untouched(name: str) -> None:
    text = (FLEETS / name).read_text()
    document = read_shape(text, name, {})
    assert (document.assumed, document.parts) == ((), ())


@pytest.mark.parametrize(
    ("written", "profile"),
    [
        ("tasks: all", Profile("p", ("p",))),
        ("tasks: '*'", Profile("p", ("p",))),
        ("description: x, queues: [q]", Profile("p", ("q",), about="x")),
        ("description: x, preset: mixed, queues: [q], prefetch: 1", None),
        ("tasks: all, autoscale: '3'", Profile("p", ("p",), autoscale=Autoscale(0, 3))),
        ("autoscale: [8, 2]", Profile("p", ("p",), autoscale=Autoscale(2, 8))),
        ("autoscale: '2,8'", Profile("p", ("p",), autoscale=Autoscale(2, 8))),
        ("tasks: all, autoscale: {min: 1, max: 2}", Profile("p", ("p",), autoscale=Autoscale(1, 2))),
        ("resources: {limits: {cpu: 500m}}", Profile("p", ("p",), resources=Resources(0.5))),
        ("resources: {requests: {cpu: 2, 'x.com/gpu': 1}, limits: {}}", Profile("p", ("p",), resources=Resources(2))),
        ("tasks: [a.b]", Profile("p", ("p",), tasks=("a.b",))),
    ],
)
def test_keys_of_worker_profiles(written: str, profile: Profile | None, model) -> None:
    found = model(f"profiles: {{p: {{{written}}}}}\n").profiles["p"]
    assert profile is None or found == profile


@pytest.mark.parametrize(
    ("text", "code", "place", "word"),
    [
        ("profiles:\n  p: {replicas: 1, prefetch: 1, prefetch_multiplier: 2}\n", "duplicate-key", (2, 33), "prefetch"),
        ("profiles:\n  p: {description: x, concurency: 2}\n", "unknown-key", (2, 23), "'concurency'"),
        ("profiles:\n  p: {tasks: all, autoscale: 'many'}\n", "bad-value", (2, 30), "many"),
        ("profiles:\n  p: {tasks: all, autoscale: '8,2,1'}\n", "bad-value", (2, 30), "8,2,1"),
        ("profiles:\n  p: {resources: {limits: {memroy: 1Gi}}}\n", "unknown-key", (2, 28), "memroy"),
        ("profiles:\n  p: {resources: {limit: {}, requests: {}}}\n", "unknown-key", (2, 19), "limit"),
        ("profiles:\n  p: {resources: {limits: [1]}}\n", "bad-value", (2, 27), "limits"),
        ("profiles:\n  p: {tasks: all, replicas: few}\n", "bad-value", (2, 29), "few"),
        ("profiles:\n  p.q: {tasks: all, replicas: 2}\n", "bad-name", (2, 3), "p.q"),
        ("profiles:\n  p: {description: x, tasks: [a b], queues: [q]}\n", "bad-value", (2, 31), "a b"),
        ("profiles:\n  p: {description: x, tasks: [a], queues: [q q]}\n", "bad-value", (2, 44), "q q"),
        ("profiles:\n  p: {description: x, queues: []}\n", "no-queues", (2, 3), "'p'"),
        ("profiles:\n  p: {tasks: [a]}\n  q: {queues: [q]}\n", "no-queues", (2, 3), "'p'"),
        ("broker: embedded\nprofiles:\n  p: {tasks: [a]}\n", "no-queues", (3, 3), "'p'"),
        ("app: a:b\nprofiles:\n  p: {tasks: all}\n", "no-queues", (3, 3), "'p'"),
    ],
)
def test_what_is_wrong_in_worker_profiles_is_said_once_at_its_place(text, code, place, word, only) -> None:
    problem = only(text)
    assert (problem.code, at(problem)) == (code, place)
    assert word in problem.message


# Where tasks go that only a profile lists


@pytest.mark.parametrize(
    ("profiles", "queues"),
    [
        ("p: {tasks: [t], queues: [a, b]}", {"t": "a"}),
        ("p: {tasks: [t], queues: [a, b]}, q: {tasks: [t], queues: [b, c]}", {"t": "b"}),
        ("p: {tasks: [t], queues: [a]}, q: {tasks: [t], queues: [b]}", {"t": "a"}),
        ("p: {tasks: ['t.*', t], queues: [a]}", {"t": "a"}),
        ("p: {tasks: [t, u], exclude_tasks: ['t*'], queues: [a]}", {"u": "a"}),
        ("p: {tasks: [t], preset: general}", {"t": "general_background"}),
        ("p: {queues: [a]}", {}),
    ],
)
def test_a_task_that_a_profile_lists_goes_to_its_queue(profiles: str, queues: dict[str, str], model) -> None:
    found = model(f"profiles: {{{profiles}}}\n")
    assert {entry.key: entry.queue for entry in found.entries} == queues


@pytest.mark.parametrize("key", ["app: a:b", "tasks: {x.*: {}}", "default_queue: a", "route_by_resource: {cpu: a}"])
def test_a_file_that_says_where_tasks_go_is_left_alone(key: str, model) -> None:
    found = model(f"{key}\nprofiles: {{p: {{tasks: [t], queues: [a], description: x}}}}\n")
    assert "t" not in [entry.key for entry in found.entries]


def test_workers_are_placed_by_their_replicas_unless_a_node_runs_them(model) -> None:
    profiles = "profiles: {p: {tasks: all, replicas: 3}, q: {tasks: all, replicas: 2}, r: {tasks: all}}\n"
    assert model(profiles).nodes == {"local": Node("local", {"p": 3, "q": 2, "r": 1})}
    assert model(profiles + "nodes: {n: {workers: {p: 1}}}\n").nodes == {
        "n": Node("n", {"p": 1}),
        "local": Node("local", {"q": 2}),
    }


# A Python module


def test_worker_pools_are_the_fleet_they_describe() -> None:
    assert read_fleet_file(SHAPES / "celery_pools.py", {}).model == FleetModel(
        profiles={
            "cpu_pool": Profile(
                "cpu_pool",
                ("cpu_ml", "cpu_reports"),
                tasks=("analytics.train", "analytics.report"),
                concurrency=4,
                prefetch=1,
                max_tasks_per_child=100,
                max_memory_per_child=2 * GI,
                time_limit=3600,
                soft_time_limit=3000,
                resources=Resources(2, 4 * GI),
                about="NumPy and friends: größere Modelle",
            ),
            "io_pool": Profile(
                "io_pool",
                ("io_api",),
                tasks=("analytics.fetch", "analytics.report"),
                pool=Pool.GEVENT,
                autoscale=Autoscale(20, 100),
                prefetch=10,
            ),
            "small": Profile(
                "small",
                ("scratch", "io_dead"),
                exclude_tasks=("analytics.train",),
                pool=Pool.SOLO,
                autoscale=Autoscale(1, 3),
            ),
        },
        queues={
            "cpu_ml": Queue("cpu_ml", "cpu_tasks", "cpu.ml", 100, WhenFull.REJECT),
            "cpu_reports": Queue("cpu_reports", "cpu_tasks", "cpu.reports", arguments={"x-max-length": 200}),
            "io_api": Queue(
                "io_api",
                "io_tasks",
                "io.api.#",
                exchange_type=ExchangeType.TOPIC,
                type=QueueType.QUORUM,
                max_priority=10,
                delivery_limit=5,
                dead_letter="io_dead",
                arguments={"x-message-ttl": 1_800_000},
            ),
            "io_dead": Queue("io_dead", "dead_letters"),
            "scratch": Queue(
                "scratch",
                max_length=10,
                when_full=WhenFull.DROP_OLDEST,
                durable=False,
                arguments={"x-dead-letter-exchange": "dead_letters"},
            ),
        },
        entries=(
            TaskEntry("analytics.train", "cpu_ml"),
            TaskEntry("analytics.report", "cpu_ml"),
            TaskEntry("analytics.fetch", "io_api"),
        ),
        broker=Address("embedded"),
        results=Address("embedded"),
    )


def test_what_is_in_a_python_module_keeps_its_place() -> None:
    document = read_fleet_file(SHAPES / "celery_pools.py", {}).document
    assert span(document.where(("profiles",), key=True)) == (40, 1, 40, 13)
    assert span(document.where(("profiles", "cpu_pool"), key=True)) == (41, 5, 41, 15)
    assert span(document.where(("profiles", "cpu_pool", "about"))) == (42, 24, 42, 60)
    assert span(document.where(("profiles", "cpu_pool", "max_memory_per_child"))) == (48, 33, 48, 48)
    assert span(document.where(("profiles", "io_pool", "queues", 0))) == (54, 17, 54, 25)
    assert span(document.where(("profiles", "io_pool", "autoscale", "min"))) == (57, 19, 57, 28)
    assert span(document.where(("profiles", "small", "autoscale", "min"))) == (66, 33, 66, 34)
    assert span(document.where(("queues", "cpu_ml"), key=True)) == (20, 11, 20, 19)
    assert span(document.where(("queues", "cpu_ml", "exchange"))) == (15, 25, 15, 36)
    assert span(document.where(("queues", "cpu_ml", "max_length"))) == (21, 44, 21, 47)
    assert span(document.where(("queues", "io_api", "routing_key"))) == (25, 32, 25, 42)
    assert span(document.where(("tasks", "analytics.fetch"), key=True)) == (55, 16, 55, 33)


def test_columns_are_counted_in_characters(only) -> None:
    problem = only("WORKER_POOLS = {'p': {'description': 'größer 漢字 🐍', 'pol': 'solo'}}\n", "pools.py")
    assert (problem.code, at(problem)) == ("unknown-key", (1, 53))
    assert problem.hint == "did you mean 'pool'?"


@pytest.mark.parametrize(
    ("queue", "found"),
    [
        ("Queue('q')", Queue("q")),
        ("Queue('q', 'e', 'k')", Queue("q", "e", "k")),
        ("Queue('q', Exchange('e', 'topic'), 'k.#')", Queue("q", "e", "k.#", exchange_type=ExchangeType.TOPIC)),
        ("Queue('q', Exchange(''), routing_key='')", Queue("q")),
        ("Queue(exchange=Exchange(name='e', type='direct'), name='q')", Queue("q", "e")),
        ("Queue('q', max_length=5)", Queue("q", arguments={"x-max-length": 5})),
        (
            "Queue('q', max_length=5, queue_arguments={'x-overflow': 'drop-head'})",
            Queue("q", max_length=5, when_full=WhenFull.DROP_OLDEST),
        ),
        (
            "Queue('q', queue_arguments={'x-max-length': 5, 'x-overflow': 'reject-publish-dlx'})",
            Queue("q", arguments={"x-max-length": 5, "x-overflow": "reject-publish-dlx"}),
        ),
        (
            "Queue('q', queue_arguments=dict(), max_priority=3, expires=1.5)",
            Queue("q", max_priority=3, arguments={"x-expires": 1500}),
        ),
        (
            "Queue('q', queue_arguments={'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'd'})",
            Queue("q", dead_letter="d"),
        ),
        (
            "Queue('q', queue_arguments={'x-dead-letter-exchange': 'e', 'x-dead-letter-routing-key': 'd'})",
            Queue("q", arguments={"x-dead-letter-exchange": "e", "x-dead-letter-routing-key": "d"}),
        ),
        ("Queue('q', auto_delete=False, exclusive=False, durable=True, no_ack=None)", Queue("q")),
    ],
)
def test_queues_of_kombu(queue: str, found: Queue, model) -> None:
    pools = "WORKER_POOLS = {'p': {'queues': ['q']}}\n"
    for name, imported in (("CELERY_QUEUES", "from kombu import *"), ("app.conf.task_queues", "import kombu")):
        queue = queue if imported.endswith("*") else queue.replace("Queue(", "kombu.Queue(").replace("Ex", "kombu.Ex")
        assert model(f"{imported}\n{name} = [{queue}]\n{pools}", "pools.py").queues == {"q": found}


def test_names_of_kombu_may_be_changed_at_import_and_others_are_not_its(model, only) -> None:
    text = "from kombu import Queue as Q, Exchange as E\nimport kombu as k\nWORKER_POOLS = {'p': {'queues': ['q']}}\n"
    assert model(text + "task_queues = (Q('q', k.Exchange('e')),)\n", "pools.py").queues == {"q": Queue("q", "e")}
    problem = only("from queue import Queue\nCELERY_QUEUES = [Queue('q')]\n", "pools.py")
    assert (problem.code, at(problem)) == ("python-value", (2, 18))


def test_one_list_of_queues_under_two_names_counts_once(model) -> None:
    text = (
        "A = Queue('a')\nCELERY_QUEUES = (A,)\ntask_queues = CELERY_QUEUES\nWORKER_POOLS = {'p': {'queues': ['a']}}\n"
    )
    assert list(model(text, "pools.py").queues) == ["a"]


NEEDED = "WORKER_POOLS = {'p': {'queues': ['q'],\n  'concurrency': %s}}\n"


@pytest.mark.parametrize(
    ("value", "number"), [("60 * 60", 3600), ("7 // 2", 3), ("-(-4)", 4), ("10 - 2 + 1", 9), ("N", 6), ("N * 2", 12)]
)
def test_numbers_are_worked_out(value: str, number: int, model) -> None:
    found = model("N: int = 3 * 2\n" + NEEDED % value, "pools.py")
    assert found.profiles["p"].concurrency == number


@pytest.mark.parametrize(
    ("value", "column", "word"),
    [
        ("__import__('os').system('touch ran')", 18, "a call"),
        ("open('ran', 'w').write('x')", 18, "a call"),
        ("os.cpu_count()", 18, "a call"),
        ("settings.WORKERS", 18, "an attribute"),
        ("int('4')", 18, "a call"),
        ("[open('ran', 'w') for _ in range(3)]", 18, "a comprehension"),
        ("{n: open('ran', 'w') for n in 'ab'}", 18, "a comprehension"),
        ('f\'{open("ran", "w")}\'', 18, "an f-string"),
        ("(lambda: open('ran', 'w'))()", 18, "a call"),
        ("SIZES['p']", 18, "an item"),
        ("4 if DEBUG else 8", 18, "a condition"),
        ("DEBUG or 8", 18, "a condition"),
        ("10 ** 10 ** 10", 18, "only numbers"),
        ("10 * 10 ** 10", 23, "only numbers"),
        ("1 << 10", 18, "only numbers"),
        ("'4' + '0'", 18, "only numbers"),
        ("'4' * 10_000_000_000", 18, "only numbers"),
        ("[1] * 10_000_000_000", 18, "only numbers"),
        ("1 // 0", 18, "worked out"),
        ("1e400", 18, "too large"),
        ("0x" + "f" * 5000, 18, "too large"),
        ("UNKNOWN", 18, "UNKNOWN"),
        ("b'4'", 18, "bytes"),
        ("4j", 18, "complex"),
        ("...", 18, "ellipsis"),
        ("dict(*OTHER)", 23, "no such argument"),
        ("dict(**OTHER)", 25, "unpacking"),
        ("{**OTHER}", 21, "unpacking"),
        ("[*OTHER]", 19, "unpacking"),
        ("{4: 1}", 19, "must be text"),
        ("{'a': 1, 'a': 2}", 27, "twice"),
        ("[" * 40 + "]" * 40, 49, "deep"),
    ],
)
def test_what_has_to_be_run_is_not_read_and_nothing_runs(value, column, word, only, scratch) -> None:
    problem = only("OTHER = {}\nDEBUG = True\nSIZES = {}\nimport os, settings\n" + NEEDED % value, "pools.py")
    assert word in problem.message
    assert problem.hint
    assert at(problem) == (6, column)
    assert not (scratch / "ran").exists()


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("N = os.cpu_count()\n" + NEEDED % "N", 1, "a call"),
        ("if x:\n    N = 4\n" + NEEDED % "N", 2, "plain assignment"),
        ("N, M = 1, 2\n" + NEEDED % "N", 1, "plain assignment"),
        ("N = 4\nN += 1\n" + NEEDED % "N", 2, "plain assignment"),
        ("from x import N\n" + NEEDED % "N", 1, "imported"),
        ("def N(): pass\n" + NEEDED % "N", 1, "function"),
        (NEEDED % "4" + "WORKER_POOLS['q'] = {}\n", 3, "changed"),
        (NEEDED % "4" + "WORKER_POOLS.update(q={})\n", 3, "changed"),
        (NEEDED % "4" + "del WORKER_POOLS\n", 3, "plain assignment"),
        ("for name in 'ab':\n    WORKER_POOLS[name] = {}\n", 2, "changed"),
        ("CELERY_QUEUES = [Queue('a')]\nCELERY_QUEUES.append(Queue('b'))\n", 2, "changed"),
        ("CELERY_QUEUES = [Queue(n) for n in 'ab']\n", 1, "comprehension"),
    ],
)
def test_a_value_that_is_not_plain_is_reported_where_it_is_made(text: str, line: int, word: str, only) -> None:
    problem = only(text, "pools.py")
    assert problem.code == "python-value"
    assert at(problem)[0] == line
    assert word in problem.message


def test_what_is_not_needed_may_be_anything(model) -> None:
    text = """
import os, secrets
TOKEN = secrets.token_hex()
PATTERN = '\\d+'
BIG = 10 ** 10 ** 10
DEPTH = [x for x in range(3)]
class Config:
    WORKER_POOLS = None
def tell():
    WORKER_POOLS['p']['queues'].append('x')
WORKER_POOLS = {'p': {'queues': ['q']}}
print(f"{WORKER_POOLS!r}", os.environ['HOME'])
for name, pool in WORKER_POOLS.items():
    assert pool['queues'], "a pool without queues"
"""
    assert model(text, "pools.py").profiles == {"p": Profile("p", ("q",))}


@pytest.mark.parametrize(
    ("text", "code", "place", "word"),
    [
        ("WORKER_POOLS = ['p']\n", "bad-value", (1, 16), "mapping"),
        ("WORKER_POOLS = {'p': {'queues': 'q'}}\n", "bad-value", (1, 33), "list"),
        ("WORKER_POOLS = {'p': {'concurency': 2}}\n", "unknown-key", (1, 23), "concurency"),
        ("WORKER_POOLS = {'p': {'autoscale_max': 2}}\n", "missing-key", (1, 23), "min"),
        ("WORKER_POOLS = {'p': {'autoscale': (4, 1), 'autoscale_max': 2}}\n", "duplicate-key", (1, 44), "autoscale"),
        ("WORKER_POOLS = {'p': {'autoscale_max': 2, 'autoscale': (4, 1)}}\n", "duplicate-key", (1, 43), "autoscale"),
        (
            "WORKER_POOLS = {'p': {'concurrency': 2, 'worker_concurrency': 2}}\n",
            "duplicate-key",
            (1, 41),
            "concurrency",
        ),
        ("WORKER_POOLS = {'p': {}, 'p': {}}\n", "duplicate-key", (1, 26), "twice"),
        ("CELERY_QUEUES = {'q': {}}\n", "bad-value", (1, 17), "list"),
        ("CELERY_QUEUES = ['q']\n", "bad-value", (1, 18), "queue"),
        ("CELERY_QUEUES = [Queue()]\n", "bad-value", (1, 18), "queue"),
        ("CELERY_QUEUES = [Queue('q'), Queue('q')]\n", "defined-twice", (1, 30), "'q'"),
        ("CELERY_QUEUES = [Queue('q', Exchange('e', auto_delete=True))]\n", "unknown-key", (1, 43), "auto_delete"),
        ("x = 1\n", "no-profiles", (1, 1), "WORKER_POOLS"),
        ("", "no-profiles", (1, 1), "WORKER_POOLS"),
    ],
)
def test_what_is_wrong_in_a_python_module_is_said_at_its_place(text, code, place, word, only) -> None:
    problem = only(text, "pools.py")
    assert (problem.code, at(problem)) == (code, place)
    assert word in problem.message


@pytest.mark.parametrize("exchange", ["fanout", "headers"])
def test_what_a_queue_cannot_be_is_left_to_the_keys_of_queues(exchange: str, problems) -> None:
    text = (
        f"CELERY_QUEUES = [Queue('q', Exchange('e', '{exchange}'), auto_delete=True)]\nWORKER_POOLS = {{'q': {{}}}}\n"
    )
    assert [(one.code, at(one)) for one in problems(text, "pools.py")] == [
        ("bad-value", (1, 43)),
        ("unknown-key", (1, 48 + len(exchange))),
    ]


HOSTILE = {
    "brackets": "x = " + "[" * 10_000 + "]" * 10_000,
    "signs": "x = " + "-" * 100_000 + "1",
    "sums": "WORKER_POOLS = " + "1+" * 100_000 + "1",
    "attributes": "x = a" + ".a" * 100_000,
    "calls": "x = a" + "()" * 100_000,
    "syntax": "WORKER_POOLS = {'p': \n\n  'queues': ]}\n",
    "digits": "WORKER_POOLS = " + "9" * 100_000,
    "null": "WORKER_POOLS = 1\0",
    "huge": "#" * (MOST_CHARACTERS + 1),
    "f-string": "x = f'" + "{a}" * (MOST_CHARACTERS // 3 - 5) + "'",
    "squares": "a = 9999999\n" + "a = a * a\n" * 40 + "WORKER_POOLS = {'p': a}\n",
    "doubled lists": "a = [x()]\n" + "a = [a, a]\n" * 200 + "WORKER_POOLS = {'p': {'queues': a}}\n",
    "doubled values": "a = [1]\n" + "a = [a, a]\n" * 200 + "WORKER_POOLS = {'p': {'queues': a}}\n",
    "one long line": "WORKER_POOLS = {'ä': [" + "1," * (MOST_CHARACTERS // 3) + "]}",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_module_is_refused_soon(case: str, problems) -> None:
    begin = time.perf_counter()
    found = problems(HOSTILE[case], "pools.py")
    assert time.perf_counter() - begin < 20
    assert len(found) < 10
    assert all(len(problem.message) < 300 for problem in found)


# Values of a Helm chart


def test_helm_values_are_the_fleet_they_describe() -> None:
    url = "redis://:hunter2@redis-master:6379/0"
    assert read_fleet_file(SHAPES / "values.yaml", {}).model == FleetModel(
        profiles={
            "gpu": Profile(
                "gpu",
                ("frames",),
                tasks=("render.frame", "render.denoise"),
                concurrency=1,
                resources=Resources(4, 16 * GI),
                requires=Requirements(labels=("cloud-example-com-pool-gpu-large",)),
            ),
            "assemble": Profile("assemble", ("assemble",), tasks=("render.assemble",), prefetch=2, time_limit=1800),
            "mail": Profile(
                "mail",
                ("mail", "frames"),
                tasks=("render.notify",),
                pool=Pool.THREADS,
                concurrency=8,
                resources=Resources(0.1, 128 * MI),
            ),
        },
        nodes={
            "gpu-large": Node("gpu-large", {"gpu": 2}, labels=("cloud-example-com-pool-gpu-large",)),
            "cluster": Node("cluster", {"assemble": 3, "mail": 1}),
        },
        entries=(
            TaskEntry("render.frame", "frames"),
            TaskEntry("render.denoise", "frames"),
            TaskEntry("render.assemble", "assemble"),
            TaskEntry("render.notify", "mail"),
        ),
        broker=Address(url),
        results=None,
    )


def test_what_is_in_helm_values_keeps_its_place() -> None:
    document = read_fleet_file(SHAPES / "values.yaml", {}).document
    assert span(document.where(("profiles",), key=True)) == (12, 1, 12, 8)
    assert span(document.where(("profiles", "gpu"), key=True)) == (13, 3, 13, 6)
    assert span(document.where(("profiles", "gpu", "resources", "memory"))) == (24, 34, 24, 38)
    assert span(document.where(("profiles", "gpu", "requires", "labels", 0))) == (26, 31, 26, 40)
    assert span(document.where(("profiles", "assemble", "queues", 0))) == (29, 3, 29, 11)
    assert span(document.where(("profiles", "assemble", "prefetch"))) == (33, 25, 33, 26)
    assert span(document.where(("nodes", "gpu-large", "workers", "gpu"))) == (15, 15, 15, 16)
    assert span(document.where(("nodes", "cluster", "workers", "assemble"))) == (37, 20, 37, 21)
    assert span(document.where(("nodes", "cluster", "workers", "mail"))) == (40, 3, 40, 7)
    assert span(document.where(("tasks", "render.frame"), key=True)) == (16, 13, 16, 25)
    assert span(document.where(("broker",))) == (10, 15, 10, 51)


CHART = "taskConfig: {backend_type: celery}\nworkers:\n  "


@pytest.mark.parametrize(
    ("worker", "count"),
    [
        ("{replicas: 4}", 4),
        ("{replicaCount: 4}", 4),
        ("{replicas: 0}", None),
        ("{}", 1),
        ("{replicas: 4, autoscaling: {enabled: true, minReplicas: 2, maxReplicas: 9}}", 2),
        ("{replicas: 4, autoscaling: {enabled: true}}", 1),
        ("{replicas: 4, autoscaling: {enabled: false, minReplicas: 2}}", 4),
        ("{replicas: 4, autoscaling: false}", 4),
    ],
)
def test_how_many_workers_there_are(worker: str, count: int | None, model) -> None:
    assert model(f"{CHART}w: {worker}\n", "values.yaml").nodes["cluster"].workers.get("w") == count


def test_each_set_of_machines_is_a_node(model) -> None:
    nodes = model(
        CHART
        + "a: {nodeSelector: {kubernetes.io/arch: arm64, gpu: true}}\n"
        + "  b: {nodeSelector: {gpu: 'true', kubernetes.io/arch: arm64}}\n"
        + "  c: {nodeSelector: {pool: gpu}}\n  d: {nodeSelector: {kind: gpu}}\n"
        + "  e: {nodeSelector: {pool: cluster}}\n  f: {nodeSelector: {}}\n"
        + "  g: {nodeSelector: {node-role.kubernetes.io/worker: ''}}\n",
        "values.yaml",
    ).nodes
    assert {name: (tuple(node.workers), node.labels) for name, node in nodes.items()} == {
        "arm64-true": (("a", "b"), ("kubernetes-io-arch-arm64", "gpu-true")),
        "gpu": (("c",), ("pool-gpu",)),
        "gpu-3": (("d",), ("kind-gpu",)),
        "cluster-4": (("e",), ("pool-cluster",)),
        "cluster": (("f",), ()),
        "node-role-kubernetes-io-worker": (("g",), ("node-role-kubernetes-io-worker",)),
    }


@pytest.mark.parametrize(
    ("text", "code", "place", "word"),
    [
        (CHART + "w: {replica: 2}\n", "unknown-key", (3, 7), "'replica'"),
        (CHART + "w: {task: [a]}\n", "unknown-key", (3, 7), "'task'"),
        (CHART + "w: {autoscaling: {enabled: true, minReplica: 2}}\n", "unknown-key", (3, 36), "'minReplica'"),
        (CHART + "w: {resources: {limits: {mem: 1Gi}}}\n", "unknown-key", (3, 28), "'mem'"),
        (CHART + "w: {<<: {replicas: 2}}\n", "unknown-key", (3, 7), "<<"),
        (CHART + "w: {enabled: maybe}\n", "bad-value", (3, 16), "true"),
        (CHART + "w: {autoscaling: 3}\n", "bad-value", (3, 20), "autoscaling"),
        (CHART + "w: {nodeSelector: [a]}\n", "bad-value", (3, 21), "selects"),
        (CHART + "w: {replicas: some}\n", "bad-value", (3, 17), "some"),
        (CHART + "w: {concurrency: some}\n", "bad-value", (3, 20), "some"),
        (CHART + "w: 3\n", "bad-value", (3, 3), "'w'"),
        (CHART + "w.x: {replicas: 2}\n", "bad-name", (3, 3), "'w.x'"),
        (CHART + "w: {enabled: false}\n", "no-profiles", (3, 3), "profile"),
        ("taskConfig: {broker_ulr: redis://h}\nworkers: {w: {}}\n", "unknown-key", (1, 14), "'broker_ulr'"),
        ("taskConfig: {broker_url: kafka://h}\nworkers: {w: {}}\n", "bad-address", (1, 26), "kafka"),
        (CHART + "w: {tasks: [a], queues: ['${NOWHERE}'], args: ['${NOR}']}\n", "environment", (3, 28), "NOWHERE"),
    ],
)
def test_what_is_wrong_in_helm_values_is_said_at_its_place(text, code, place, word, only) -> None:
    problem = only(text, "values.yaml")
    assert (problem.code, at(problem)) == (code, place)
    assert word in problem.message
    assert problem.hint


@pytest.mark.parametrize(
    "url",
    ["[hunter2]", "{password: hunter2}", "'redis:// :hunter2@h'", "kafka://u:hunter2@h", "redis://u:hunter2@h:port"],
)
def test_a_password_in_helm_values_is_in_no_error(url: str, problems) -> None:
    found = problems(f"taskConfig: {{broker_url: {url}}}\nworkers: {{w: {{}}}}\n", "values.yaml")
    assert found
    assert not any("hunter2" in str(problem) for problem in found)
    # the command shows the line of an error, save where there is an address in it
    assert all("://" in url or problem.where.line is None for problem in found if problem.where)


def test_a_broker_may_come_from_the_environment_and_an_empty_one_is_none(model) -> None:
    text = "taskConfig: {broker_url: '%s'}\nworkers: {w: {replicas: 1}}\n"
    found = model(text % "${URL}", "values.yaml", URL="redis://h").broker
    assert found == Address("redis://h", "${URL}")
    assert model(text % "", "values.yaml").broker == Address("embedded")


# Which shape it is


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("app: a:b\nbroker: embedded\nworkers: {cpu: {queues: [a]}}\n", "'workers'"),
        ("profiles: {p: {queues: [a]}}\nworkers: {p: {replicas: 2}}\n", "'workers'"),
        ("workers: {p: 2}\n", "'workers'"),
        ("workers: [p]\n", "'workers'"),
        ("profiles: {p: {queues: [a]}}\nnodes: {n: {worker: {p: 1}}}\n", "nodes.n"),
        ("profile: {p: {queues: [a]}}\n", "'profile'"),
    ],
)
def test_a_fleet_file_that_is_wrong_has_its_own_errors(text: str, word: str, problems) -> None:
    assert word in problems(text, "fleet.yaml")[0].message


@pytest.mark.parametrize("text", ["workers: {w: {queues: [a]}}\n", "app: {name: shop}\nworkers: {w: {replicas: 2}}\n"])
def test_a_mapping_of_workers_is_a_charts(text: str, model) -> None:
    assert list(model(text, "fleet.yaml").nodes) == ["cluster"]


def test_python_is_known_by_its_name_alone(only) -> None:
    assert only("profiles:\n  p: {queues: [a]}\n", "fleet.py").code == "python-syntax"
