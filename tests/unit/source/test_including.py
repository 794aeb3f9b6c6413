"""Files that a fleet file includes: what they add, and what two of them may not both say."""

from collections.abc import Callable
from pathlib import Path

import pytest

from allotment.errors import FileInvalid, FileProblem
from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.queue import Queue
from allotment.model.requirements import Requirements
from allotment.model.task import TaskEntry
from allotment.source.fleet_file import FleetFile, read_fleet_file

SHAPES = Path(__file__).parents[2] / "fixtures" / "shapes"

POOLS = "WORKER_POOLS = {'py': {'queues': ['a', 'b'], 'tasks': ['one', 'two']}}\n"
CHART = (
    "taskConfig: {broker_url: redis://chart}\n"
    "workers:\n"
    "  chart: {replicas: 2, tasks: [one], queues: [b], nodeSelector: {pool: gpu}}\n"
)
PROFILES = "profiles:\n  yaml: {description: x, replicas: 3, tasks: [two, three], queues: [c]}\n"

Files = Callable[..., FleetFile]


@pytest.fixture
def read(tmp_path: Path) -> Files:
    """Give a function that writes files by their names, `_` for `.`, and reads the first."""

    def read(**texts: str) -> FleetFile:
        paths = [tmp_path / name.replace("_", ".") for name in texts]
        for path, text in zip(paths, texts.values(), strict=True):
            path.write_text(text)
        return read_fleet_file(paths[0], {})

    return read


@pytest.fixture
def problems(read: Files) -> Callable[..., tuple[FileProblem, ...]]:
    def problems(**texts: str) -> tuple[FileProblem, ...]:
        with pytest.raises(FileInvalid) as caught:
            read(**texts)
        return caught.value.problems

    return problems


def place(problem: FileProblem) -> tuple[str, int | None, int | None]:
    assert problem.where is not None
    return Path(problem.where.file).name, problem.where.line, problem.where.column


def queues(model: FleetModel) -> dict[str, str | None]:
    return {entry.key: entry.queue for entry in model.entries}


# What they add


def test_files_of_every_shape_are_one_fleet(read: Files) -> None:
    main = "app: shop:app\nbroker: redis://main\ninclude: [a.py, b.yaml, c.yaml]\nprofiles: {own: {queues: [b]}}\n"
    file = read(fleet_yaml=main, a_py=POOLS, b_yaml=CHART, c_yaml=PROFILES)
    assert file.model == FleetModel(
        app="shop:app",
        broker=Address("redis://main"),
        profiles={
            "own": Profile("own", ("b",)),
            "py": Profile("py", ("a", "b"), tasks=("one", "two")),
            "chart": Profile("chart", ("b",), tasks=("one",), requires=Requirements(labels=("pool-gpu",))),
            "yaml": Profile("yaml", ("c",), tasks=("two", "three"), about="x"),
        },
        nodes={
            "gpu": Node("gpu", {"chart": 2}, labels=("pool-gpu",)),
            "local": Node("local", {"yaml": 3, "own": 1, "py": 1}),
        },
        # `two` may go to a, b or c; the app may know
        entries=(TaskEntry("one", "b"), TaskEntry("three", "c")),
    )
    where = {
        ("profiles", "own"): ("fleet.yaml", 4),
        ("profiles", "py", "tasks", 1): ("a.py", 1),
        ("profiles", "chart"): ("b.yaml", 3),
        ("nodes", "gpu", "workers", "chart"): ("b.yaml", 3),
        ("nodes", "local", "workers", "yaml"): ("c.yaml", 2),
        ("tasks", "three"): ("c.yaml", 2),
    }
    for path, found in where.items():
        at = file.document.where(path, key=True)
        assert (Path(at.file).name, at.line) == found
    assert {Path(name).name for name in file.document.texts} == {"fleet.yaml", "a.py", "b.yaml", "c.yaml"}


def test_queues_alone_may_be_included(read: Files) -> None:
    text = "CELERY_QUEUES = (Queue('a', 'e', max_priority=3),)\n"
    model = read(fleet_yaml="include: [q.py]\nprofiles: {p: {queues: [a]}}\n", q_py=text).model
    assert model.queues == {"a": Queue("a", "e", max_priority=3)}


