"""Names: plain ones are let in, everything that means something to a shell, a path or a template is not."""

import shlex
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allotment.model import names

HOSTILE = [
    "",
    " ",
    ".",
    "..",
    "../x",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "-flag",
    "--pool=solo",
    "a;b",
    "a|b",
    "a&b",
    "a>b",
    "a,b",
    "a b",
    "a+b",
    "a@b",
    "$(x)",
    "${X}",
    "`x`",
    "{{x}}",
    "{x}",
    "%n",
    "a%n",
    "#x",
    "~",
    "a'b",
    'a"b',
    "<b>",
    "a\nb",
    "a\n",
    "\na",
    "a\rb",
    "a\tb",
    "a\0b",
    "\x1b[2J",
    "\u202ea",
    "é",
    "\uff41",
    "a" * 300,
]

Reader = Callable[[str], str]
READERS: list[Reader] = [names.queue_name, names.label, names.task_name, names.task_pattern]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_a_hostile_name_is_refused(read: Reader, text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|too long"):
        read(text)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text not in {"", " "}])
def test_a_star_does_not_let_a_hostile_pattern_in(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|too long"):
        names.task_pattern(text + "*" if not text.endswith("\n") else "*" + text)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (names.queue_name, "cpu_video_processing"),
        (names.queue_name, "orders.eu-1"),
        (names.queue_name, "_private"),
        (names.queue_name, "1st"),
        (names.label, "server-1"),
        (names.label, "gpu_big"),
        (names.label, "1st"),
        (names.task_name, "shop.video.render"),
        (names.task_name, "A"),
        (names.task_name, "_hidden"),
        (names.task_name, "shop:resize-image"),
        (names.task_pattern, "shop.video.render"),
        (names.task_pattern, "shop.*"),
        (names.task_pattern, "*"),
        (names.task_pattern, "[ab].?x*"),
        (names.app_reference, "shop.celery:app"),
        (names.app_reference, "shop"),
        (names.module_name, "shop.celery"),
    ],
)
def test_a_plain_name_is_given_back(read: Reader, text: str) -> None:
    assert read(text) == text


@pytest.mark.parametrize("read", [names.queue_name, names.label], ids=lambda read: read.__name__)
def test_the_reserved_prefix_is_refused(read: Reader) -> None:
    with pytest.raises(ValueError, match=r"allotment\."):
        read("allotment.dead")


def test_only_the_prefix_itself_is_reserved() -> None:
    assert names.queue_name("allotment") == "allotment"
    assert names.queue_name("allotments.x") == "allotments.x"


@pytest.mark.parametrize("text", ["orders:gpu", "orders:cpu+gpu"])
def test_a_queue_cannot_be_named_as_a_lane_is(text: str) -> None:
    with pytest.raises(ValueError, match="queue"):
        names.queue_name(text)


@pytest.mark.parametrize("text", ["a?b", "[ab]c", "a.[!b]", "1a", "-a", "9*", ".*"])
def test_a_pattern_needs_a_star_and_a_plain_beginning(text: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        names.task_pattern(text)


@pytest.mark.parametrize(
    "text", ["shop celery:app", "shop:", ":app", "shop:app:x", "os;shop:app", "1shop:app", "shop:a-b"]
)
def test_what_is_no_app_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="module:attribute"):
        names.app_reference(text)


@pytest.mark.parametrize("text", ["", "a..b", ".a", "a.", "a-b", "a b", "os;x", "1a"])
def test_what_is_no_module_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="module"):
        names.module_name(text)


@pytest.mark.parametrize(
    ("read", "longest"),
    [
        (names.queue_name, names.QUEUE_LENGTH),
        (names.label, names.LABEL_LENGTH),
        (names.task_name, names.TASK_LENGTH),
        (names.task_pattern, names.TASK_LENGTH),
    ],
    ids=["queue", "label", "task", "pattern"],
)
def test_the_longest_name_is_let_in_and_one_more_letter_is_not(read: Reader, longest: int) -> None:
    assert read("a" * longest) == "a" * longest
    with pytest.raises(ValueError, match=str(longest)) as caught:
        read("a" * (longest + 1))
    assert "a" * 30 not in str(caught.value), "the whole of a name that is too long is no help"


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.text(alphabet="aZ09_.:-;$%+,@ /\\\n'\"*{é", max_size=6))
def test_what_is_let_in_needs_no_quoting_anywhere(text: str) -> None:
    for read in (names.queue_name, names.label, names.task_name):
        try:
            name = read(text)
        except ValueError:
            continue
        assert shlex.quote(name) == name
        assert not name.startswith(("-", "."))
        assert not set(name) & set("/\\%{}$,+@ \n")


@pytest.mark.parametrize(
    ("name", "known", "nearest"),
    [
        ("queus", ["tasks", "queues"], "queues"),
        ("orders", ["orders"], "orders"),
        ("zzz", ["tasks", "queues"], None),
        ("a", [], None),
    ],
)
def test_the_nearest_name(name: str, known: list[str], nearest: str | None) -> None:
    assert names.nearest(name, known) == nearest


def test_the_hint_names_the_nearest_else_the_few_there_are_else_what_it_is_told() -> None:
    many = [f"queue_{letter}" for letter in "abcdefghijkl"]
    assert "'queues'" in names.did_you_mean("queus", ["tasks", "queues"])
    few = names.did_you_mean("zzz", ["tasks", "queues"])
    assert "tasks" in few
    assert "queues" in few
    assert names.did_you_mean("zzz", many, otherwise="look at the list") == "look at the list"
