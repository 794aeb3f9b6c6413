"""The tutorial and the examples of the command pages, run for real on the embedded broker.

Everything is taken from the pages: the files, the commands, and what they are said to print.
"""

import json
import queue
import re
import shlex
import signal
import subprocess
import threading
import time

import pytest
from docs_tools import COMMAND_PAGES, DOCS, ROOT, fences_of, write_docs

TUTORIAL = DOCS / "tutorial" / "first-fleet.md"
JSON_PAGE = DOCS / "reference" / "json.md"
OPAQUE = {"observed", "failures"}
"""Keys whose value has the user's names as keys."""

pytestmark = pytest.mark.embedded


class Folder(write_docs.PageFolder):
    """The tutorial's folder."""

    def run(self, command, timeout=60):
        words = shlex.split(command) if isinstance(command, str) else command
        return subprocess.run(
            words, cwd=self.path, env=self.environment(), capture_output=True, text=True, timeout=timeout, check=False
        )

    def start(self, command):
        return Running(shlex.split(command), self.path, self.environment())


class Running:
    """A command that goes on, and the lines that it prints."""

    def __init__(self, words, path, environment):
        self.process = subprocess.Popen(
            words, cwd=path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = []
        self._waiting = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stdout as output:
            for line in output:
                self._waiting.put(line.rstrip("\n"))

    def until(self, wanted, seconds=30):
        """Read until a line is as wanted; fail with all that was read where none is in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.lines.append(self._waiting.get(timeout=left))
            except queue.Empty:
                break
            if wanted(self.lines[-1]):
                return
        pytest.fail("not seen in time:\n" + "\n".join(self.lines))

    def ended(self, seconds=60):
        """Wait for its end and for all it has printed; give the exit code."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        while not self._waiting.empty():
            self.lines.append(self._waiting.get())
        return code

    def stop(self):
        """Press Ctrl-C and give the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def end(self):
        """See to it that it does not stay, whatever has happened."""
        if self.process.poll() is None:
            self.process.terminate()
        self.ended()


def plain(text):
    """Take out what differs from run to run: ids, times, process numbers, the widths of columns."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"\b\d+\.\d+ (ms|s)\b", "TIME", text)
    text = re.sub(r"process \d+", "process N", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "WHEN", text)
    return [re.sub(r"  +", "  ", line).rstrip() for line in text.strip().splitlines()]


def rows(text):
    """Give the lines of a table of runs, in any order.

    A task is stored as done after the next of its workflow has been sent (Celery's `trace_task`), so that one may be
    done first: then it stands first.
    """
    return sorted(plain(text))


def block_after(page, remark):
    """Give the block that a remark of the page stands before."""
    return next(fence.text for fence in write_docs.fences(page.read_text()) if fence.remark == remark)


def commands_of(page):
    return [fence.text.strip() for fence in fences_of(page, "console")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demonstration of one topology, which runs while the other tests do."""
    running = Folder(tmp_path_factory.mktemp("demo")).start("allot demo basic --plain --json")
    yield running
    running.end()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, demo):
    """The tutorial's folder as it is before `Run it`."""
    made = Folder(tmp_path_factory.mktemp("shop"))
    made.add(_before_it_runs())
    return made


def _before_it_runs():
    return TUTORIAL.read_text().partition("\n## Run it\n")[0]


def _after_that():
    return TUTORIAL.read_text().partition("\n## Run it\n")[2]


@pytest.fixture(scope="module")
def up(folder):
    """`allot up` of the tutorial, once it has said what the page says it does."""
    said = TUTORIAL.read_text().partition("\n```console\nallot up\n```\n")[2]
    ready = next(write_docs.fences(said)).text.strip()
    running = folder.start("allot up")
    try:
        running.until(lambda line: line == ready)
        yield running
    finally:
        running.end()


@pytest.fixture(scope="module")
def first_run(folder, up):
    """The tutorial's `allot run`."""
    return folder.run(next(command for command in commands_of(TUTORIAL) if command.startswith("allot run")))


def test_the_run_prints_what_the_tutorial_shows(first_run):
    assert first_run.returncode == 0, first_run.stderr
    assert rows(first_run.stdout) == rows(block_after(TUTORIAL, "output of the run"))


def test_the_trace_prints_what_the_tutorial_shows(folder, first_run):
    identity = re.search(r"^allot trace (\S+) shows", first_run.stdout, flags=re.MULTILINE)[1]
    done = folder.run(["allot", "trace", identity])
    assert done.returncode == 0, done.stderr
    shown = block_after(TUTORIAL, "output of the trace")
    assert rows(done.stdout) == rows(shown)
    assert plain(fences_of(COMMAND_PAGES / "trace.md", "text")[-1].text) == plain(shown)


def test_the_readme_has_the_same_files_and_commands():
    def files(text):
        """Give the first version of each file, without blank lines."""
        found = {}
        for fence in write_docs.fences(text):
            if fence.title:
                found.setdefault(fence.title, [line for line in fence.text.splitlines() if line])
        return found

    readme = ROOT / "README.md"
    assert files(readme.read_text()) == files(_before_it_runs())
    run = [command for command in commands_of(TUTORIAL) if command.startswith("allot run")]
    assert run == [command for command in commands_of(readme) if command.startswith("allot run")]


def test_the_program_of_the_tutorial_gets_its_result_and_its_refusal(folder, up):
    folder.add(_after_that())
    done = folder.run("python send.py")
    shown = block_after(TUTORIAL, "last line and first line of the program").splitlines()
    assert done.returncode == 1
    assert done.stdout.splitlines() == shown[:1]
    assert done.stderr.splitlines()[0] == shown[1]
    assert done.stderr.splitlines()[-1] == shown[-1]


def _shape(value, key=""):
    """Give what a document is made of: its keys, and for lists what their items are made of together."""
    if isinstance(value, dict):
        return "names" if key in OPAQUE else {name: _shape(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(_shape(item), sort_keys=True) for item in value})
    return "value"


def _example(name):
    return next(fence.text for fence in fences_of(JSON_PAGE, "json") if fence.title == name)


def test_the_json_of_run_and_trace_is_as_the_page_says(folder, up):
    done = folder.run(["allot", "run", "shop.add_up([3, 4]) | shop.receipt", "--json"])
    document = json.loads(done.stdout)
    assert _shape(document) == _shape(json.loads(_example("run.json")))
    done = folder.run(["allot", "trace", document["ids"][0], "--json"])
    assert _shape(json.loads(done.stdout)) == _shape(json.loads(_example("trace.json")))


def test_set_aside_messages_are_listed_and_refused_and_thrown_away_as_the_guide_says(folder, up):
    folder.add(_after_that())
    guide = (DOCS / "how-to" / "dead-letters.md").read_text()
    (folder.path / "outside.py").write_text(
        "from shop import app\n"
        "from celery import Celery\n"
        "with app.connection_for_write() as connection:\n"
        "    connection.ensure_connection()\n"
        "outside = Celery('outside', broker=app.conf.broker_url, backend=app.conf.result_backend)\n"
        "try:\n"
        "    outside.send_task('shop.recipt', args=[1], queue='orders').get(timeout=20)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__)\n"
    )
    assert folder.run("python outside.py").stdout == "NotRegistered\n"
    up.until(lambda line: "set aside in allotment.dead" in line)
    listed = folder.run("allot dead list")
    assert listed.returncode == 0, listed.stderr
    assert re.search(r"^\w{8}  shop\.recipt  unknown-task  orders ", listed.stdout, re.MULTILINE), listed.stdout
    assert listed.stdout.split()[:7] == ["id", "task", "reason", "queue", "age", "size", "worker"]
    document = json.loads(folder.run("allot dead list --json").stdout)
    assert _shape(document["letters"]) == _shape(json.loads(_example("dead.json"))["letters"])
    assert document.keys() == json.loads(_example("dead.json")).keys()
    dry = folder.run("allot dead replay --all --dry-run")
    assert dry.returncode == 1, dry.stderr
    told = [line for line in dry.stdout.splitlines() if "shop.recipt" in line or line.startswith("refused")]
    assert [line for line in told if line not in guide] == []
    refused = json.loads(folder.run("allot dead replay --all --json").stdout)
    example = json.loads(_example("replayed.json"))
    assert refused.keys() == example.keys()
    assert refused["refused"][0].keys() == example["replayed"][0].keys()
    assert folder.run("allot dead purge --task shop.recipt --yes").returncode == 0
    assert json.loads(folder.run("allot dead list --json").stdout)["letters"] == []


def test_the_start_and_the_end_of_up_are_as_its_page_shows(folder, up):
    assert up.stop() == 0
    shown = fences_of(COMMAND_PAGES / "up.md", "text")[-1].text
    lines = [line for line in plain(shown) if "WHEN" not in line and line]
    seen = plain("\n".join(up.lines))
    # two workers start and stop in any order
    assert lines[0] == seen[0]
    assert [line for line in lines if line not in seen] == []
    assert (folder.path / ".allotment" / "fleet.yaml" / "valkey").is_dir()


def test_the_example_of_run_starts_the_fleet_and_stops_it(folder):
    page = COMMAND_PAGES / "run.md"
    command = next(command for command in commands_of(page) if "--up" in command and "--times" in command)
    shown = next(fence.text for fence in fences_of(page, "text") if "workflows finished" in fence.text)
    done = folder.run(command)
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout) == rows(shown)


def test_the_events_of_up_are_as_the_page_says(folder):
    running = folder.start("allot up --json")
    try:
        running.until(lambda line: json.loads(line)["event"] == "fleet-ready")
        assert running.stop() == 0
    finally:
        running.end()
    seen = [json.loads(line) for line in running.lines]
    shown = [json.loads(line) for line in _example("up.json").splitlines()]
    assert {event["event"]: set(event) for event in shown} == {event["event"]: set(event) for event in seen}


def test_a_workflow_stays_in_its_zone_as_the_guide_shows(tmp_path):
    page = DOCS / "how-to" / "zones.md"
    folder = Folder(tmp_path)
    folder.add(page.read_text())
    zone, _, command = next(
        fence.text.strip() for fence in fences_of(page, "console") if fence.text.startswith("ALLOTMENT_ZONE=")
    ).partition(" ")
    done = folder.run(["env", zone, *shlex.split(command)])
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout) == rows(block_after(page, "output of the run"))


def test_the_json_of_demo_is_as_the_page_says(demo):
    code = demo.ended()
    output = "\n".join(demo.lines)
    assert code in {0, 1}, output
    assert _shape(json.loads(output)) == _shape(json.loads(_example("demo.json")))