def test_a_fleet_file_may_be_included_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "a.yaml").write_text("tasks: {t: {queue: a}}\nqueues: {a: {durable: false}}\n")
    (tmp_path / "fleet.yaml").write_text("include: [teams/a.yaml]\nprofiles: {p: {queues: [a]}}\ntasks: {u: {}}\n")
    file = read_fleet_file(tmp_path / "fleet.yaml", {})
    assert file.model.queues == {"a": Queue("a", durable=False)}
    assert queues(file.model) == {"u": None, "t": "a"}
    assert file.document.where(("queues", "a", "durable")).file == str(tmp_path / "teams" / "a.yaml")


def test_the_shapes_that_are_given_may_be_included_together(tmp_path: Path) -> None:
    names = sorted(path.name for path in SHAPES.iterdir() if path.suffix in {".py", ".yaml"})
    for name in names:
        (tmp_path / name).write_text((SHAPES / name).read_text())
    (tmp_path / "fleet.yaml").write_text(f"app: shop:app\ninclude: [{', '.join(names)}]\n")
    model = read_fleet_file(tmp_path / "fleet.yaml", {}).model
    assert len(model.profiles) == 4 + 3 + 3
    assert model.broker is None


# What is written goes before what follows from a list


@pytest.mark.parametrize(
    ("main", "found"),
    [
        ("", {"one": "b", "two": "a"}),
        ("app: x:y", {"one": "b"}),
        ("default_queue: a", {"one": "b"}),
        ("route_by_resource: {cpu: a}", {"one": "b"}),
        ("tasks: {one: {queue: a}}", {"one": "a", "two": "a"}),
        ("tasks: {one: {time_limit: 5}}", {"one": None, "two": "a"}),
        ("app: x:y\ntasks: {'t*': {queue: b}}", {"t*": "b", "one": "b"}),
        ("tasks: {'*': {queue: b}}", {"*": "b"}),
    ],
)
def test_an_entry_that_is_written_goes_before_one_that_a_list_implies(main: str, found: dict, read: Files) -> None:
    model = read(fleet_yaml=f"include: [a.py, b.yaml]\n{main}\n", a_py=POOLS, b_yaml=CHART).model
    assert queues(model) == found


def test_the_entries_of_an_included_file_go_before_too(read: Files) -> None:
    model = read(fleet_yaml="include: [a.py, b.yaml]\n", a_py=POOLS, b_yaml="tasks: {one: {queue: a}}\n").model
    assert queues(model) == {"one": "a", "two": "a"}


def test_lists_of_profiles_that_the_including_file_writes_imply_nothing_beside_an_app(read: Files) -> None:
    main = "app: x:y\ninclude: [a.py]\nprofiles: {own: {tasks: [three], queues: [c]}}\n"
    assert queues(read(fleet_yaml=main, a_py=POOLS).model) == {}


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        ("", {"gpu": {"chart": 2}, "local": {"yaml": 3}}),
        ("nodes: {n: {workers: {chart: 1, yaml: 1}}}", {"n": {"chart": 1, "yaml": 1}}),
        ("nodes: {n: {workers: {chart: 1}}}", {"n": {"chart": 1}, "local": {"yaml": 3}}),
        ("nodes: {local: {workers: {chart: 1}}}", {"local": {"chart": 1, "yaml": 3}}),
        ("nodes: {gpu: {zone: z, workers: {yaml: 1}}}", {"gpu": {"yaml": 1, "chart": 2}}),
    ],
)
def test_a_node_that_is_written_goes_before_one_that_is_implied(nodes: str, found: dict, read: Files) -> None:
    model = read(fleet_yaml=f"include: [a.yaml, b.yaml]\n{nodes}\n", a_yaml=CHART, b_yaml=PROFILES).model
    assert {name: dict(node.workers) for name, node in model.nodes.items()} == found


def test_two_charts_share_the_node_that_both_imply(read: Files) -> None:
    texts = {f"{name}_yaml": f"workers: {{{name}: {{replicas: 2}}}}\n" for name in "ab"}
    model = read(fleet_yaml="include: [a.yaml, b.yaml]\n", **texts).model
    assert model.nodes == {"cluster": Node("cluster", {"a": 2, "b": 2})}


def test_an_address_of_a_chart_holds_for_the_chart_alone(read: Files) -> None:
    model = read(fleet_yaml="include: [a.yaml]\n", a_yaml=CHART).model
    assert model.broker == Address("embedded")


# What is wrong


