"""The rules about settings, addresses, attributes of tasks, and comments: what they find, where, and what not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allotment.cli.examining import examine
from allotment.cli.main import main
from allotment.model.inventory import Inventory
from allotment.model.settings import AppSettings
from allotment.model.task import BeatEntry, KnownTask
from allotment.plan.plan import compile_plan
from allotment.plan.proof import prove
from allotment.rules.hosts import is_near, is_private
from allotment.rules.ignoring import ignores_in
from allotment.rules.registry import every_rule, rule_named
from allotment.rules.running import Found, run_rules
from allotment.rules.subject import Subject
from allotment.source.fleet_file import read_fleet_file

PROFILES = "profiles:\n  work: {queues: [work], concurrency: 2, prefetch: 2, time_limit: 5m, soft_time_limit: 4m}\n"
TASKS = "tasks:\n  shop.count: {queue: work}\n  shop.sum: {queue: work}\n"


@pytest.fixture
def found_in(tmp_path: Path) -> Callable[..., list[Found]]:
    """Give a function that writes a fleet file and gives what one rule finds in it."""

    def run(rule: str, text: str, **environment: str) -> list[Found]:
        path = tmp_path / "fleet.yaml"
        path.write_text(text)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return list(examine(path, None, [rule_named(rule)]).report.found)

    return run


@pytest.fixture
def found_with(tmp_path: Path) -> Callable[..., list[Found]]:
    """Give a function that gives what one rule finds where the file's app is as told."""

    def run(rule: str, text: str, inventory: Inventory) -> list[Found]:
        path = tmp_path / "fleet.yaml"
        path.write_text(text)
        file = read_fleet_file(path)
        plan = compile_plan(file.model, inventory.tasks, inventory.beat)
        names = frozenset({"task_acks_late", "result_expires", "beat_schedule"})
        subject = Subject(
            file.document,
            plan,
            prove(plan),
            app=inventory.settings,
            chords_in=inventory.chords_in,
            setting_names=names,
            ignores=ignores_in(file.document),
            rule_names=frozenset(one.name for one in every_rule()),
        )
        return list(run_rules([rule_named(rule)], subject).found)

    return run


def app_of(*tasks: KnownTask, **settings: object) -> Inventory:
    """Give what an app with these tasks and settings says."""
    return Inventory(tasks, {}, {}, settings=AppSettings(settings))


def places(found: Found) -> list[int | None]:
    return [where.line for where in found.places]


def fixable(found: list[Found]) -> Iterator[bool]:
    return (bool(one.finding.edits) for one in found)


# unknown-setting


def test_a_name_is_told_with_the_one_that_was_meant(found_in) -> None:
    text = (
        PROFILES
        + "settings:\n  task_ack_late: true\n  concurrency: 2\n  worker_max_memory: 1\n  worker_autoscale_max: 8\n"
        + "  visibility_timeout: 60\n  task_route: {}\n  worker_colour: green\n"
    )
    found = found_in("unknown-setting", text)
    assert [one.finding.remedy for one in found] == [
        "write task_acks_late",
        "write worker_concurrency",
        "write worker_max_memory_per_child",
        "remove it, and write autoscale: {min: …, max: …} in the profile that is to scale",
        "write visibility_timeout: beside settings:, not below it",
        "write tasks: beside settings:",
        "remove it: Celery passes it over",
    ]
    assert list(fixable(found)) == [False] * 3 + [True] + [False] * 2 + [True]
    assert [places(one) for one in found] == [[line] for line in range(4, 11)]
    assert [one.places[0].column for one in found] == [3] * 7


def test_what_celery_or_another_package_reads_is_let_be(found_in) -> None:
    text = (
        PROFILES
        + "settings:\n  task_acks_on_failure: true\n  result_backend_thread_safe: true\n  redis_client_name: shop\n"
        + "  redbeat_redis_url: redis://redis/2\n  beat_dburi: sqlite:///beat.db\n  beat_engine_options: {}\n"
        + "  singleton_lock_expiry: 60\n  shop_region: north\n"
    )
    assert found_in("unknown-setting", text) == []


