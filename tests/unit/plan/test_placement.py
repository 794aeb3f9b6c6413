"""Workers on nodes: what a node cannot give them, said with its figures."""

from pathlib import Path

import pytest

from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile, Resources
from allotment.model.requirements import Mount, Requirements
from allotment.plan.placement import Misfit, Worker, concurrency_on, misfits
from allotment.source.fleet_file import read_fleet_file

GI = 2**30


def found(node: Node, *profiles: Profile) -> list[Misfit]:
    return list(misfits(FleetModel({profile.name: profile for profile in profiles}, nodes={node.name: node})))


def sized(name: str, cpu: float | None = None, memory: int | None = None) -> Profile:
    return Profile(name, ("work",), resources=Resources(cpu, memory))


def test_a_label_that_is_missing() -> None:
    profile = Profile("gpu", ("work",), requires=Requirements(labels=("ssd", "cuda")))
    (misfit,) = found(Node("n", {"gpu": 2}, labels=("ssd",)), profile)
    assert (misfit.node, misfit.profile) == ("n", "gpu")
    assert "'cuda'" in misfit.reason
    assert "label" in misfit.mend


def test_a_mount_that_is_missing() -> None:
    profile = Profile("video", ("work",), requires=Requirements(mounts=(Mount("/srv/a"), Mount("/srv/b"))))
    (misfit,) = found(Node("n", {"video": 1}, mounts=("/srv/a",)), profile)
    assert "'/srv/b'" in misfit.reason
    assert "mount" in misfit.mend


def test_a_node_that_does_not_say_what_is_mounted_is_taken_to_have_it() -> None:
    profile = Profile("video", ("work",), requires=Requirements(mounts=(Mount("/srv/a"),)))
    assert found(Node("n", {"video": 1}), profile) == []
    assert len(found(Node("n", {"video": 1}, mounts=()), profile)) == 1


@pytest.mark.parametrize("mount", ["/srv/media", "/srv/media/", "/srv//media", "media", "./media"])
def test_a_mount_is_the_same_folder_wherever_the_file_names_it(mount: str, tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(
        f"profiles: {{work: {{queues: [work], requires: {{mounts: [{mount}]}}}}}}\n"
        f"nodes: {{n: {{mounts: [{mount}], workers: {{work: 1}}}}}}\n"
    )
    assert list(misfits(read_fleet_file(path, {}).model)) == []


def test_more_cores_than_there_are_with_the_sum_in_the_reason() -> None:
    (misfit,) = found(Node("n", {"big": 3, "small": 2}, cpu=16), sized("big", 5), sized("small", 0.75))
    assert "16 cores" in misfit.reason
    assert "3 × 5 + 2 × 0.75 = 16.5" in misfit.reason
    assert misfit.node == "n"
    assert misfit.mend


def test_more_memory_than_there_is_with_the_sum_in_the_reason() -> None:
    (misfit,) = found(
        Node("n", {"big": 3, "small": 1}, memory=32 * GI), sized("big", memory=10 * GI), sized("small", memory=3 * GI)
    )
    assert "32Gi memory" in misfit.reason
    assert "3 × 10Gi + 1 × 3Gi = 33Gi" in misfit.reason


def test_cores_and_memory_are_each_reported() -> None:
    reasons = [misfit.reason for misfit in found(Node("n", {"big": 2}, cpu=4, memory=4 * GI), sized("big", 3, 3 * GI))]
    assert len(reasons) == 2
    assert "cores" in reasons[0]
    assert "memory" in reasons[1]


def test_a_worker_of_an_overfull_node_is_one_that_takes_some_of_it() -> None:
    (misfit,) = found(Node("n", {"tiny": 1, "big": 2}, cpu=4), sized("tiny"), sized("big", 3))
    assert misfit.profile == "big"


@pytest.mark.parametrize(
    "node",
    [
        Node("n", {"big": 4}, cpu=16, memory=32 * GI),
        Node("n", {"big": 400}),
        Node("n", {"big": 0}, cpu=1, memory=1),
        Node("n", {}, cpu=1, memory=1),
    ],
    ids=["exactly full", "not said", "no workers", "empty"],
)
def test_what_fits_is_not_reported(node: Node) -> None:
    assert found(node, sized("big", 4, 8 * GI)) == []


@pytest.mark.parametrize(
    ("count", "each", "capacity"), [(3, 0.1, 0.3), (3, 1.1, 3.3), (10, 0.1, 1.0), (3, 0.7, 2.1), (6, 0.35, 2.1)]
)
def test_cores_that_fill_a_node_exactly_fit(count: int, each: float, capacity: float) -> None:
    assert found(Node("n", {"part": count}, cpu=capacity), sized("part", each)) == []


@pytest.mark.parametrize(("count", "each", "capacity"), [(3, 0.101, 0.3), (301, 0.001, 0.3)])
def test_a_thousandth_of_a_core_too_much_does_not_fit(count: int, each: float, capacity: float) -> None:
    assert len(found(Node("n", {"part": count}, cpu=capacity), sized("part", each))) == 1


def test_every_node_is_looked_at() -> None:
    profile = Profile("gpu", ("work",), requires=Requirements(labels=("cuda",)))
    nodes = {
        "one": Node("one", {"gpu": 1}),
        "two": Node("two", {"gpu": 1}, labels=("cuda",)),
        "three": Node("three", {"gpu": 1}),
    }
    assert [misfit.node for misfit in misfits(FleetModel({"gpu": profile}, nodes=nodes))] == ["one", "three"]


@pytest.mark.parametrize(
    ("concurrency", "cpu", "at_once"),
    [(7, 2, 7), (None, 4, 4), (None, 2.9, 2), (None, 0.5, 1), (None, None, None), (7, None, 7)],
)
def test_how_many_tasks_a_worker_runs_at_once(concurrency: int | None, cpu: float | None, at_once: int | None) -> None:
    assert concurrency_on(Profile("p", ("work",), concurrency=concurrency), Node("n", cpu=cpu)) == at_once


def test_a_workers_name() -> None:
    assert Worker("gpu-big", "server-1", 3, (), None).name == "gpu-big-3@server-1"
