"""`allot dead`, as an operator uses it the morning after."""

import json
import os
import pty
import shutil
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acceptance.conftest import Done, allot, clean_environment

PROJECTS = Path(__file__).parent.parent / "fixtures" / "projects"

LAY = """
import json, sys
from celery import Celery
from allotment import Fleet

app = Celery("producer")
Fleet.load("fleet.yaml").install(app)
app.allotment.before_connecting()
with app.connection_for_write() as connection:
    producer = connection.Producer()
    for letter in json.load(sys.stdin):
        body = bytes.fromhex(letter.pop("body"))
        producer.publish(body, exchange="", routing_key="allotment.dead", content_encoding="utf-8", **letter)
"""


class Post:
    """A fleet on the embedded broker, of which no worker runs, and messages that are laid into `allotment.dead`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.letters: list[dict[str, object]] = []

    def add(self, task: str | None, arguments: object = None, *, age: float = 60.0, **said: object) -> str:
        """Make a message of Celery's protocol 2, with what is said of it in place of the usual; give its id."""
        identity = str(said.pop("id", uuid.uuid4()))
        body = said.pop("body", json.dumps([arguments or [], {}, {}]).encode())
        why = {
            "reason": "unknown-task",
            "detail": f"there is no task {task!r} in the fleet",
            "worker": "left-1@node-1",
            "time": time.time() - age,
            "exchange": "",
            "queue": "work",
            **dict(said.pop("why", {})),  # type: ignore[call-overload]
        }
        headers = {"task": task, "id": identity, "argsrepr": repr(arguments), "allotment_dead": why}
        headers |= dict(said.pop("headers", {}))  # type: ignore[call-overload]
        assert isinstance(body, bytes)
        self.letters.append({"headers": headers, "body": body.hex(), "content_type": "application/json", **said})
        return identity

    def lay(self) -> None:
        """Put what was added into the queue."""
        subprocess.run(
            [sys.executable, "-c", LAY],
            cwd=self.folder,
            env=clean_environment(),
            input=json.dumps(self.letters),
            text=True,
            check=True,
            timeout=60,
        )

    def dead(self, *arguments: str) -> Done:
        return allot("dead", *arguments, folder=self.folder)

    def ids(self, *arguments: str) -> list[str]:
        """Give the ids that are listed."""
        done = self.dead("list", "--json", *arguments)
        assert done.code == 0, done.err
        return [letter["id"] for letter in done.document["letters"]]


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(Path(shutil.copytree(PROJECTS / "crew", tmp_path / "crew")))


def test_an_empty_queue(post: Post) -> None:
    assert (post.dead("list").code, post.dead("list").out) == (0, "nothing of that kind lies in allotment.dead\n")
    assert post.dead("replay", "--all").code == 0
    assert post.dead("list", "--json").document == {"letters": [], "by_reason": {}, "by_task": {}, "dropped": {}}


def test_the_list_is_filtered_and_counted_and_shows_no_arguments(post: Post) -> None:
    secret = "hunter2-in-the-arguments"
    old = post.add("ghost.old", [secret], age=7200)
    extra = post.add("left.add", [1, secret], why={"reason": "delivered-too-often", "queue": "extra"}, age=600)
    lane = post.add("ghost.new", [secret], why={"queue": "work:left"}, age=10)
    key = post.add("ghost.new", [secret], why={"queue": "jobs.work", "exchange": "jobs"}, age=5)
    post.lay()
    done = post.dead("list")
    assert done.code == 0
    assert secret not in done.out + done.err
    assert [line.split()[0] for line in done.out.splitlines()[1:5]] == [one[:8] for one in (old, extra, lane, key)]
    last = done.out.splitlines()[-1]
    assert last.startswith("4 messages: 3 unknown-task, 1 delivered-too-often; 2 ghost.new, ")
    assert post.ids("--task", "ghost.*") == [old, lane, key]
    assert post.ids("--task", "ghost.old", "--task", "left.*") == [old, extra]
    assert post.ids("--reason", "delivered-too-often") == [extra]
    assert post.ids("--queue", "work") == [old, lane, key], "its lanes, and the key it is bound with"
    assert post.ids("--older-than", "5m") == [old, extra]
    assert post.ids("--newer-than", "1h", "--limit", "2") == [extra, lane]
    document = post.dead("list", "--json").document
    assert document["by_reason"] == {"unknown-task": 3, "delivered-too-often": 1}
    assert secret not in json.dumps(document)