def test_a_name_of_the_app_is_told_once_and_at_the_app(found_with) -> None:
    inventory = replace(
        app_of(KnownTask("shop.count")),
        settings=AppSettings({}, ("beat_dburi", "result_expire", "worker_autoscale_min", "worker_colour")),
    )
    text = "app: shop:app\n" + PROFILES + "settings:\n  worker_colour: green\n"
    found = found_with("unknown-setting", text, inventory)
    assert [(places(one), one.finding.remedy) for one in found if one.finding.message.startswith("the app")] == [
        ([1], "write result_expires"),
        ([1], "remove it, and write autoscale: {min: …, max: …} in the profile that is to scale"),
    ]
    assert [places(one) for one in found if not one.finding.message.startswith("the app")] == [[5]]


# pickled-content


def test_pickle_is_found_by_its_content_type_and_alone(found_in) -> None:
    text = (
        PROFILES
        + "settings:\n  accept_content: [json, yaml, application/x-python-serialize]\n  result_accept_content: pickle\n"
        + "  task_serializer: yaml\n  event_serializer: json\n"
    )
    found = found_in("pickled-content", text)
    assert [(places(one), one.places[0].column) for one in found] == [([4], 32), ([5], 26)]
    assert found[0].finding.remedy == "take pickle out of accept_content"
    assert found[1].finding.remedy == "write result_accept_content: json"


def test_pickle_in_the_app_and_in_its_tasks(found_with) -> None:
    tasks = [KnownTask(f"shop.t{number}", attributes={"serializer": "pickle"}) for number in range(5)]
    inventory = app_of(KnownTask("shop.count", attributes={"serializer": "json"}), *tasks, task_serializer="pickle")
    text = "app: shop:app\n" + PROFILES + "tasks:\n  shop.t*: {queue: work}\n"
    in_app, on_tasks = found_with("pickled-content", text, inventory)
    assert (places(in_app), places(on_tasks)) == ([1], [5])
    assert "'shop.t0', 'shop.t1', 'shop.t2' and 2 more" in on_tasks.finding.message
    beaten = text + "settings: {task_serializer: json}\n"
    assert len(found_with("pickled-content", beaten, inventory)) == 1


# plain-password


@pytest.mark.parametrize(
    "written",
    [
        "amqp://shop:orchid%207@rabbit//",
        "${BROKER_URL:-redis://:orchid@redis/0}",
        "redis://:${PASSWORD:-orchid}@redis/0",
        "amqp://shop:orchid@${HOST:-rabbit}//",
        "amqp://rabbit-1//;amqp://shop:orchid@rabbit-2//",
        "redis://redis/0?password=orchid",
        "amqp://guest:guest@rabbit.example.com//",
        "amqp://shop:orchid:7@7@rabbit//",
    ],
)
def test_a_password_in_the_file_is_found_and_never_shown(found_in, tmp_path, capsys, written: str) -> None:
    (found,) = found_in("plain-password", f"broker: {written}\n{PROFILES}")
    assert places(found) == [1]
    for form in ("text", "json", "github", "sarif"):
        assert main(["check", "-f", str(tmp_path / "fleet.yaml"), "--select", "plain-password", "--format", form]) == 1
        shown = capsys.readouterr()
        assert "plain-password" in shown.out + shown.err
        assert "orchid" not in shown.out + shown.err


@pytest.mark.parametrize(
    "written",
    [
        "embedded",
        "amqp://guest:guest@localhost//",
        "${BROKER_URL:-amqp://guest:guest@127.0.0.1:5672//}",
        "amqp://guest:guest@rabbit//",
        "${BROKER_URL:-redis://redis/0}",
        "${ADDRESS}",
        "redis://shop@redis/0",
        "redis://:${PASSWORD}@redis/0",
        "amqp://shop:${PASSWORD}@${HOST:-rabbit}//",
        "redis+socket:///run/redis.sock",
        "amqp://10.1.2.3//;amqp://rabbit.internal//",
        "redis://[fd00::5]/0",
        "redis://redis/0?ssl_keyfile=/etc/key",
    ],
)
def test_an_address_without_a_password_of_its_own_is_let_be(found_in, written: str) -> None:
    environment = {"PASSWORD": "secret", "ADDRESS": "amqp://shop:secret@rabbit//"}
    assert found_in("plain-password", f"broker: {written}\n{PROFILES}", **environment) == []


