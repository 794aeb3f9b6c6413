"""The fleet file: the model it gives, and every way it can be wrong, each at its line with a remedy."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from allotment.errors import FileInvalid, FileProblem, Where
from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.idempotency import Idempotency
from allotment.model.node import LOCAL, Node
from allotment.model.preset import PRESET_QUEUES, PRESETS
from allotment.model.profile import Autoscale, Pool, Profile, Resources
from allotment.model.queue import Queue, WhenFull
from allotment.model.requirements import Mount, Requirements
from allotment.model.task import Delivery, TaskEntry, ZoneRule
from allotment.source.fleet_file import read_fleet_file
from allotment.source.yaml_text import MOST_BYTES

FLEETS = Path(__file__).parents[2] / "fixtures" / "fleets"

ONE_PROFILE = "profiles: {work: {queues: [work]}}\n"

Writer = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def write(text: str) -> Path:
        path = tmp_path / "fleet.yaml"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


@pytest.fixture
def model(write: Writer) -> Callable[..., FleetModel]:
    return lambda text, **environment: read_fleet_file(write(text), environment).model


@pytest.fixture
def problems(write: Writer) -> Callable[..., tuple[FileProblem, ...]]:
    return lambda text, **environment: problems_of(write(text), environment)


@pytest.fixture
def only(problems: Callable[..., tuple[FileProblem, ...]]) -> Callable[..., FileProblem]:
    def only(text: str, **environment: str) -> FileProblem:
        (problem,) = problems(text, **environment)
        return problem

    return only


def problems_of(path: Path, environment: Mapping[str, str] | None = None) -> tuple[FileProblem, ...]:
    with pytest.raises(FileInvalid) as caught:
        read_fleet_file(path, environment or {})
    return caught.value.problems


def at(problem: FileProblem) -> tuple[int | None, int | None]:
    assert problem.where is not None
    return problem.where.line, problem.where.column


# The model


def test_the_example_gives_the_model_it_describes() -> None:
    path = FLEETS / "shop.yaml"
    file = read_fleet_file(path, {})
    assert file.path == path.resolve()
    model = file.model

    assert model.app == "shop.celery:app"
    assert model.broker == Address("embedded", "${BROKER_URL:-embedded}")
    assert model.results == Address("embedded", "${RESULT_URL:-embedded}")
    assert model.default_queue is None
    assert model.entries == (
        TaskEntry("shop.video.*", "cpu_video_processing", 3600, 3000),
        TaskEntry("shop.mail.send", "io_email_sending", delivery=Delivery.AT_LEAST_ONCE),
    )
    assert model.profiles == {
        "cpu": Profile(
            name="cpu",
            queues=("cpu_video_processing",),
            tasks=("shop.video.*",),
            prefetch=1,
            max_tasks_per_child=100,
            time_limit=3600,
            soft_time_limit=3000,
            autoscale=Autoscale(2, 8),
            resources=Resources(4, 8 * 2**30),
            requires=Requirements((Mount("/srv/media"),), ("av",), ("ssd",)),
            preset="cpu",
        ),
        "io": Profile(
            name="io",
            queues=("io_api_calls", "io_file_operations", "io_email_sending"),
            preset="io",
            pool=Pool.IO,
            concurrency=50,
            prefetch=10,
            max_tasks_per_child=1000,
            time_limit=300,
            soft_time_limit=240,
            autoscale=Autoscale(20, 100),
        ),
    }
    assert model.queues == {
        "cpu_video_processing": Queue("cpu_video_processing", "cpu_tasks", "cpu.video", 50, WhenFull.REJECT),
        "io_api_calls": Queue("io_api_calls", "io_tasks", "io.api", 10_000),
        "io_file_operations": Queue("io_file_operations", "io_tasks", "io.file", 5_000),
        "io_email_sending": Queue("io_email_sending", "io_tasks", "io.email", 10_000),
    }
    assert model.nodes == {
        "server-1": Node("server-1", {"cpu": 2, "io": 1}, cpu=16, memory=32 * 2**30, labels=("ssd",), zone="eu-1")
    }


def test_addresses_come_from_the_environment_and_remember_how_they_were_written() -> None:
    environment = {"BROKER_URL": "amqp://shop:pw@rabbit//", "RESULT_URL": "none"}
    model = read_fleet_file(FLEETS / "shop.yaml", environment).model
    assert model.broker == Address("amqp://shop:pw@rabbit//", "${BROKER_URL:-embedded}")
    assert model.results == Address("none", "${RESULT_URL:-embedded}")


def test_the_environment_of_the_process_is_used_where_none_is_given(
    write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIT_BROKER", "redis://broker.example/1")
    model = read_fleet_file(write("broker: ${UNIT_BROKER}\n" + ONE_PROFILE)).model
    assert model.broker is not None
    assert model.broker.value == "redis://broker.example/1"


def test_the_smallest_file(model) -> None:
    found = model(ONE_PROFILE)
    assert found.profiles == {"work": Profile("work", ("work",))}
    assert found.queues == {"work": Queue("work")}
    assert found.nodes == {LOCAL: Node(LOCAL, {"work": 1})}
    assert found.entries == ()
    assert found.app is None
    assert found.broker == Address("embedded")
    assert found.results == Address("embedded")


def test_an_app_keeps_its_own_addresses_where_the_file_names_none(model) -> None:
    found = model("app: shop.celery:app\n" + ONE_PROFILE)
    assert (found.broker, found.results) == (None, None)


def test_keys_without_a_value_count_as_left_out(model) -> None:
    found = model("broker:\ntasks:\nqueues: {work: }\nnodes:\ndefault_queue: ~\n" + ONE_PROFILE)
    assert found == model(ONE_PROFILE)


def test_the_order_of_entries_and_profiles_is_that_of_the_file(model) -> None:
    found = model("tasks: {z.*: {}, a.*: {}, m: {}}\nprofiles: {z: {queues: [b, a]}, a: {queues: [c]}}\n")
    assert [entry.key for entry in found.entries] == ["z.*", "a.*", "m"]
    assert list(found.profiles) == ["z", "a"]
    assert found.profiles["z"].queues == ("b", "a")


def test_every_key_of_a_profile_reaches_the_model(model) -> None:
    found = model("""
