"""What is unfinished is told at a cost that grows with what is new."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from allotment.testing.faults.journal import Confirmed, Journal, JournalWriter
from allotment.testing.faults.ledger import Ledger
from allotment.testing.faults.unfinished import Unfinished


class _Books:
    def __init__(self, folder: Path) -> None:
        self.ledger_file = folder / "ledger.jsonl"
        self.writer = JournalWriter(folder / "journal.jsonl")
        self.journal, self.ledger = Journal(folder / "journal.jsonl"), Ledger(self.ledger_file)

    def confirm(self, *ids: str) -> None:
        for one in ids:
            self.writer.confirmed(Confirmed(one, "left.step", 0.0))
        self.writer.flush()

    def finish(self, *ids: str, state: str = "SUCCESS") -> None:
        common = {"task": "left.step", "worker": "left-1@here", "pid": 1, "time": 1.0}
        with self.ledger_file.open("a") as file:
            for one in ids:
                file.write(json.dumps({"what": "start", "id": one, **common}) + "\n")
                file.write(json.dumps({"what": "end", "id": one, "state": state, **common}) + "\n")


@pytest.fixture
def books(tmp_path: Path) -> Iterator[_Books]:
    one = _Books(tmp_path)
    with one.writer:
        yield one


def test_it_shrinks_as_runs_end_and_grows_as_messages_are_confirmed(books: _Books) -> None:
    unfinished = Unfinished(books.journal, books.ledger)
    books.confirm("a", "b")
    assert unfinished.look() == {"a", "b"}
    books.finish("a")
    assert unfinished.look() == {"b"}
    books.confirm("c")
    assert unfinished.look() == {"b", "c"}


def test_a_run_that_ends_before_its_message_is_confirmed_counts(books: _Books) -> None:
    unfinished = Unfinished(books.journal, books.ledger)
    books.finish("a")
    assert unfinished.look() == set()
    books.confirm("a")
    assert unfinished.look() == set()


def test_a_run_that_is_to_be_repeated_is_no_end(books: _Books) -> None:
    unfinished = Unfinished(books.journal, books.ledger)
    books.confirm("a")
    books.finish("a", state="RETRY")
    assert unfinished.look() == {"a"}


def test_what_was_confirmed_before_is_left_out(books: _Books) -> None:
    books.confirm("a", "b")
    assert Unfinished(books.journal, books.ledger, first=1).look() == {"b"}


def test_what_somebody_else_knows_to_have_ended_stays_out(books: _Books) -> None:
    unfinished = Unfinished(books.journal, books.ledger)
    books.confirm("a", "b")
    unfinished.look()
    unfinished.leave_out(["a"])
    assert unfinished.look() == {"b"}
