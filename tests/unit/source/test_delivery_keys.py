"""What a fleet file says of delivery: in a task, a profile and a queue, and of the dead letters' queue."""

from pathlib import Path

import pytest

from allotment.errors import FileInvalid
from allotment.model.fleet import FleetModel
from allotment.model.queue import DeadLetters, QueueType
from allotment.model.task import Delivery
from allotment.source.fleet_file import read_fleet_file

PROFILES = "profiles: {all: {queues: [work]%s}}\n"


def model(folder: Path, text: str) -> FleetModel:
    (folder / "fleet.yaml").write_text(text)
    return read_fleet_file(folder / "fleet.yaml", {}).model


def test_nothing_is_said_where_nothing_is_written(tmp_path: Path) -> None:
    found = model(tmp_path, PROFILES % "")
    assert found.profiles["all"].delivery is None
    assert found.queues["work"].type is None
    assert found.queues["work"].delivery_limit is None
    assert found.dead_letters == DeadLetters(100_000)


def test_a_profile_says_how_its_tasks_are_delivered(tmp_path: Path) -> None:
    found = model(tmp_path, PROFILES % ", delivery: at-least-once")
    assert found.profiles["all"].delivery is Delivery.AT_LEAST_ONCE


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_every_queue_counts_deliveries(kind: str, tmp_path: Path) -> None:
    found = model(tmp_path, PROFILES % "" + f"queues: {{work: {{type: {kind}, delivery_limit: 3}}}}\n")
    assert found.queues["work"].type is QueueType(kind)
    assert found.queues["work"].delivery_limit == 3


def test_the_dead_letters_have_a_limit(tmp_path: Path) -> None:
    assert model(tmp_path, PROFILES % "" + "dead_letters: {max_length: 7}\n").dead_letters == DeadLetters(7)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (PROFILES % ", delivery: twice", 1, 44),
        (PROFILES % "" + "dead_letters: {max_length: 0}\n", 2, 28),
        (PROFILES % "" + "dead_letters: {length: 5}\n", 2, 16),
        (PROFILES % "" + "queues: {work: {delivery_limit: 0}}\n", 2, 33),
        (PROFILES % "" + "settings: {worker_detect_quorum_queues: false}\n", 2, 12),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_place(text: str, line: int, column: int, tmp_path: Path) -> None:
    with pytest.raises(FileInvalid) as caught:
        model(tmp_path, text)
    (problem,) = caught.value.problems
    assert problem.where
    assert (problem.where.line, problem.where.column) == (line, column)