profiles:
  work:
    tasks: [a.*, b]
    exclude_tasks: [a.x]
    queues: [work]
    pool: gevent
    concurrency: 7
    prefetch: 3
    max_tasks_per_child: 9
    max_memory_per_child: 512Mi
    time_limit: 90
    soft_time_limit: 500ms
    autoscale: {min: 0, max: 3}
    resources: {cpu: 500m, memory: 1G}
    requires: {mounts: [{path: /a, mount_point: false, writable: false}], imports: [x.y], labels: [ssd, big]}
""")
    assert found.profiles["work"] == Profile(
        "work",
        ("work",),
        tasks=("a.*", "b"),
        exclude_tasks=("a.x",),
        pool=Pool.GEVENT,
        concurrency=7,
        prefetch=3,
        max_tasks_per_child=9,
        max_memory_per_child=512 * 2**20,
        time_limit=90,
        soft_time_limit=0.5,
        autoscale=Autoscale(0, 3),
        resources=Resources(0.5, 10**9),
        requires=Requirements((Mount("/a", mount_point=False, writable=False),), ("x.y",), ("ssd", "big")),
    )


def test_every_key_of_a_task_reaches_the_model(model) -> None:
    found = model(
        "tasks: {a.*: {queue: work, time_limit: 2m, soft_time_limit: 1m, delivery: at-most-once, zone: same, "
        "idempotent: order, requires: {mounts: [/srv], imports: [av], labels: [ssd]}}}\n" + ONE_PROFILE
    )
    requires = Requirements((Mount("/srv"),), ("av",), ("ssd",))
    assert found.entries == (
        TaskEntry(
            "a.*",
            queue="work",
            time_limit=120,
            soft_time_limit=60,
            delivery=Delivery.AT_MOST_ONCE,
            zone=ZoneRule.SAME,
            idempotent=Idempotency(("order",)),
            requires=requires,
        ),
    )


def test_every_key_of_a_node_reaches_the_model(model) -> None:
    found = model(
        ONE_PROFILE
        + "nodes:\n"
        + "  n: {cpu: 1500m, memory: 1Gi, labels: [a], mounts: [/srv], zone: eu-1, workers: {work: 2}}\n"
        + "  idle: {workers: {}}\n"
    )
    assert found.nodes == {
        "n": Node("n", {"work": 2}, 1.5, 2**30, ("a",), ("/srv",), "eu-1"),
        "idle": Node("idle", {}),
    }


def test_a_count_of_no_workers_is_no_placement(model) -> None:
    found = model(
        "profiles: {work: {queues: [work]}, spare: {queues: [work]}}\nnodes: {n: {workers: {work: 1, spare: 0}}}\n"
    )
    assert found.nodes["n"].workers == {"work": 1}


@pytest.mark.parametrize("name", [name for name in PRESETS if PRESETS[name].queues])
def test_a_preset_alone_gives_its_values_and_queues_under_the_profiles_name(name: str, model) -> None:
    found = model(f"profiles: {{mine: {{preset: {name}}}}}\n")
    mine, preset = found.profiles["mine"], PRESETS[name]
    assert mine.name == "mine"
    for key in ("queues", "pool", "concurrency", "prefetch", "max_tasks_per_child", "time_limit", "autoscale"):
        assert getattr(mine, key) == getattr(preset, key), key
    assert found.queues == {queue: PRESET_QUEUES[queue] for queue in preset.queues}


def test_what_a_profile_says_overrides_its_preset_and_the_rest_stays(model) -> None:
    mine = model(
        "profiles: {mine: {preset: io, queues: [q], pool: solo, prefetch: 3, autoscale: {min: 1, max: 2}}}\n"
    ).profiles["mine"]
    assert (mine.queues, mine.pool, mine.prefetch, mine.autoscale) == (("q",), Pool.SOLO, 3, Autoscale(1, 2))
    assert (mine.concurrency, mine.max_tasks_per_child, mine.time_limit) == (50, 1000, 300)


def test_what_a_queue_says_overrides_the_presets_queue_and_the_rest_stays(model) -> None:
    found = model("queues: {io_api_calls: {max_length: 5, when_full: drop-oldest}}\nprofiles: {io: {preset: io}}\n")
    assert found.queues["io_api_calls"] == Queue("io_api_calls", "io_tasks", "io.api", 5, WhenFull.DROP_OLDEST)


def test_a_soft_limit_from_the_preset_must_be_under_the_hard_limit_of_the_file(only) -> None:
    problem = only("profiles:\n  mine:\n    preset: cpu\n    time_limit: 10m\n")
    assert problem.code == "soft-limit-not-under-hard"
    assert problem.where is not None
    assert problem.where.line is not None
    assert 2 <= problem.where.line <= 4


def test_relative_mounts_start_at_the_files_folder(write: Writer, tmp_path: Path, monkeypatch) -> None:
    path = write(
        "tasks: {a: {requires: {mounts: [media]}}}\n"
        "profiles: {work: {queues: [work], requires: {mounts: [media, {path: data/in, writable: false}, /srv/x]}}}\n"
    )
    monkeypatch.chdir(tmp_path.parent)
    model = read_fleet_file(Path(tmp_path.name) / path.name, {}).model
    folder = tmp_path.resolve()
    assert model.profiles["work"].requires.mounts == (
        Mount(f"{folder}/media"),
        Mount(f"{folder}/data/in", writable=False),
        Mount("/srv/x"),
    )
    assert model.entries[0].requires.mounts == (Mount(f"{folder}/media"),)


def test_a_file_with_a_byte_order_mark_is_read(write: Writer) -> None:
    assert read_fleet_file(write("\ufeff" + ONE_PROFILE), {}).model.profiles.keys() == {"work"}


# Files that cannot be read


def test_a_file_that_is_not_there_names_the_one_that_is_nearest(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(ONE_PROFILE)
    (tmp_path / "other.yml").write_text(ONE_PROFILE)
    (problem,) = problems_of(tmp_path / "flet.yaml")
    assert problem.code == "file-missing"
    assert "flet.yaml" in problem.message
    assert "'fleet.yaml'" in (problem.hint or "")


def test_a_file_in_a_folder_without_any_says_how_to_begin(tmp_path: Path) -> None:
    for path in (tmp_path / "fleet.yaml", tmp_path / "nowhere" / "fleet.yaml"):
        (problem,) = problems_of(path)
        assert problem.code == "file-missing"
        assert "--fleet" in (problem.hint or "")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path)
    assert problem.code == "file-missing"
    assert "folder" in problem.message
    assert str(tmp_path / "fleet.yaml") in (problem.hint or "")


def test_a_path_below_a_file_is_not_there(write: Writer) -> None:
    (problem,) = problems_of(write(ONE_PROFILE) / "fleet.yaml")
    assert problem.code.startswith("file-")


def test_a_path_longer_than_the_system_takes_is_not_there(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / ("x" * 5000))
    assert problem.code.startswith("file-")


UNREADABLE = """
import os, sys
from pathlib import Path
from allotment.errors import FileInvalid
from allotment.source.fleet_file import read_fleet_file
if os.geteuid() == 0:  # root may read everything
    os.setuid(65534)
