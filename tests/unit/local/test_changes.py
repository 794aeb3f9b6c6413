"""Whether the files of a fleet are others than they were when they were read."""

import threading
from pathlib import Path

import pytest

from allotment.errors import FileInvalid
from allotment.local.supervision.changes import Changes
from allotment.source.fleet_file import read_fleet_file

FLEET = """
include: [more/tasks.yaml]
broker: embedded
profiles: {one: {queues: [work]}}
"""
TASKS = "tasks:\n  shop.pay: {queue: work}\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Give a fleet file that includes another one."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "tasks.yaml").write_text(TASKS)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    return tmp_path / "fleet.yaml"


@pytest.fixture
def changes(fleet: Path) -> Changes:
    """Give the changes of that file since it was read."""
    found = Changes()
    read_fleet_file(fleet, text_of=found.text_of)
    return found


def test_a_change_is_noticed_once_the_files_keep_still(fleet: Path, changes: Changes) -> None:
    assert not changes.look()
    (fleet.parent / "more" / "tasks.yaml").write_text(TASKS + "  shop.send: {queue: work}\n")
    assert [changes.look() for _ in range(4)] == [False, True, False, False]
    fleet.write_text(FLEET.replace("more/tasks", "other"))
    assert not changes.look()
    fleet.write_text(FLEET.replace("more/tasks", "third"))
    assert [changes.look() for _ in range(3)] == [False, True, False]


def test_a_change_is_noticed_though_the_file_was_read_anew_before_the_look(fleet: Path, changes: Changes) -> None:
    fleet.write_text(FLEET + "default_queue: work\n")
    read_fleet_file(fleet, text_of=changes.text_of)
    assert [changes.look() for _ in range(3)] == [False, True, False]


def test_a_file_that_was_missing_is_noticed_when_it_comes(fleet: Path, changes: Changes) -> None:
    fleet.write_text(FLEET.replace("more/tasks", "other"))
    assert [changes.look() for _ in range(2)] == [False, True]
    with pytest.raises(FileInvalid, match=r"other\.yaml"):
        read_fleet_file(fleet, text_of=changes.text_of)
    assert not changes.look()
    (fleet.parent / "other.yaml").write_text(TASKS)
    assert [changes.look() for _ in range(2)] == [False, True]


def test_files_are_read_in_one_thread_while_another_one_looks(tmp_path: Path) -> None:
    changes = Changes()
    paths = [tmp_path / f"part-{number}.yaml" for number in range(500)]
    for path in paths:
        path.write_text("")

    def read() -> None:
        for path in paths:
            changes.text_of(path)

    reading = threading.Thread(target=read)
    reading.start()
    while reading.is_alive():
        changes.look()
    reading.join()
    assert [changes.look() for _ in range(2)] == [False, False], "reading is no change"