def test_what_to_write_names_the_variable_that_is_there(found_in) -> None:
    text = "broker: ${SHOP_BROKER:-redis://:secret@redis/0}\nresults: db+postgresql://shop:secret@sql/shop\n" + PROFILES
    broker, results = found_in("plain-password", text)
    assert "write broker: ${SHOP_BROKER}," in broker.finding.remedy
    assert "write results: ${RESULT_URL}," in results.finding.remedy
    assert places(results) == [2]


def test_the_file_is_looked_at_and_not_what_stands_in_for_it_now(found_in) -> None:
    text = "broker: ${BROKER_URL:-redis://:secret@redis/0}\n" + PROFILES
    assert len(found_in("plain-password", text, BROKER_URL="redis://redis/0")) == 1


# unencrypted-broker


@pytest.mark.parametrize(
    ("address", "host", "scheme"),
    [
        ("amqp://rabbit.example.com//", "rabbit.example.com", "amqps"),
        ("pyamqp://rabbit.example.com//", "rabbit.example.com", "amqps"),
        ("redis://:secret@8.8.8.8:6379/0", "8.8.8.8", "rediss"),
        ("valkey://[2001:db8::5]/0", "2001:db8::5", "valkeys"),
        ("amqps://rabbit-1.example.com//;amqp://rabbit-2.example.com//", "rabbit-2.example.com", "amqps"),
    ],
)
def test_an_address_in_the_clear_is_found(found_in, address: str, host: str, scheme: str) -> None:
    (found,) = found_in("unencrypted-broker", f"broker: {address}\n{PROFILES}")
    assert repr(host) in found.finding.message
    assert "secret" not in found.finding.message
    assert f"write {scheme}://" in found.finding.remedy


@pytest.mark.parametrize(
    "broker",
    [
        "embedded",
        "amqps://rabbit.example.com//",
        "rediss://redis.example.com/0",
        "amqp://rabbit.example.com//?ssl=true",
        "redis://redis.example.com/0?ssl_cert_reqs=required",
        "amqp://localhost//",
        "redis://127.0.0.1/0",
        "redis://[::1]/0",
        "amqp://rabbit//",
        "redis://redis.shop.svc.cluster.local/0",
        "redis+socket:///run/redis.sock",
        "amqp://10.1.2.3//;amqp://rabbit.internal//",
        "redis://[fd00::5]/0",
        "amqp://rabbit.example.com//\nsettings: {broker_use_ssl: true}",
    ],
)
def test_an_address_that_is_encrypted_or_near_is_let_be(found_in, broker: str) -> None:
    assert found_in("unencrypted-broker", f"broker: {broker}\n{PROFILES}") == []


def test_encryption_that_the_app_sets_counts(found_with) -> None:
    text = "app: shop:app\nbroker: amqp://rabbit.example.com//\n" + PROFILES
    assert len(found_with("unencrypted-broker", text, app_of(KnownTask("shop.count")))) == 1
    assert found_with("unencrypted-broker", text, app_of(KnownTask("shop.count"), broker_use_ssl=True)) == []


def test_names_that_are_near() -> None:
    assert all(map(is_near, ["localhost", "rabbit", "127.0.0.2", "::1", "redis.shop.svc", "host.docker.internal"]))
    assert not any(map(is_near, ["10.0.0.5", "redis.internal", "fe80::1", "svc.example.com"]))
    names = ["a.b.internal", "nas.local", "Broker.LAN", "mq.home.arpa", "redis.service.consul", "mq.internal."]
    addresses = ["10.0.0.5", "172.31.0.1", "192.168.1.1", "169.254.7.7", "fc00::1", "fdab::1", "fe80::1"]
    assert all(map(is_private, [*names, *addresses, "rabbit", "redis.shop.svc", "x.svc.cluster.local"]))
    public = ["8.8.8.8", "172.32.0.1", "192.0.2.1", "2001:db8::1", "local.example.com", "10.example.com"]
    assert not any(map(is_private, public))


# undeclared-late-acks, late-acks-without-reject

LATE, REJECT = "task_acks_late: true", "task_reject_on_worker_lost: true"