try:
    read_fleet_file(Path(sys.argv[1]))
except FileInvalid as error:
    print(*(problem.code for problem in error.problems))
"""


def test_a_file_that_may_not_be_read_says_so() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "fleet.yaml"
        path.write_text(ONE_PROFILE)
        path.chmod(0)
        done = subprocess.run([sys.executable, "-c", UNREADABLE, path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["file-unreadable"]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    (problem,) = problems_of(path)
    assert problem.code == "file-too-large"


def test_a_file_in_another_encoding_is_told_to_be_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_bytes("app: é\n".encode("latin-1"))
    (problem,) = problems_of(path)
    assert "UTF-8" in (problem.hint or "")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_says_what_it_needs(text: str, only) -> None:
    problem = only(text)
    assert problem.code == "file-empty"
    assert "profiles" in (problem.hint or "")


@pytest.mark.parametrize("text", ["[]\n", "fleet\n", "- profiles\n", "12\n", "true\n"])
def test_a_file_that_is_no_mapping_says_which_keys_it_takes(text: str, only) -> None:
    problem = only(text)
    assert problem.code == "bad-value"
    assert "profiles" in (problem.hint or "")


def test_bad_yaml_is_reported_with_the_files_name(write: Writer) -> None:
    path = write("profiles: {work: {queues: [work}}\n")
    (problem,) = problems_of(path)
    assert problem.code == "yaml-syntax"
    assert problem.where is not None
    assert (problem.where.file, problem.where.line) == (str(path), 1)


def test_a_duplicate_key_is_reported_with_both_lines(only) -> None:
    problem = only("profiles:\n  work: {queues: [a]}\n  play: {queues: [b]}\n  work: {queues: [c]}\n")
    assert (problem.code, at(problem)) == ("duplicate-key", (4, 3))
    assert "line 2" in (problem.hint or "")


# Values


@pytest.mark.parametrize(
    ("text", "line", "column", "nearest"),
    [
        ("brokr: embedded\n" + ONE_PROFILE, 1, 1, "broker"),
        ("profiles:\n  work: {queus: [work]}\n", 2, 10, "queues"),
        ("profiles:\n  work:\n    queues: [work]\n    requires: {import: [av]}\n", 4, 16, "imports"),
        (ONE_PROFILE + "tasks:\n  a: {tiem_limit: 1h}\n", 3, 7, "time_limit"),
        (ONE_PROFILE + "queues:\n  work:\n    routing-key: x\n", 4, 5, "routing_key"),
        (ONE_PROFILE + "nodes:\n  n:\n    workers: {work: 1}\n    lables: [ssd]\n", 5, 5, "labels"),
        ("profiles: {work: {queues: [work], autoscale: {min: 1, max: 2, mox: 3}}}\n", 1, 63, "max"),
    ],
)
def test_an_unknown_key_is_reported_at_its_place_with_the_nearest(
    text: str, line: int, column: int, nearest: str, only
) -> None:
    problem = only(text)
    assert (problem.code, at(problem)) == ("unknown-key", (line, column))
    assert repr(nearest) in (problem.hint or "")


@pytest.mark.parametrize(
    ("text", "at_place"),
    [
        ("app: 12\n" + ONE_PROFILE, (1, 6)),
        ("app: 'shop:'\n" + ONE_PROFILE, (1, 6)),
        ("default_queue: [work]\n" + ONE_PROFILE, (1, 16)),
        ("profiles: [work]\n", (1, 11)),
        ("profiles: {work: {queues: work}}\n", (1, 27)),
        ("profiles: {work: {queues: [work, work]}}\n", (1, 34)),
        ("profiles: {work: {queues: [work, 'a;b']}}\n", (1, 34)),
        ("profiles: {work: {queues: [allotment.dead]}}\n", (1, 28)),
        ("profiles: {work: {queues: [work], tasks: shop.*}}\n", (1, 42)),
        ("profiles: {work: {queues: [work], pool: forks}}\n", (1, 41)),
        ("profiles: {work: {queues: [work], preset: gpu}}\n", (1, 43)),
        ("profiles: {work: {queues: [work], concurrency: 0}}\n", (1, 48)),
        ("profiles: {work: {queues: [work], concurrency: true}}\n", (1, 48)),
        ("profiles: {work: {queues: [work], concurrency: 1.5}}\n", (1, 48)),
        ("profiles: {work: {queues: [work], concurrency: '4'}}\n", (1, 48)),
        ("profiles: {work: {queues: [work], prefetch: -1}}\n", (1, 45)),
        ("profiles: {work: {queues: [work], time_limit: 1h30}}\n", (1, 47)),
        ("profiles: {work: {queues: [work], max_memory_per_child: 5 Gi}}\n", (1, 57)),
        ("profiles: {work: {queues: [work], resources: {cpu: none}}}\n", (1, 52)),
        ("profiles: {work: {queues: [work], requires: {mounts: [{path: ''}]}}}\n", (1, 62)),
        ("profiles: {work: {queues: [work], requires: {mounts: [{path: /a, writable: yes}]}}}\n", (1, 76)),
        ("profiles: {work: {queues: [work], requires: {imports: [a-b]}}}\n", (1, 56)),
        ("profiles: {work: {queues: [work], requires: {labels: [a.b]}}}\n", (1, 55)),
        (ONE_PROFILE + "tasks: {a: {delivery: twice}}\n", (2, 23)),
        (ONE_PROFILE + "queues: {work: {max_length: 0}}\n", (2, 29)),
        (ONE_PROFILE + "queues: {work: {when_full: drop}}\n", (2, 28)),
        (ONE_PROFILE + "nodes: {n: {workers: {work: -1}}}\n", (2, 29)),
        (ONE_PROFILE + "nodes: {n: {workers: [work]}}\n", (2, 22)),
        (ONE_PROFILE + "nodes: {n: {zone: eu.1, workers: {work: 1}}}\n", (2, 19)),
    ],
)
def test_a_value_of_the_wrong_kind_is_reported_at_its_place(text: str, at_place: tuple[int, int], only) -> None:
    problem = only(text)
    assert (problem.code, at(problem)) == ("bad-value", at_place)


@pytest.mark.parametrize(
    ("text", "at_place"),
    [
        ("profiles:\n  'a;b': {queues: [work]}\n", (2, 3)),
        ("profiles:\n  '{{x}}': {queues: [work]}\n", (2, 3)),
        (ONE_PROFILE + "nodes:\n  ../x: {workers: {work: 1}}\n", (3, 3)),
        (ONE_PROFILE + "nodes:\n  n: {workers: {'-flag': 1}}\n", (3, 17)),
        (ONE_PROFILE + "queues:\n  '%n': {}\n", (3, 3)),
        (ONE_PROFILE + "queues:\n  allotment.dead: {}\n", (3, 3)),
        (ONE_PROFILE + "tasks:\n  $(x): {}\n", (3, 3)),
        (ONE_PROFILE + "tasks:\n  'a?': {}\n", (3, 3)),
    ],
)
def test_a_name_that_is_not_let_in_is_reported_at_the_name(text: str, at_place: tuple[int, int], only) -> None:
    problem = only(text)
    assert (problem.code, at(problem)) == ("bad-name", at_place)


@pytest.mark.parametrize(
    ("text", "missing", "line"),
    [
        (ONE_PROFILE + "nodes:\n  n: {cpu: 4}\n", "workers", 3),
        ("profiles: {work: {queues: [work], autoscale: {min: 1}}}\n", "max", 1),
        ("profiles: {work: {queues: [work], requires: {mounts: [{writable: false}]}}}\n", "path", 1),
    ],
)
def test_a_key_that_must_be_there_is_asked_for(text: str, missing: str, line: int, only) -> None:
    problem = only(text)
    assert problem.code == "missing-key"
    assert at(problem)[0] == line
    assert repr(missing) in problem.message
    assert missing in (problem.hint or "")


def test_a_single_name_where_a_list_is_wanted_is_shown_as_a_list(only) -> None:
    assert "[work]" in (only("profiles: {work: {queues: work}}\n").hint or "")


def test_a_number_where_text_is_wanted_is_told_to_be_quoted(only) -> None:
    assert "quotes" in (only("profiles: {work: {queues: [1]}}\n").hint or "")


def test_a_word_that_is_nearly_right_is_named(only) -> None:
    assert "'threads'" in (only("profiles: {work: {queues: [work], pool: thread}}\n").hint or "")


def test_every_fault_is_reported_at_once_in_file_order() -> None:
    found = problems_of(FLEETS / "many_faults.yaml")
    assert [(problem.code, problem.where and problem.where.line) for problem in found] == [
        ("unknown-key", 3),
        ("bad-value", 5),
        ("bad-name", 6),
        ("bad-value", 10),
        ("bad-value", 11),
        ("missing-key", 13),
    ]


# Values that do not go together


def test_every_contradiction_is_reported_at_once_in_file_order() -> None:
    found = problems_of(FLEETS / "contradictions.yaml")
    assert [(problem.code, problem.where and problem.where.line) for problem in found] == [
        ("bad-address", 3),
        ("soft-limit-not-under-hard", 5),
        ("no-queues", 8),
        ("unknown-profile", 10),
    ]


@pytest.mark.parametrize("text", ["app: shop.celery:app\n", "profiles:\n", "profiles: {}\n"])
def test_a_fleet_without_profiles_is_none(text: str, only) -> None:
    problem = only(text)
    assert (problem.code, at(problem)[0]) == ("no-profiles", 1)


def test_a_profile_that_is_not_there_is_reported_with_the_nearest(only) -> None:
    problem = only(ONE_PROFILE + "nodes:\n  n: {workers: {work: 1, wrk: 1}}\n")
    assert (problem.code, at(problem)) == ("unknown-profile", (3, 26))
    assert "'wrk'" in problem.message
    assert "'work'" in (problem.hint or "")


def test_a_queue_is_consumed_through_a_preset_too(model) -> None:
    assert model("default_queue: io_api_calls\nprofiles: {io: {preset: io}}\n").default_queue == "io_api_calls"


@pytest.mark.parametrize(
    "values", ["{}", "{queues: []}", "{preset: mixed}", "{preset: io, queues: []}", "{tasks: ['*']}", ""]
)
def test_a_profile_without_queues_is_refused(values: str, only) -> None:
    problem = only(f"profiles:\n  good: {{queues: [a]}}\n  bad: {values}\n")
    assert (problem.code, at(problem)) == ("no-queues", (3, 3))
    assert "queues" in (problem.hint or "")


def test_a_fleet_without_profiles_is_refused(only) -> None:
    assert only("profiles: {}\n").code == "no-profiles"


@pytest.mark.parametrize("soft", ["10m", "11m", "600"])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        (ONE_PROFILE + "tasks:\n  a:\n    time_limit: 600\n    soft_time_limit: {}\n", 5),
        ("profiles:\n  work:\n    queues: [work]\n    time_limit: 10m\n    soft_time_limit: {}\n", 5),
    ],
)
def test_a_soft_limit_must_be_under_the_hard_one(text: str, line: int, soft: str, problems) -> None:
    (problem,) = problems(text.replace("{}", soft))
    assert (problem.code, at(problem)[0]) == ("soft-limit-not-under-hard", line)


def test_either_limit_may_stand_alone(model) -> None:
    found = model(
        ONE_PROFILE
        + "tasks: {a: {time_limit: 10m}, b: {soft_time_limit: 10m}, c: {time_limit: 61s, soft_time_limit: 1m}}\n"
    )
    assert [(entry.time_limit, entry.soft_time_limit) for entry in found.entries] == [
        (600, None),
        (None, 600),
        (61, 60),
    ]


def test_autoscale_must_not_go_backwards(only, model) -> None:
    problem = only("profiles:\n  work:\n    queues: [work]\n    autoscale: {min: 3, max: 2}\n")
    assert (problem.code, at(problem)[0]) == ("bad-value", 4)
    assert "min" in (problem.hint or "")
    assert "max" in (problem.hint or "")
    assert model("profiles: {work: {queues: [work], autoscale: {min: 2, max: 2}}}\n").profiles[
        "work"
    ].autoscale == Autoscale(2, 2)


# Addresses


@pytest.mark.parametrize(
    "broker",
    ["embedded", "redis://h", "rediss://u:pw@h:1/0", "valkey://h", "redis+socket:///run/x", "amqp://", "amqps://h//"],
)
def test_addresses_that_a_broker_may_have(broker: str, model) -> None:
    assert model(f"broker: {broker}\n" + ONE_PROFILE).broker.value == broker


@pytest.mark.parametrize(
    "results", ["embedded", "none", "redis://h", "rpc://", "db+postgresql://u:pw@h/d", "file:///tmp/r"]
)
def test_addresses_that_results_may_have(results: str, model) -> None:
    assert model(f"results: {results}\n" + ONE_PROFILE).results.value == results


@pytest.mark.parametrize("key", ["broker", "results"])
@pytest.mark.parametrize(
    "value", ["http://h", "localhost", "redis", "localhost:6379", "redis:/h", "://h", "sqs://", "redis://h:port/0"]
)
def test_an_address_that_cannot_be_used_is_refused_with_those_that_can(key: str, value: str, only) -> None:
    problem = only(f"{ONE_PROFILE}{key}: '{value}'\n")
    assert (problem.code, at(problem)[0]) == ("bad-address", 2)
    assert "redis://" in (problem.hint or "")
    assert "embedded" in (problem.hint or "")


def test_results_take_no_list_of_addresses(only) -> None:
    assert only(f"{ONE_PROFILE}results: redis://h;redis://i\n").code == "bad-address"


def test_a_broker_cannot_be_none(only) -> None:
    assert only("broker: none\n" + ONE_PROFILE).code == "bad-address"


@pytest.mark.parametrize("key", ["broker", "results"])
@pytest.mark.parametrize(
    "value",
    [
        "http://user:canary@h/0",
        "redsi://:canary@h/0",
        "user:canary@h:5672",
        "//user:canary@h",
        "redis:/user:canary@h",
        "http://user:can/ary@h",
        "redis://:canary@h/0\n",
        "\nredis://:canary@h/0",
        "redis://:canary@h/0\0",
        "redis://:canary@h:port/0",
    ],
)
def test_no_password_is_in_a_message_about_a_bad_address(key: str, value: str, problems) -> None:
    for problem in problems(f"{ONE_PROFILE}{key}: ${{URL}}\n", URL=value):
        assert at(problem)[0] == 2
        told = repr(problem.args) + repr(problem.hint) + str(problem)
        assert "canary" not in told
        assert "ary@" not in told


def test_an_empty_address_is_not_called_a_path(only) -> None:
    assert "path" not in only("broker: ''\n" + ONE_PROFILE).message


def test_a_password_in_the_file_is_not_in_what_is_shown_of_it(write: Writer) -> None:
    file = read_fleet_file(
        write("broker: redis://:canary@${HOST}/0\nresults: ${R:-redis://:canary@h/0}\n" + ONE_PROFILE), {"HOST": "h"}
    )
    assert "canary" not in repr(file)
    assert "canary" not in repr(file.document)
    assert "canary" not in repr(file.model)


# Hostile files

CHILD = """
import contextlib, json, resource, sys, time
from pathlib import Path
from allotment.errors import FileInvalid
from allotment.source.fleet_file import read_fleet_file
with contextlib.suppress(ValueError, OSError):  # some systems know no such limit
    resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))
