"""The flowchart, read back: every worker and lane is drawn, and no text leaves its label."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.requirements import Mount, Requirements
from allotment.model.task import KnownTask
from allotment.plan.mermaid import mermaid
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import read_fleet_file

FLEETS = Path(__file__).parents[2] / "fixtures" / "fleets"

OPEN, CLOSE = r"(?:\[\(|\(\[|\[/|\[)", r"(?:\)\]|\]\)|/\]|\])"
# Inside a label only these may stand; everything else is a character reference or a line break.
LABEL = r'"((?:[^\W_]|[ .,:;_+@/()-]|\#\d+;|<br>)*)"'
NODE = re.compile(rf"\s*(subgraph )?([a-z]+\d*){OPEN}{LABEL}{CLOSE}")
EDGE = re.compile(r"\s*([a-z]+\d*) (-->|-\.->|-\.-) ([a-z]+\d*)")


@dataclass
class Drawing:
    """What a reader of the flowchart sees."""

    labels: dict[str, str] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)
    inside: dict[str, str] = field(default_factory=dict)


def decoded(label: str) -> str:
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), label.replace("<br>", "\n"))


def drawn(text: str) -> Drawing:
    """Read the flowchart; a line that is neither a node, an edge nor a bracket fails the test."""
    lines = text.splitlines()
    assert lines[0] == "flowchart LR"
    drawing, around = Drawing(), None
    for line in lines[1:]:
        if line.strip() == "end":
            around = None
        elif node := NODE.fullmatch(line):
            drawing.labels[node[2]] = decoded(node[3])
            if node[1]:
                around = node[2]
            elif around:
                drawing.inside[node[2]] = around
        else:
            edge = EDGE.fullmatch(line)
            assert edge, line
            drawing.edges.add((edge[1], edge[3]))
    named = {(drawing.labels[source], drawing.labels[target].splitlines()[0]) for source, target in drawing.edges}
    drawing.edges = named
    return drawing


def plan_of(*profiles: Profile, tasks: tuple[str, ...], **model: object) -> Plan:
    by_name = {profile.name: profile for profile in profiles}
    return compile_plan(FleetModel(by_name, **model), map(KnownTask, tasks))  # type: ignore[arg-type]


def test_the_example_is_drawn_whole() -> None:
    model = read_fleet_file(FLEETS / "shop.yaml", {"RESULT_URL": "redis://:canary@results.example/1"}).model
    plan = compile_plan(model, [KnownTask("shop.video.render"), KnownTask("shop.mail.send")])
    drawing = drawn(mermaid(plan))
    labels = set(drawing.labels.values())
    assert {"cpu_video_processing", "io_email_sending", "mount: /srv/media", "node server-1"} <= labels
    assert "results: redis://results.example/1" in labels
    assert "cpu-1@server-1\nshop.video.render" in labels
    assert ("producers", "cpu_video_processing") in drawing.edges
    assert ("cpu_video_processing", "cpu-2@server-1") in drawing.edges
    assert ("io_email_sending", "io-1@server-1") in drawing.edges
    assert ("io_email_sending", "cpu-1@server-1") not in drawing.edges
    assert ("mount: /srv/media", "cpu-1@server-1") in drawing.edges
    assert ("mount: /srv/media", "io-1@server-1") not in drawing.edges


def test_every_worker_is_on_its_node_and_hangs_on_the_lanes_it_consumes_and_no_others() -> None:
    plan = plan_of(
        Profile("cpu", ("orders", "mail"), tasks=("image.*", "count.*")),
        Profile("gpu", ("orders",), tasks=("image.*", "train.*")),
        tasks=("image.resize", "count.words", "train.model"),
        nodes={"one": Node("one", {"cpu": 2}), "two": Node("two", {"cpu": 1, "gpu": 3})},
    )
    drawing = drawn(mermaid(plan))
    workers = {worker.name: worker for worker in plan.workers}
    drawn_at = {
        drawing.labels[inner].splitlines()[0]: drawing.labels[around] for inner, around in drawing.inside.items()
    }
    assert drawn_at == {name: f"node {worker.node}" for name, worker in workers.items()}
    for name, worker in workers.items():
        assert {source for source, target in drawing.edges if target == name} == set(worker.consumes)
    # `orders` is the name of the queue and of the lane that all its workers hang on
    assert {target for source, target in drawing.edges if source == "orders"} == {
        "orders",
        "orders:cpu",
        "orders:gpu",
        *workers,
    }


def test_lanes_that_no_known_task_goes_to_are_not_drawn() -> None:
    plan = plan_of(
        Profile("cpu", ("orders",), tasks=("image.*", "count.*")),
        Profile("gpu", ("orders",), tasks=("image.*", "train.*")),
        tasks=("count.words",),
    )
    assert set(plan.lanes) == {"orders", "orders:cpu", "orders:gpu"}
    drawing = drawn(mermaid(plan))
    assert drawing.edges == {
        ("producers", "orders"),
        ("orders", "orders:cpu"),
        ("orders:cpu", "cpu-1@local"),
    }
    assert sorted(label.splitlines()[0] for label in drawing.labels.values()) == sorted(
        ["producers", "orders", "orders:cpu", "node local", "cpu-1@local", "gpu-1@local"]
    )


def test_many_tasks_are_counted_and_not_all_listed() -> None:
    plan = plan_of(Profile("p", ("q",)), tasks=tuple(f"task.{number}" for number in range(100)))
    (label,) = [label for label in drawn(mermaid(plan)).labels.values() if label.startswith("p-1@")]
    listed = label.count("task.")
    assert 0 < listed < 20
    assert f"{100 - listed} more" in label


@pytest.mark.parametrize(
    ("results", "expected"),
    [(None, None), ("none", None), ("embedded", "results: embedded"), ("redis://u:canary@h/0", "results: redis://h/0")],
)
def test_where_results_go(results: str | None, expected: str | None) -> None:
    plan = plan_of(Profile("p", ("q",)), tasks=("t",), results=Address(results) if results else None)
    found = [label for label in drawn(mermaid(plan)).labels.values() if label.startswith("results")]
    assert found == ([expected] if expected else [])


HOSTILE_PATHS = [
    '/srv/"]; click m0 call alert(1)',
    "/srv/<script>alert(1)</script>",
    "/srv/x`y|z{a}[b]",
    "/srv/%%{init: {}}%%",
    "/srv/#quot;#35;",
    "/srv/&lt;b&gt;",
    "/srv/\\n\\",
    "/srv/\u202eevil",
    "/srv/\x1b[2J",
    "/srv/a -->|x| b;",
    "/srv/日本 é",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_hostile_path_stays_in_its_label(path: str) -> None:
    profile = Profile("p", ("q",), requires=Requirements((Mount(path),)))
    text = mermaid(plan_of(profile, tasks=("t",)))
    drawing = drawn(text)
    assert f"mount: {path}" in drawing.labels.values()
    assert (f"mount: {path}", "p-1@local") in drawing.edges
    plain = mermaid(plan_of(Profile("p", ("q",), requires=Requirements((Mount("/srv"),))), tasks=("t",)))
    assert text.count("\n") == plain.count("\n")


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n"), min_size=1, max_size=20))
def test_any_path_can_be_read_back_from_its_label(path: str) -> None:
    profile = Profile("p", ("q",), requires=Requirements((Mount(path),)))
    assert f"mount: {path}" in drawn(mermaid(plan_of(profile, tasks=("t",)))).labels.values()