def test_a_setting_is_told_with_the_entries_that_do_not_say(found_in) -> None:
    text = (
        TASKS + "  shop.mail: {queue: work, delivery: at-most-once}\n" + PROFILES + f"settings: {{{LATE}, {REJECT}}}\n"
    )
    (found,) = found_in("undeclared-late-acks", text)
    assert places(found) == [2, 3, 7]
    assert "'shop.count', 'shop.sum' may run twice" in found.finding.message
    assert found_in("late-acks-without-reject", text) == []


def test_a_task_lost_with_its_process_is_told_by_one_rule_alone(found_in) -> None:
    text = TASKS + PROFILES + f"settings: {{{LATE}}}\n"
    (found,) = found_in("late-acks-without-reject", text)
    assert places(found) == [2, 3, 6]
    assert found_in("undeclared-late-acks", text) == []
    sent_again = text.replace(LATE, f"{LATE}, task_retry_on_worker_lost: true")
    assert found_in("late-acks-without-reject", sent_again) == []
    assert len(found_in("undeclared-late-acks", sent_again)) == 1


def test_a_pool_without_processes_loses_nothing(found_in) -> None:
    text = TASKS + PROFILES.replace("concurrency", "pool: threads, concurrency") + f"settings: {{{LATE}}}\n"
    assert found_in("late-acks-without-reject", text) == []
    assert len(found_in("undeclared-late-acks", text)) == 1


def test_late_is_off_or_said_in_the_entry(found_in) -> None:
    said = TASKS.replace("work}", "work, delivery: at-least-once}")
    for text in (TASKS + PROFILES, said + PROFILES + f"settings: {{{LATE}}}\n"):
        assert found_in("undeclared-late-acks", text) == []
        assert found_in("late-acks-without-reject", text) == []


def test_what_a_task_says_itself_beats_the_setting(found_with) -> None:
    both = {"acks_late": True, "reject_on_worker_lost": True}
    inventory = app_of(
        KnownTask("shop.early", attributes={"acks_late": False}),
        *(KnownTask(f"shop.late{number}", attributes=both) for number in range(4)),
        KnownTask("shop.lost", attributes={"acks_late": True}),
        KnownTask("shop.plain"),
        task_acks_late=True,
    )
    text = "app: shop:app\n" + PROFILES
    (twice,) = found_with("undeclared-late-acks", text, inventory)
    assert twice.finding.message.startswith(
        "'shop.late0', 'shop.late1', 'shop.late2' and 1 more may run twice: acks_late"
    )
    (lost,) = found_with("late-acks-without-reject", text, inventory)
    assert lost.finding.message.startswith("'shop.lost', 'shop.plain' would be lost")
    assert places(lost) == [1, 1]


def test_thousands_of_tasks_are_one_finding(found_with) -> None:
    inventory = app_of(*(KnownTask(f"shop.t{number}") for number in range(5000)), task_acks_late=True)
    (found,) = found_with("late-acks-without-reject", "app: shop:app\n" + PROFILES, inventory)
    assert "and 4997 more" in found.finding.message
    assert len(found.places) == 2


# deprecated-task-attribute


def test_tasks_with_the_same_attributes_are_told_together(found_with) -> None:
    inventory = app_of(
        KnownTask("shop.count", app_queue="work", attributes={"queue": "work"}),
        KnownTask("shop.mail", attributes={"priority": 5}),
        KnownTask("shop.plain", attributes={"acks_late": True}),
        KnownTask("shop.sum", app_queue="work", attributes={"queue": "work"}),
    )
    text = "app: shop:app\n" + PROFILES + "tasks:\n  shop.mail: {queue: work}\n"
    queue, priority = found_with("deprecated-task-attribute", text, inventory)
    assert "'shop.count', 'shop.sum' set queue=" in queue.finding.message
    assert "write shop.count: {queue: work} under tasks:, and so for the others" in queue.finding.remedy
    assert places(queue) == [4]
    assert "give priority in the calls" in priority.finding.remedy
    assert places(priority) == [5]


# chord-without-results


@pytest.mark.parametrize(
    ("addresses", "line"),
    [
        ("broker: embedded\nresults: none\n", 3),
        ("broker: amqp://rabbit//\nresults: rpc://\n", 3),
        ("broker: amqp://rabbit//\n", 2),
        ("", 1),
    ],
)
def test_a_chord_has_nowhere_to_wait(found_with, addresses: str, line: int) -> None:
    inventory = replace(app_of(KnownTask("shop.count")), chords_in=("shop.stock",))
    (found,) = found_with("chord-without-results", f"app: shop:app\n{addresses}{PROFILES}", inventory)
    assert places(found) == [line]
    assert "'shop.stock'" in found.finding.message


