"""The Markdown page, read back with a Markdown reader."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.profile import Profile, Resources
from allotment.model.requirements import Mount, Requirements
from allotment.model.task import KnownTask
from allotment.plan.page import markdown
from allotment.plan.plan import Plan, compile_plan
from allotment.source.fleet_file import read_fleet_file

FLEETS = Path(__file__).parents[2] / "fixtures" / "fleets"


def tokens(plan: Plan) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(markdown(plan))


def inline(plan: Plan) -> list[Token]:
    return [child for token in tokens(plan) for child in token.children or ()]


def codes(plan: Plan) -> list[str]:
    return [token.content for token in inline(plan) if token.type == "code_inline"]


def rows(plan: Plan) -> list[list[str]]:
    """Give the cells of the table's body, as text."""
    found: list[list[str]] = []
    read = tokens(plan)
    for place, token in enumerate(read):
        if token.type == "tr_open":
            found.append([])
        elif token.type in {"td_open", "th_open"}:
            found[-1].append("".join(child.content for child in read[place + 1].children or ()))
    return found[1:]


def section(plan: Plan, profile: str) -> str:
    text = markdown(plan)
    begin = text.index(f"### {profile}\n")
    return text[begin : text.find("\n#", begin + 3)]


def plan_of(*profiles: Profile, tasks: tuple[str, ...] = ("t",), **model: object) -> Plan:
    by_name = {profile.name: profile for profile in profiles}
    return compile_plan(FleetModel(by_name, **model), map(KnownTask, tasks))  # type: ignore[arg-type]


def test_each_profile_says_what_it_handles_and_needs() -> None:
    model = read_fleet_file(FLEETS / "shop.yaml", {}).model
    plan = compile_plan(model, [KnownTask("shop.video.render"), KnownTask("shop.mail.send")])
    assert "2 tasks, 4 queues, 2 profiles, 3 workers on 1 node" in markdown(plan)
    cpu = section(plan, "cpu")
    for words in (
        "`shop.video.render`",
        "4 cores",
        "8Gi of memory",
        "`/srv/media`",
        "`av`",
        "`ssd`",
        "`server-1`",
        "1h",
        "50m",
        "2 to 8",
    ):
        assert words in cpu
    assert "shop.mail.send" not in cpu
    io = section(plan, "io")
    for words in ("`shop.mail.send`", "threads", "20 to 100", "Needs: nothing", "`io_api_calls`"):
        assert words in io


@pytest.mark.parametrize(
    "about",
    [
        "Films *and* [more](http://x) for `us` & <b>them</b> _all_",
        "1. first",
        "- a dash",
        "# no heading",
        "| a | b |",
        "a \\* b! ![x](y) ~~z~~ &amp;",
        "Waiting for others, in one process.",
    ],
)
def test_what_a_profile_is_for_is_shown_as_it_is_written(about: str) -> None:
    plan = plan_of(Profile("p", ("q",), about=about))
    kinds = [token.type for token in tokens(plan)]
    place = next(number for number, token in enumerate(tokens(plan)) if token.content == "p") + 2
    assert kinds[place : place + 3] == ["paragraph_open", "inline", "paragraph_close"]
    shown = tokens(plan)[place + 1].children or []
    assert {child.type for child in shown} <= {"text", "text_special"}
    assert "".join(child.content for child in shown) == about


def test_each_queue_has_a_row_with_its_lanes_and_tasks() -> None:
    plan = plan_of(
        Profile("cpu", ("orders",), tasks=("image.*", "count.*")),
        Profile("gpu", ("orders", "mail"), tasks=("image.*", "train.*")),
        tasks=("image.resize", "count.words"),
        default_queue="orders",
    )
    assert rows(plan)[1][1] == "mail"
    assert {row[0]: row[2] for row in rows(plan)} == {"orders": "count.words, image.resize", "mail": "nothing"}
    assert set(rows(plan)[0][1].split(", ")) == {"orders", "orders:cpu", "orders:gpu"}


def test_a_queue_that_nobody_consumes_has_no_lane() -> None:
    idle = Profile("idle", ("elsewhere",))
    plan = plan_of(Profile("p", ("q",)), idle, nodes={"n": Node("n", {"p": 1})})
    assert {row[0]: row[1] for row in rows(plan)} == {"q": "q", "elsewhere": "nothing"}
    assert "Runs on: nothing" in section(plan, "idle")


def test_figures_are_written_as_people_do() -> None:
    profile = Profile(
        "p", ("q",), concurrency=3, time_limit=5400, max_tasks_per_child=9, resources=Resources(0.5, 3 * 2**29)
    )
    found = section(plan_of(profile), "p")
    for words in ("concurrency 3", "1h30m", "9 tasks", "0.5 cores", "1.5Gi"):
        assert words in found


@pytest.mark.parametrize(
    "path",
    [
        "/srv/<script>alert(1)</script>",
        "/srv/**bold**",
        "/srv/[x](javascript:alert)",
        "/srv/`<img src=x onerror=alert(1)>`",
        "/srv/a`b",
        "/srv/``",
        "`/srv`",
        "/srv/back\\",
        "/srv/a|b",
    ],
)
def test_a_hostile_path_stays_in_its_code_span(path: str) -> None:
    plan = plan_of(Profile("p", ("q",), requires=Requirements((Mount(path),))))
    assert path in codes(plan)
    assert not [token for token in inline(plan) if token.type in {"html_inline", "link_open", "strong_open", "image"}]


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n", "\n\n"])
def test_a_line_end_in_a_path_begins_nothing(line_end: str) -> None:
    plan = plan_of(Profile("p", ("q",), requires=Requirements((Mount(f"/srv{line_end}# heading"),))))
    kinds = [token.type for token in tokens(plan)]
    assert kinds == [
        token.type for token in tokens(plan_of(Profile("p", ("q",), requires=Requirements((Mount("/srv"),)))))
    ]