found = {}
for name in sys.argv[1:]:
    begin = time.perf_counter()
    try:
        read_fleet_file(Path(name), {})
    except FileInvalid as error:
        short = all(len(str(problem)) < 1000 for problem in error.problems)
        quick = time.perf_counter() - begin < 1
        found[Path(name).stem] = "refused" if short and quick else f"{short=} {quick=}"
    except Exception as error:
        found[Path(name).stem] = type(error).__name__
    if found[Path(name).stem] != "refused":
        break  # the others would take as long
print(json.dumps(found))
"""


def alias_bomb(levels: int) -> str:
    bomb = "[&a0 [x, x, x, x, x, x, x, x, x, x]"
    for level in range(1, levels):
        bomb += f", &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]"
    return bomb + "]"


def alias_chain(length: int) -> str:
    return "[&a0 [x]" + "".join(f", &a{number} [*a{number - 1}]" for number in range(1, length)) + "]"


PLACES_FOR_A_BOMB = {
    "text": "broker: BOMB\n" + ONE_PROFILE,
    "mapping": "profiles: BOMB\n",
    "list": "profiles: {work: {queues: BOMB}}\n",
    "count": "profiles: {work: {queues: [work], concurrency: BOMB}}\n",
    "choice": "profiles: {work: {queues: [work], pool: BOMB}}\n",
    "quantity": "profiles: {work: {queues: [work], time_limit: BOMB}}\n",
    "flag": "profiles: {work: {queues: [work], requires: {mounts: [{path: /a, writable: BOMB}]}}}\n",
    "file": "BOMB\n",
}


# The bomb stands for 10^8 words, the chain for 5000 lists in each other.
@pytest.mark.parametrize("bomb", [alias_bomb(8), alias_chain(5000)], ids=["wide", "deep"])
def test_an_alias_bomb_in_any_value_is_refused_within_a_second(bomb: str, tmp_path: Path) -> None:
    for name, text in PLACES_FOR_A_BOMB.items():
        (tmp_path / f"{name}.yaml").write_text(text.replace("BOMB", bomb))
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr[-300:]
    assert json.loads(child.stdout) == dict.fromkeys(PLACES_FOR_A_BOMB, "refused")


def test_nothing_a_tag_names_is_run(write: Writer, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (problem,) = problems_of(write(f"app: !!python/object/apply:os.system ['touch {canary}']\n" + ONE_PROFILE))
    assert problem.code == "yaml-tag"
    assert not canary.exists()


def test_the_place_of_a_problem_is_in_the_file_that_was_named(write: Writer) -> None:
    path = write("brokr: embedded\n" + ONE_PROFILE)
    (problem,) = problems_of(path)
    assert problem.where == Where(str(path), 1, 1)
