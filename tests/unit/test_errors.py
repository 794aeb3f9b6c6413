"""What every error carries: a code, a place, a remedy and an exit code."""

import pickle
from collections.abc import Iterator

import pytest

from allotment import errors
from allotment.errors import AllotmentError, ExitCode, FileInvalid, FileProblem, NobodyCanRun, Where


def kinds(root: type[AllotmentError] = AllotmentError) -> Iterator[type[AllotmentError]]:
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
            yield from kinds(kind)


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "FINDINGS": 1,
        "BAD_INPUT": 2,
        "RUNNING": 3,
        "UNAVAILABLE": 75,
        "INTERNAL": 70,
        "INTERRUPTED": 130,
    }


def test_no_two_kinds_share_a_code() -> None:
    # PublishRefused is the parent of kinds, and FileProblem is given its code when it is made
    codes = [kind.code for kind in kinds() if kind is not FileProblem]
    assert len(codes) >= 10
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", [errors.ProofFailed, errors.QueueUnknown, errors.TaskUnknown, errors.NobodyCanRun])
def test_what_a_look_at_the_fleet_finds_ends_with_one(kind: type[AllotmentError]) -> None:
    assert kind.exit_code is ExitCode.FINDINGS


@pytest.mark.parametrize("kind", [errors.FileInvalid, errors.AppUnusable, errors.BrokerUnreachable, errors.UnknownName])
def test_what_cannot_be_used_ends_with_two(kind: type[AllotmentError]) -> None:
    assert kind.exit_code is ExitCode.BAD_INPUT


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (Where("fleet.yaml", 3, 7), "fleet.yaml:3:7"),
        (Where("fleet.yaml", 3), "fleet.yaml:3"),
        (Where("fleet.yaml"), "fleet.yaml"),
    ],
)
def test_a_place_is_written_as_editors_read_it(where: Where, text: str) -> None:
    assert str(where) == text


def test_an_error_says_where_then_what_then_the_remedy() -> None:
    text = str(AllotmentError("it is wrong", where=Where("fleet.yaml", 3, 7), hint="mend it"))
    assert text.index("fleet.yaml:3:7") < text.index("it is wrong") < text.index("mend it")


def test_an_error_without_place_and_remedy_is_only_its_message() -> None:
    assert str(AllotmentError("it is wrong")) == "it is wrong"


def test_a_single_error_is_its_own_only_part() -> None:
    error = AllotmentError("it is wrong")
    assert error.parts() == (error,)


def test_an_invalid_file_gives_all_its_problems_and_counts_them() -> None:
    first = FileProblem("bad-value", "first", where=Where("fleet.yaml", 1, 1), hint="mend it")
    second = FileProblem("unknown-key", "second", where=Where("fleet.yaml", 2, 1))
    error = FileInvalid((first, second))
    assert error.parts() == (first, second)
    assert [part.code for part in error.parts()] == ["bad-value", "unknown-key"]
    assert error.where == first.where
    assert error.hint == "mend it"
    assert "first" in str(error)
    assert "1 more" in str(error)


def test_an_invalid_file_with_one_problem_counts_nothing() -> None:
    assert "more" not in str(FileInvalid((FileProblem("bad-value", "first"),)))


def test_a_refused_publish_carries_its_task_and_queue() -> None:
    error = NobodyCanRun("no worker", task="shop.resize", queue="orders", hint="send it to images")
    assert (error.task, error.queue, error.code) == ("shop.resize", "orders", "nobody-can-run")
    assert isinstance(error, errors.PublishRefused)


def test_errors_survive_being_pickled() -> None:
    """A refused publish inside a task travels from the pool's process to the worker's."""
    refused = NobodyCanRun("nobody", task="a", queue="b", hint="send it to c")
    invalid = FileInvalid((FileProblem("code", "wrong", where=Where("f", 1, 2), hint="mend it"),))
    again, file_again = pickle.loads(pickle.dumps(refused)), pickle.loads(pickle.dumps(invalid))
    assert (type(again), again.task, again.queue, again.hint, str(again)) == (
        NobodyCanRun,
        "a",
        "b",
        "send it to c",
        str(refused),
    )
    assert (file_again.problems[0].code, str(file_again)) == ("code", str(invalid))