@pytest.mark.parametrize(
    "addresses", ["broker: embedded\n", "broker: amqp://rabbit//\nresults: redis://redis/1\n", "results: file:///srv\n"]
)
def test_a_chord_has_its_results(found_with, addresses: str) -> None:
    inventory = replace(app_of(KnownTask("shop.count")), chords_in=("shop.stock",))
    assert found_with("chord-without-results", f"app: shop:app\n{addresses}{PROFILES}", inventory) == []


def test_the_apps_own_results_count_where_the_file_names_none(found_with) -> None:
    text = f"app: shop:app\n{PROFILES}"
    for backend, expected in (("rpc", 1), ("disabled", 1), ("redis", 0), ("django-db", 0)):
        inventory = replace(app_of(KnownTask("shop.count"), result_backend=backend), chords_in=("shop.stock",))
        assert len(found_with("chord-without-results", text, inventory)) == expected


def test_chords_are_seen_in_entries_and_in_the_schedule(found_with) -> None:
    text = f"app: shop:app\nresults: none\n{PROFILES}"
    plain = app_of(KnownTask("shop.count"))
    assert found_with("chord-without-results", text, plain) == []
    scheduled = replace(plain, beat=(BeatEntry("nightly", "celery.chord", "work"),))
    assert len(found_with("chord-without-results", text, scheduled)) == 1
    (found,) = found_with("chord-without-results", text + "tasks:\n  celery.chord_unlock: {queue: work}\n", plain)
    assert places(found) == [2, 6]


# ignore-without-reason, unused-ignore

LONG = "profiles:\n  work:\n    queues: [work]\n    time_limit: 50m\n    soft_time_limit: 40m\n    concurrency: 2\n"


def checked(tmp_path: Path, text: str, *rules: str) -> list[tuple[str, int | None, str]]:
    (tmp_path / "fleet.yaml").write_text(text)
    run = [rule_named(name) for name in rules] or every_rule()
    found = examine(tmp_path / "fleet.yaml", None, run).report.found
    return [(one.rule.name, one.places[0].line, one.finding.remedy) for one in found]


def test_a_comment_without_a_reason_ignores_nothing_and_is_told(tmp_path: Path) -> None:
    text = LONG + "    prefetch: 9 # allot: ignore[prefetch-on-long-tasks]\n"
    rules = ("prefetch-on-long-tasks", "ignore-without-reason", "unused-ignore")
    assert [name for name, *_ in checked(tmp_path, text, *rules)] == ["prefetch-on-long-tasks", "ignore-without-reason"]


def test_each_rule_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    text = LONG + "    # allot: ignore[prefetch-on-long-task, pickle, unused-queue] why\n    prefetch: 1\n"
    assert checked(tmp_path, text, "ignore-without-reason") == [
        ("ignore-without-reason", 7, "did you mean 'prefetch-on-long-tasks'?"),
        ("ignore-without-reason", 7, "`allot docs rule` lists the rules"),
    ]


@pytest.mark.parametrize("comment", ["ignore", "ignore prefetch-on-long-tasks why", "ignore[] why", "ignore[a why"])
def test_a_comment_that_names_no_rule_in_brackets_is_told_once(tmp_path: Path, comment: str) -> None:
    found = checked(tmp_path, LONG + f"    prefetch: 1  #allot: {comment}\n", "ignore-without-reason")
    assert [(name, line) for name, line, _ in found] == [("ignore-without-reason", 7)]


@pytest.mark.parametrize("comment", ["# allot: ignored by nobody", "# as allot: says", "#allotment: ignore"])
def test_other_comments_are_let_be(tmp_path: Path, comment: str) -> None:
    assert checked(tmp_path, LONG + f"    prefetch: 1  {comment}\n", "ignore-without-reason", "unused-ignore") == []


