"""Which tasks a request chooses, and what is said against one that cannot be kept."""

import pytest

from allotment.backends.alone import fleet_of_tasks
from allotment.backends.choosing import chosen_tasks, named
from allotment.backends.request import WorkerRequest
from allotment.errors import SelectionInvalid, UnknownName
from allotment.model.fleet import FleetModel
from allotment.model.profile import Profile
from allotment.model.task import KnownTask, TaskEntry
from allotment.plan.plan import Plan, compile_plan

TASKS = (
    KnownTask("shop.file_extract", app_queue="files"),
    KnownTask("shop.file_load", app_queue="files"),
    KnownTask("shop.mail_send"),
    KnownTask("other.mail_send"),
)
EVERY = tuple(sorted(task.name for task in TASKS))
ALONE = compile_plan(fleet_of_tasks(TASKS), TASKS)


def of_file() -> Plan:
    model = FleetModel(
        profiles={
            "files": Profile("files", ("files",), tasks=("shop.file_*",)),
            "mails": Profile("mails", ("mails", "urgent"), tasks=("*.mail_send",)),
            "idle": Profile("idle", ("urgent",), tasks=("none.*",)),
        },
        entries=(TaskEntry("*.mail_send", "mails"),),
    )
    return compile_plan(model, TASKS)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (WorkerRequest(), EVERY),
        (WorkerRequest(tasks=("shop.file_load",)), ("shop.file_load",)),
        (WorkerRequest(tasks=("file_load",)), ("shop.file_load",)),
        (WorkerRequest(tasks=("file_*",)), ("shop.file_extract", "shop.file_load")),
        (WorkerRequest(tasks=("shop.*",), exclude_tasks=("file_load",)), ("shop.file_extract", "shop.mail_send")),
        (WorkerRequest(exclude_tasks=("*.mail_send",)), ("shop.file_extract", "shop.file_load")),
        (WorkerRequest(queues=("files",)), ("shop.file_extract", "shop.file_load")),
        (
            WorkerRequest(queues=("files", "other.mail_send"), exclude_tasks=("file_load",)),
            ("other.mail_send", "shop.file_extract"),
        ),
        (WorkerRequest(tasks=("shop.*",), queues=("files",)), ("shop.file_extract", "shop.file_load")),
        (WorkerRequest(within=(("shop.*",), ("*_load", "*_send"))), ("shop.file_load", "shop.mail_send")),
    ],
)
def test_a_request_chooses_of_the_tasks_alone(request_: WorkerRequest, expected: tuple[str, ...]) -> None:
    assert chosen_tasks(ALONE, request_) == expected


def test_a_profile_s_tasks_are_chosen_and_narrowed() -> None:
    assert chosen_tasks(of_file(), WorkerRequest(profile="mails")) == ("other.mail_send", "shop.mail_send")
    assert chosen_tasks(of_file(), WorkerRequest(profile="mails", tasks=("shop.*",))) == ("shop.mail_send",)
    assert chosen_tasks(of_file(), WorkerRequest(profile="mails", queues=("urgent",), exclude_tasks=("shop.*",))) == (
        "other.mail_send",
    )


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (WorkerRequest(tasks=("file_lod",)), ("'file_lod'", "did you mean 'file_load'")),
        (WorkerRequest(tasks=("shop.file_lod",)), ("'shop.file_lod'", "did you mean 'shop.file_load'")),
        (WorkerRequest(exclude_tasks=("ship.*",)), ("no task matches 'ship.*'",)),
        (WorkerRequest(queues=("file",)), ("no queue 'file'", "did you mean 'files'")),
        (WorkerRequest(within=(("mail_snd",),)), ("'mail_snd'",)),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_nearest(request_: WorkerRequest, words: tuple[str, ...]) -> None:
    with pytest.raises(UnknownName) as caught:
        chosen_tasks(ALONE, request_)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (WorkerRequest(tasks=("mail_send",)), ("several", "other.mail_send, shop.mail_send")),
        (
            WorkerRequest(tasks=("file_load",), exclude_tasks=("file_load",)),
            ("'shop.file_load'", "chosen and excluded"),
        ),
        (WorkerRequest(tasks=("file_load",), exclude_tasks=("shop.*",)), ("'shop.file_load'", "chosen and excluded")),
        (WorkerRequest(tasks=("shop.*",), exclude_tasks=("shop.*",)), ("chosen and excluded",)),
        (WorkerRequest(exclude_tasks=("*",)), ("no task",)),
        (WorkerRequest(tasks=()), ("no task",)),
        (WorkerRequest(tasks=("file_load",), queues=("shop.mail_send",)), ("'file_load'", "it goes to files")),
        (WorkerRequest(within=(("shop.*",), ("other.*",))), ("no task",)),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(request_: WorkerRequest, words: tuple[str, ...]) -> None:
    with pytest.raises(SelectionInvalid) as caught:
        chosen_tasks(ALONE, request_)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (WorkerRequest(profile="mail"), UnknownName, ("'mail'", "did you mean 'mails'")),
        (WorkerRequest(profile="mails", tasks=("file_load",)), SelectionInvalid, ("'file_load'", "'mails'")),
        (WorkerRequest(profile="mails", queues=("files",)), SelectionInvalid, ("'files'", "'mails'", "urgent")),
        (WorkerRequest(profile="idle"), SelectionInvalid, ("'idle'",)),
    ],
)
def test_a_profile_that_the_rest_contradicts_is_named_with_it(
    request_: WorkerRequest, error: type[Exception], words: tuple[str, ...]
) -> None:
    with pytest.raises(error) as caught:
        chosen_tasks(of_file(), request_)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_full_name_goes_before_the_last_part_of_another() -> None:
    assert named("load", ["load", "shop.load"]) == ("load",)
