"""What is written of a plan is read back by a real parser, whatever its names hold: the same names, and nothing more.

The model refuses such names in a file; these plans are made past it.
"""

import ast
import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kombu import Queue as KombuQueue
from markdown_it import MarkdownIt

from allotment.cli.views.findings import annotation
from allotment.cli.views.plan import document
from allotment.errors import Where
from allotment.model import names as model_names
from allotment.model.address import Address
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile
from allotment.model.queue import Queue
from allotment.model.task import KnownTask, TaskEntry
from allotment.plan.broker_queues import broker_queues
from allotment.plan.celeryconfig import celeryconfig
from allotment.plan.commands import celery_arguments, commands
from allotment.plan.mermaid import mermaid
from allotment.plan.page import markdown
from allotment.plan.plan import Plan, compile_plan

HOSTILE = (
    "../../etc/passwd", "-flag", "--", "a;b", "$(touch x)", "`touch x`", "${HOME}", "{{ x }}", "{% x %}", "%n", "%%",
    "a\nb", "a\r\nb: c", "x" * 300, "'", '"', "\\", "'''", '"""\nimport os', "# not", "a b", "", " ", "\t", "\x00",
    "\x1b[31m", "\u202e", "\u2028", "<script>alert(1)</script>", "]]>", "-->", "|", "| a | b |", "](http://x)",
    "end\nsubgraph x", "\ud800", "é", "null", "true", "1e5", "=1+1", "::error::x", "a%0Ab", "*", "[a-z]", "a,b", "a:b",
)  # fmt: skip

texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
names = texts.filter(lambda text: "*" not in text)  # a star makes a pattern of a task's key


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Give a plan whose names may hold anything: two queues, two profiles, two nodes, two tasks."""
    queues = draw(st.lists(texts, min_size=2, max_size=2, unique=True))
    profiles = draw(st.lists(texts, min_size=2, max_size=2, unique=True))
    nodes = draw(st.lists(texts, min_size=2, max_size=2, unique=True))
    tasks = draw(st.lists(names, min_size=2, max_size=2, unique=True))
    model = FleetModel(
        profiles={
            name: Profile(name, (queue,), about=draw(texts)) for name, queue in zip(profiles, queues, strict=True)
        },
        queues={name: Queue(name, exchange=draw(texts), routing_key=draw(texts)) for name in queues},
        nodes={name: Node(name, dict.fromkeys(profiles, 1)) for name in nodes},
        entries=tuple(TaskEntry(name, queue) for name, queue in zip(tasks, queues, strict=True)),
        broker=Address("amqp://broker.example//"),
        results=Address("none"),
    )
    return compile_plan(model, tuple(KnownTask(name) for name in tasks))


@given(plans())
def test_celeryconfig_is_settings_with_the_plans_names(plan: Plan) -> None:
    text = celeryconfig(plan)
    tree = ast.parse(text)
    for statement in tree.body[1:]:
        assert isinstance(statement, ast.Import | ast.ImportFrom | ast.Assign), ast.dump(statement)
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert calls <= {"Queue", "Exchange"}
    settings: dict[str, Any] = {}
    exec(compile(tree, "celeryconfig", "exec"), settings)
    assert set(settings["task_routes"]) == {name for name in plan.tasks if plan.default_lane(name)}
    assert {queue.name for queue in settings["task_queues"]} == {queue.name for queue in broker_queues(plan)}
    assert all(isinstance(queue, KombuQueue) for queue in settings["task_queues"])


@given(plans())
def test_a_command_is_the_words_that_were_meant(plan: Plan) -> None:
    lexer = shlex.shlex(commands(plan), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split = " \t\r", True
    words = list(lexer)  # as a shell reads them: comments left out, the end of a line and what else it obeys by itself
    meant = [
        word
        for worker in plan.workers
        if plan.serves(worker)
        for word in ("celery", *celery_arguments(plan, worker), "\n")
    ]
    assert [word for word in words if set(word) != {"\n"}] == [word for word in meant if word != "\n"]


@given(plans())
def test_the_page_has_the_headings_and_rows_of_the_plan(plan: Plan) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(plan))
    headings = [tokens[at + 1] for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert len(headings) == 3 + len(plan.model.profiles)
    assert sum(token.type == "tr_open" for token in tokens) == 1 + len(plan.queues)
    assert sum(token.type == "td_open" for token in tokens) == 3 * len(plan.queues)
    inline = [inner for token in tokens for inner in token.children or ()]
    assert not {token.type for token in inline} & {"html_inline", "link_open", "image"}
    assert not {token.type for token in tokens} & {"html_block", "fence", "hr"}


@given(plans())
def test_the_diagram_has_the_lines_of_the_plan(plan: Plan) -> None:
    label = r'"[^"`<>{}|\\%]*(<br>[^"`<>{}|\\%]*)*"'
    shapes = (
        r"flowchart LR|  end",
        r'  producer\(\["producers"\]\)',
        rf"  q\d+\[/{label}/\]",
        rf"  l\d+\[\({label}\)\]",
        rf"  subgraph n\d+\[{label}\]",
        rf"    w\d+\[{label}\]",
        r"  (producer|q\d+|l\d+) --> (q\d+|l\d+|w\d+)",
    )
    for line in mermaid(plan).splitlines():
        assert re.fullmatch("|".join(shapes), line), line


@given(plans())
def test_the_document_is_json_with_the_plans_names(plan: Plan) -> None:
    found = json.loads(json.dumps(document(plan), default=str))
    assert {task["name"] for task in found["tasks"]} == set(plan.tasks)
    assert {queue["name"] for queue in found["queues"]} == set(plan.queues)


@given(texts, texts, texts)
@example("a,line=7", "x::error::y", "%0A::error::z")
def test_an_annotation_is_one_command(file: str, title: str, text: str) -> None:
    line = annotation("error", title, Where(file, 3, 4), text)
    assert len(line.splitlines()) == 1 or not {"\n", "\r"} & set(line)
    kind, properties, said = re.fullmatch(r"::(\w+) ([^\n\r]*?)::(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
    values = dict(pair.split("=", 1) for pair in properties.split(","))

    def back(written: str) -> str:
        for code, sign in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
            written = written.replace(code, sign)
        return written

    assert (kind, back(values["file"]), back(values["title"]), back(said)) == ("error", file, title, text)
    assert set(values) == {"file", "line", "col", "title"}


_HARMLESS = {"null", "true", "1e5", "a:b"}
"""Names like others for some of the checks: plain signs."""


@pytest.mark.parametrize("check", [model_names.queue_name, model_names.label, model_names.task_name])
@pytest.mark.parametrize("name", sorted(set(HOSTILE) - _HARMLESS))
def test_the_model_refuses_it(name: str, check: Callable[[str], str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are told apart elsewhere
        check(name)