@pytest.mark.parametrize(
    "about",
    [
        '"write # allot: ignore[missing-time-limit] with a reason"',
        "'write # allot: ignore with a reason'",
        "|\n      # allot: ignore[prefetch-on-long-tasks] this is text\n      # allot: ignore prefetch",
        ">-\n      text\n\n      # allot: ignore[pickled-content]\n",
        "'${ABOUT:-a # allot: ignore[pickled-content] why}'",
    ],
)
def test_what_stands_in_a_value_is_no_comment(tmp_path: Path, about: str) -> None:
    text = LONG + f"    about: {about}\n    prefetch: 9\n"
    assert [name for name, *_ in checked(tmp_path, text)] == ["prefetch-on-long-tasks"]


def test_a_comment_beside_a_value_that_quotes_one_counts(tmp_path: Path) -> None:
    real = "# allot: ignore[prefetch-on-long-tasks] measured"
    for about in ('"# allot: ignore[a] b"', "|\n      # allot: ignore[a] b\n"):
        assert checked(tmp_path, LONG + f"    about: {about}\n    {real}\n    prefetch: 9\n") == []
        assert checked(tmp_path, LONG + f"    about: {about}\n    prefetch: 9 {real}\n") == []
    found = checked(tmp_path, LONG + f"    about: |  {real}\n      text\n", "unused-ignore", "prefetch-on-long-tasks")
    assert ("unused-ignore", 7) in [(name, line) for name, line, _ in found]


def test_of_two_comments_on_a_line_both_count(tmp_path: Path) -> None:
    both = "# allot: ignore[prefetch-on-long-tasks] measured # allot: ignore[pickled-content] for now"
    assert checked(tmp_path, LONG + f"    prefetch: 9 {both}\n") == [("unused-ignore", 7, "remove the comment")]
    assert checked(tmp_path, LONG + f"    {both}\n    prefetch: 9\n") == [("unused-ignore", 7, "remove the comment")]
    mixed = "# allot: ignore[prefetch-on-long-tasks] measured # allot: ignore"
    found = checked(tmp_path, LONG + f"    prefetch: 9 {mixed}\n")
    assert [(name, line) for name, line, _ in found] == [("ignore-without-reason", 7)]


def test_a_comment_is_pointed_at_from_its_first_sign_to_its_last(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(LONG + "    prefetch: 1  # allot: ignore[prefetch-on-long-tasks] why\n")
    (found,) = examine(path, None, every_rule()).report.found
    where = found.places[0]
    assert (where.line, where.column, where.end_line, where.end_column) == (7, 18, 7, 61)


def test_a_comment_is_unused_only_where_its_rule_was_run_and_found_nothing(tmp_path: Path) -> None:
    used = LONG + "    prefetch: 9 # allot: ignore[prefetch-on-long-tasks] measured\n"
    unused = used.replace("9", "1")
    assert checked(tmp_path, used) == []
    assert checked(tmp_path, unused) == [("unused-ignore", 7, "remove the comment")]
    assert checked(tmp_path, unused, "unused-ignore") == []
    assert checked(tmp_path, unused, "unused-ignore", "unused-queue") == []


def test_of_several_rules_the_one_that_is_unused_is_named(tmp_path: Path) -> None:
    text = LONG + "    prefetch: 9 # allot: ignore[prefetch-on-long-tasks, pickled-content] measured\n"
    assert checked(tmp_path, text) == [("unused-ignore", 7, "take pickled-content out of the brackets")]


def test_a_comment_may_keep_a_comment(tmp_path: Path) -> None:
    text = LONG + "    prefetch: 1 # allot: ignore[prefetch-on-long-tasks, unused-ignore] it is 9 in another branch\n"
    assert checked(tmp_path, text) == []
    above = "    # allot: ignore[unused-ignore] it is 9 in another branch\n"
    text = LONG + above + "    prefetch: 1 # allot: ignore[prefetch-on-long-tasks] measured\n"
    assert checked(tmp_path, text) == []


def test_the_json_gives_the_place_of_a_comment(tmp_path: Path, capsys) -> None:
    (tmp_path / "fleet.yaml").write_text(LONG + "    prefetch: 1 # allot: ignore[prefetch-on-long-tasks] why\n")
    assert main(["check", "-f", str(tmp_path / "fleet.yaml"), "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["rule"], finding["places"][0]["column"]) == ("unused-ignore", 17)