def test_one_message_is_shown_in_full(post: Post) -> None:
    body = json.dumps([["é", 1], {"k": None}, {}]).encode()
    identity = post.add("ghost.task", ["é", 1], body=body, headers={"allotment_deliveries": 3})
    post.lay()
    done = post.dead("show", identity[:8])
    assert done.code == 0, done.err
    shown = {line.split(maxsplit=1)[0]: line for line in done.out.splitlines() if line.strip()}
    assert identity in shown["id"]
    assert "unknown-task: no worker of the fleet has the task" in shown["reason"]
    assert "left-1@node-1" in shown["set"]
    assert shown["deliveries"].split()[1] == "3"
    assert '"é",' in done.out
    [document] = post.dead("show", identity, "--json").document["letters"]
    assert document["body"] == [["é", 1], {"k": None}, {}]
    assert document["headers"]["task"] == "ghost.task"
    raw = subprocess.run(
        [sys.executable, "-m", "allotment", "dead", "show", identity, "--body"],
        cwd=post.folder,
        env=clean_environment(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert raw.stdout == body


def test_ids_that_name_none_or_several(post: Post) -> None:
    for identity in ("aa11", "aa22", "bb", "bb"):
        post.add("left.add", [1, 2], id=identity)
    post.lay()
    none = post.dead("show", "cc")
    assert (none.code, "there is no dead letter 'cc'" in none.err) == (2, True)
    several = post.dead("replay", "aa")
    assert several.code == 2
    assert "aa11, aa22" in several.err
    twice = post.dead("show", "bb", "--json")
    digests = [letter["digest"] for letter in twice.document["letters"]]
    assert len(set(digests)) == 2
    assert post.dead("show", "bb", "--body").code == 2
    done = post.dead("replay", "bb", "--dry-run")
    assert "2 messages have the id bb" in done.err
    assert len(post.dead("replay", digests[0], "--json").document["replayed"]) == 1
    assert post.ids() == ["aa11", "aa22", "bb"]


def test_a_replay_says_what_it_did_and_why_the_rest_stays(post: Post) -> None:
    good = [post.add("left.add", [number, 1]) for number in range(3)]
    ghost = post.add("ghost.task")
    late = post.add("left.add", [9, 9], headers={"expires": (datetime.now(UTC) - timedelta(hours=1)).isoformat()})
    pickled = post.add("left.add", body=b"\x80\x04N.", content_type="application/x-python-serialize")
    eta = post.add("left.add", [1, 1], headers={"eta": "next week"})
    broken = post.add(None, body=b"\xff{", why={"reason": "undecodable"})
    post.lay()
    dry = post.dead("replay", "--all", "--dry-run")
    assert dry.code == 1
    assert "would replay 3 messages:\n  3 × left.add to work:left\n" in dry.out
    assert len(post.ids()) == 8, "nothing was done"
    done = post.dead("replay", "--all", "--json")
    assert done.code == 1
    assert [(one["id"], one["lane"]) for one in done.document["replayed"]] == [(one, "work:left") for one in good]
    why = {one["id"]: one["refused"] for one in done.document["refused"]}
    assert set(why) == {ghost, late, pickled, eta, broken}
    assert "there is no task 'ghost.task'" in why[ghost]
    assert "--ignore-expiry" in why[late]
    assert "application/x-python-serialize" in why[pickled]
    assert "ETA" in why[eta]
    assert "--to" in why[broken]
    assert post.ids() == [ghost, late, pickled, eta, broken]
    again = post.dead("replay", late, broken, "--ignore-expiry", "--to", "extra")
    assert again.code == 1, "the workers of extra have no left.add"
    assert "no worker that consumes the queue 'extra' can run 'left.add'" in again.out
    assert "without a task to extra" in again.out
    assert post.dead("replay", late, "--ignore-expiry").code == 0
    assert post.ids() == [ghost, pickled, eta]


def test_a_purge_has_to_be_meant(post: Post) -> None:
    ids = [post.add("ghost.one"), post.add("ghost.two"), post.add("ghost.two")]
    post.lay()
    for arguments in ([], ["--yes"], ["--limit", "1", "--yes"], ["--all", "--task", "x", "--yes"], ["--all"]):
        refused = post.dead("purge", *arguments)
        assert refused.code == 2, arguments
    assert "--yes" in refused.err
    assert "would throw 2 messages away" in post.dead("purge", "--task", "ghost.two", "--dry-run").out
    assert post.ids() == ids
    done = post.dead("purge", "--task", "ghost.two", "--yes")
    assert (done.code, done.out) == (0, "threw 2 messages away:\n  2 × ghost.two, unknown-task\n")
    assert post.ids() == ids[:1]


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_on_a_terminal_it_asks(post: Post, answer: str, left: int) -> None:
    post.add("ghost.one")
    post.lay()
    terminal, side = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "allotment", "dead", "purge", "--all"],
        cwd=post.folder,
        env=clean_environment() | {"TERM": "dumb"},
        stdin=side,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(side)
    os.write(terminal, f"{answer}\n".encode())
    out, err = asking.communicate(timeout=60)
    os.close(terminal)
    assert "throw 1 message of allotment.dead away for ever?" in err
    assert out.startswith(f"threw {1 - left} message")
    assert len(post.ids()) == left


def test_what_strangers_wrote_does_not_reach_the_terminal(post: Post) -> None:
    evil = "\x1b]0;title\x07\x1b[2J[red]x[/red]\u202e"
    post.add(evil, [evil], id="e1" + evil, why={"reason": evil, "detail": evil, "worker": evil, "queue": evil})
    post.add("left.add", headers={"allotment_dead": [evil], "id": {evil: [1]}, "expires": {}, evil: {evil: [evil]}})
    post.lay()
    listed = post.dead("list")
    assert listed.code == 0, listed.err
    shown = [post.dead("show", "e1"), post.dead("replay", "--all"), listed]
    digest = post.dead("list", "--json").document["letters"][0]["digest"]
    shown.append(post.dead("show", digest))
    for done in shown:
        assert not {"\x1b", "\x07", "\u202e"} & set(done.out + done.err)
    assert "[red]x[/red]" in listed.out
    assert "Traceback" not in "".join(done.err for done in shown)


def test_wrong_input_is_told(post: Post) -> None:
    nowhere = post.dead("replay", "--all", "--to", "wrok")
    assert (nowhere.code, "did you mean 'work'?" in nowhere.err) == (2, True)
    assert post.dead("replay").code == 2
    assert post.dead("list", "--reason", "because").code == 2
    assert post.dead("list", "--older-than", "soon").code == 2
    unreachable = allot(
        "dead", "list", "--json", folder=post.folder, environment={"BROKER_URL": "redis://:pass-word@127.0.0.1:1/0"}
    )
    assert unreachable.code == 2
    assert unreachable.document["errors"][0]["code"] == "broker-unreachable"
    assert "pass-word" not in unreachable.out + unreachable.err