def test_a_name_that_two_files_define_is_reported_with_both_places(problems) -> None:
    main = "include: [a.yaml, b.py]\nqueues:\n  a: {}\nprofiles: {p: {queues: [a]}}\n"
    other = "queues: {b: {},\n  a: {}}\nprofiles:\n  q: {queues: [b]}\n"
    pools = "WORKER_POOLS = {\n  'q': {'queues': ['b']},\n}\n"
    found = problems(fleet_yaml=main, a_yaml=other, b_py=pools)
    assert [(one.code, place(one), one.message) for one in found] == [
        ("defined-twice", ("a.yaml", 2, 3), "queues.a is defined twice"),
        ("defined-twice", ("b.py", 2, 3), "profiles.q is defined twice"),
    ]
    assert [(one.hint or "").split("/")[-1] for one in found] == [
        "fleet.yaml, line 3; keep one",
        "a.yaml, line 4; keep one",
    ]


def test_an_entry_that_two_files_write_is_defined_twice(problems) -> None:
    text = "tasks: {t: {queue: a}}\n"
    main = text + "include: [a.yaml]\nprofiles: {p: {queues: [a]}}\n"
    assert [(one.code, place(one)) for one in problems(fleet_yaml=main, a_yaml=text)] == [
        ("defined-twice", ("a.yaml", 1, 9))
    ]


def test_a_file_that_is_missing_is_reported_where_it_is_included(problems) -> None:
    (problem,) = problems(
        fleet_yaml="profiles: {p: {queues: [a]}}\ninclude:\n  - b.yaml\n  - a.yml\n", b_yaml="tasks:\n"
    )
    assert (problem.code, place(problem)) == ("file-missing", ("fleet.yaml", 4, 5))
    assert "a.yml" in problem.message


def test_a_folder_cannot_be_included(problems) -> None:
    (problem,) = problems(fleet_yaml="include: [.]\n")
    assert (problem.code, place(problem)) == ("file-missing", ("fleet.yaml", 1, 11))


@pytest.mark.parametrize("text", ["include: [fleet.yaml]\n", "include: [a.yaml]\n", "include: []\n"])
def test_an_included_file_includes_nothing_itself(text: str, problems) -> None:
    (problem,) = problems(fleet_yaml="include: [a.yaml]\nprofiles: {p: {queues: [a]}}\n", a_yaml=text)
    assert (problem.code, place(problem)) == ("include", ("a.yaml", 1, 1))
    assert "'include'" in problem.message


@pytest.mark.parametrize("key", ["app: a:b", "broker: redis://h", "settings: {a: 1}", "default_queue: q"])
def test_what_only_the_including_file_says(key: str, problems) -> None:
    (problem,) = problems(fleet_yaml="include: [a.yaml]\nprofiles: {p: {queues: [a]}}\n", a_yaml=f"{key}\n")
    assert (problem.code, place(problem)) == ("include", ("a.yaml", 1, 1))
    assert "fleet.yaml" in (problem.hint or "")


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("tsks: {}\n", "unknown-key", (1, 1)),
        ("tasks:\n  t: {qeue: a}\n", "unknown-key", (2, 7)),
        ("tasks: [t]\n", "include", (1, 1)),
        ("[]\n", "include", (1, 1)),
        ("", "include", (1, 1)),
        ("tasks: {\n", "yaml-syntax", (2, 1)),
    ],
)
def test_what_is_wrong_in_an_included_file_is_said_there(text: str, code: str, at, problems) -> None:
    (problem,) = problems(fleet_yaml="include: [a.yaml]\nprofiles: {p: {queues: [a]}}\n", a_yaml=text)
    assert (problem.code, place(problem)) == (code, ("a.yaml", *at))


def test_what_is_wrong_in_a_section_of_the_including_file_is_not_lost(problems) -> None:
    main = "include: [a.yaml, b.yaml]\ntasks: [t]\nnodes: [n]\nprofiles: {p: {queues: [a]}}\n"
    found = problems(fleet_yaml=main, a_yaml="tasks: {t: {}}\n", b_yaml=CHART)
    assert [place(one)[:2] for one in found] == [("fleet.yaml", 2), ("fleet.yaml", 3)]


@pytest.mark.parametrize("include", ["a.yaml", "[1]", "{a: b}", "[[a.yaml]]"])
def test_what_to_include_is_a_list_of_names(include: str, problems) -> None:
    (problem,) = problems(fleet_yaml=f"include: {include}\nprofiles: {{p: {{queues: [a]}}}}\n", a_yaml="tasks:\n")
    assert problem.code == "bad-value"
    assert place(problem)[1] == 1
