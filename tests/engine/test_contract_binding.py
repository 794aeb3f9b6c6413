"""Contracts are defined once, and bound only to code that has their signature."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from allotment import (
    ArgumentsInvalid,
    Contract,
    ContractInvalid,
    ContractUnimplemented,
    ImplementationDiffers,
    ResultInvalid,
    TaskContract,
    contract,
    create_worker_from,
    implements,
)
from allotment.contracts.registry import defined
from allotment.engine.app import import_app
from allotment.engine.contracts.task import addressed
from allotment.errors import AppUnusable, VariableInvalid


@pytest.fixture
def app() -> Celery:
    return Celery("binding", broker="memory://", backend="cache+memory://", set_as_current=False)


def adding(name: str) -> Contract[Any, int]:
    """Give a contract of its own for each test."""

    @contract(name=name)
    def add(left: int, right: int = 3) -> int:
        """Add two numbers."""
        raise NotImplementedError

    return add


def test_a_contract_is_defined_and_called_without_importing_celery() -> None:
    program = """
import sys
from allotment import TaskContract, contract
from allotment.errors import ArgumentsInvalid

@contract(name="magic")
def magic(left: int) -> int: ...

class Echo(TaskContract):
    name = "echo"
    def run(self, text: str) -> str: ...

for call in (lambda: magic.delay("1"), lambda: Echo.delay(1)):
    try:
        call()
    except ArgumentsInvalid:
        continue
    raise SystemExit("was not refused")
print(sorted({"celery", "kombu", "amqp", "redis"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_contract_has_the_queue_of_its_name_unless_it_says_another() -> None:
    assert adding("binding.alone").queue == "binding.alone"

    class Routed(TaskContract):
        name = "binding.routed"
        queue = "elsewhere"

        def run(self) -> None: ...

    assert Routed.contract.queue == "elsewhere"
    assert Routed.contract.place.endswith("Routed")


def test_two_contracts_of_one_name_are_refused_and_both_places_named() -> None:
    adding("binding.twice")
    with pytest.raises(ContractInvalid, match=r"two contracts named 'binding\.twice'") as caught:

        class Twice(TaskContract):
            name = "binding.twice"

            def run(self) -> None: ...

    assert "adding.<locals>.add" in str(caught.value)
    assert "Twice" in str(caught.value)


def test_a_module_imported_anew_defines_its_own_contract_again() -> None:
    first, second = adding("binding.again"), adding("binding.again")
    assert defined()["binding.again"] is second is not first


@pytest.mark.parametrize("name", ["", "a b", "x" * 300, "-a", "a\nb", "$(x)"])
def test_a_name_that_no_task_may_have_is_refused(name: str) -> None:
    with pytest.raises(ContractInvalid):
        adding(name)


def test_a_contract_is_never_run(app: Celery) -> None:
    class Placeholder(TaskContract):
        name = "binding.placeholder"

        def run(self, left: int) -> int: ...

    add = adding("binding.never")
    for call in (lambda: add(1), lambda: Placeholder().run(1), lambda: Placeholder()(1)):
        with pytest.raises(ContractUnimplemented) as caught:
            call()
        assert caught.value.hint


def test_an_implementation_is_a_task_of_its_app_and_of_no_other(app: Celery) -> None:
    other = Celery("other", set_as_current=False)

    @implements(adding("binding.one_app"), app=app)
    def add(left: int, right: int = 3) -> int:
        return left + right

    assert add(1) == 4
    assert "binding.one_app" in app.tasks
    assert "binding.one_app" not in other.tasks


def test_an_implementation_without_an_app_is_a_task_of_every_app() -> None:
    program = """
from celery import Celery
from allotment import TaskContract, contract, implements

ready = Celery("ready", set_as_current=False)
assert ready.tasks

@contract(name="add")
def add(left: int, right: int = 3) -> int: ...

class Negate(TaskContract):
    name = "negate"
    def run(self, left: int) -> int: ...

@implements(add)
def code(left: int, right: int = 3) -> int:
    return left + right

class Negates(Negate):
    def run(self, left: int) -> int:
        return -left

later = Celery("later", set_as_current=False)
for app in (ready, later):
    print(app.tasks["add"].apply((1, 2)).get(), app.tasks["negate"].apply((1,)).get())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "-1", "3", "-1"]


def test_a_second_implementation_in_one_app_is_refused(app: Celery) -> None:
    add = adding("binding.second")

    def code(left: int, right: int = 3) -> int:
        return left + right

    def other(left: int, right: int = 3) -> int:
        return left - right

    implements(add, app=app)(code)
    with pytest.raises(ContractInvalid, match=r"two tasks 'binding\.second'") as caught:
        implements(add, app=app)(other)
    assert "code" in str(caught.value)
    assert "other" in str(caught.value)
    assert app.tasks["binding.second"].apply((1, 2)).get() == 3


def test_a_module_imported_anew_binds_its_code_again(tmp_path: Path) -> None:
    (tmp_path / "pact.py").write_text("""
from allotment import TaskContract, contract, implements

@contract(name="add")
def add(left: int) -> int: ...

class Negate(TaskContract):
    name = "negate"
    def run(self, left: int) -> int: ...

@implements(add)
def code(left: int) -> int:
    return left + 1

class Negates(Negate):
    def run(self, left: int) -> int:
        return -left
""")
    program = """
import importlib
from celery import Celery
import pact

before = Celery("before", set_as_current=False)
assert before.tasks
importlib.reload(pact)
after = Celery("after", set_as_current=False)
for app in (before, after):
    print(app.tasks["add"].apply((1,)).get(), app.tasks["negate"].apply((1,)).get())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "-1", "2", "-1"]


def test_a_class_may_take_its_code_from_a_class_beside_the_contract(app: Celery) -> None:
    class Beside(TaskContract):
        name = "binding.beside"

        def run(self, left: int) -> int: ...

    class Doubles:
        def run(self, left: int) -> int:
            return 2 * left

    class Code(Doubles, Beside, app=app): ...

    assert app.tasks["binding.beside"].apply((2,)).get() == 4


def test_a_contract_takes_the_queue_of_a_class_above_it() -> None:
    class OnPaper(TaskContract):
        queue = "papers"

    class Bill(OnPaper):
        name = "binding.bill"

        def run(self) -> None: ...

    assert Bill.contract.queue == "papers"


def test_a_run_that_is_no_plain_method_is_refused() -> None:
    for decorate in (staticmethod, classmethod):
        with pytest.raises(ContractInvalid, match="plain method"):

            class Decorated(TaskContract):
                name = "binding.decorated"
                run = decorate(renamed)

    with pytest.raises(ContractInvalid, match="plain method"):

        class Waiting(TaskContract):
            name = "binding.waiting"

            async def run(self) -> None: ...


def test_arguments_that_do_not_fit_are_not_tried_again(app: Celery) -> None:
    ran = []

    @implements(adding("binding.stubborn"), app=app, autoretry_for=(Exception,), max_retries=3, retry_backoff=False)
    def code(left: int, right: int = 3) -> int:
        ran.append(left)
        return "no number"  # type: ignore[return-value]

    with pytest.raises(ResultInvalid):
        app.tasks["binding.stubborn"].apply((1,), throw=True)
    assert ran == [1]


def test_the_routes_of_the_app_go_before_the_queue_of_the_contract(app: Celery) -> None:
    add = adding("binding.routed_by_app")
    assert addressed(add, app, {})["queue"] == "binding.routed_by_app"
    assert addressed(add, app, {"queue": "other"})["queue"] == "other"
    app.conf.task_routes = {"binding.routed_*": {"queue": "routed"}}
    assert "queue" not in addressed(add, app, {})


def test_a_look_at_the_current_app_changes_nothing() -> None:
    program = """
import celery
from celery.result import AsyncResult
from allotment import contract
from allotment.engine.contracts.transport import app_of

@contract(name="add")
def add(left: int) -> int: ...

first = app_of(add)
celery.current_app.conf
AsyncResult("x")
assert app_of(add) is first
app = celery.Celery("mine")
assert app_of(add) is app
print(first.conf.broker_url)
"""
    environment = os.environ | {"BROKER_URL": "redis://there:1/2"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "redis://there:1/2"


def renamed(left: int, other: int = 3) -> int: ...
def swapped(right: int = 3, left: int = 0) -> int: ...
def retyped(left: str, right: int = 3) -> int: ...
def returning(left: int, right: int = 3) -> str: ...
def required(left: int, right: int) -> int: ...
def demanding(left: int, right: int = 3, *, more: int) -> int: ...
def by_name(left: int, *, right: int = 3) -> int: ...
def lacking(left: int) -> int: ...
async def waiting(left: int, right: int = 3) -> int: ...


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (renamed, "lacks 'right'"),
        (swapped, "'left' comes 2., not 1."),
        (retyped, "'left' is str, not int"),
        (returning, "the result is str, not int"),
        (required, "'right' has no default"),
        (demanding, "also needs 'more'"),
        (by_name, "'right' is keyword-only"),
        (lacking, "lacks 'right'"),
        (waiting, "async"),
    ],
)
def test_code_with_another_signature_is_refused_when_it_is_bound(code: Any, told: str, app: Celery) -> None:
    with pytest.raises(ImplementationDiffers) as caught:
        implements(adding("binding.differs"), app=app)(code)
    assert told in str(caught.value)
    assert f"{__name__}:{code.__name__}" in str(caught.value)
    assert "binding.differs" not in app.tasks


def test_a_subclass_with_another_signature_is_refused_when_it_is_made() -> None:
    class Strict(TaskContract):
        name = "binding.strict"

        def run(self, left: int) -> int: ...

    with pytest.raises(ImplementationDiffers, match="'left' is str, not int"):

        class Differs(Strict):
            def run(self, left: str) -> int: ...


def test_code_may_have_more_with_defaults_and_leave_out_types(app: Celery) -> None:
    @implements(adding("binding.more"), app=app, bind=True)
    def code(self, left, right=7, *, log=False):
        return left + right

    assert app.tasks["binding.more"].apply((1,)).get() == 8


def test_a_task_checks_what_it_is_given_and_what_it_gives(app: Celery) -> None:
    @implements(adding("binding.checked"), app=app)
    def code(left: int, right: int = 3) -> int:
        return str(left)  # type: ignore[return-value]

    task = app.tasks["binding.checked"]
    with pytest.raises(ArgumentsInvalid):
        task.apply(("1",), throw=True)
    with pytest.raises(ResultInvalid):
        task.apply((1,), throw=True)


def test_a_class_s_object_is_made_once_and_knows_its_task(app: Celery) -> None:
    made = []

    class Counting(TaskContract):
        name = "binding.counting"

        def run(self) -> str: ...

    class Counts(Counting, app=app, max_retries=7):
        def __init__(self) -> None:
            made.append(self)

        def run(self) -> str:
            return f"{self.task.name} {self.task.max_retries} {self.task.request.id}"

    assert made == []
    assert app.tasks["binding.counting"].apply(task_id="a").get() == "binding.counting 7 a"
    assert app.tasks["binding.counting"].apply(task_id="b").get() == "binding.counting 7 b"
    assert len(made) == 1


def test_an_app_that_runs_at_once_runs_contracts_too(app: Celery) -> None:
    app.conf.task_always_eager = True
    add = adding("binding.eager")
    add.app = app

    @implements(add, app=app)
    def code(left: int, right: int = 3) -> int:
        return left + right

    assert add.delay(1, 2).get() == 3
    assert add.apply_async((1,)).get() == 4


def test_a_placeholder_gives_way_to_code_that_comes_later() -> None:
    program = """
from allotment import contract, create_worker_from, implements

@contract(name="add")
def add(left: int, right: int = 3) -> int: ...

app, task = create_worker_from(add, environment={}, task_always_eager=True, broker_url="memory://")

@implements(add)
def code(left: int, right: int = 3) -> int:
    return left + right

print(task.delay(1).get())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "4"


def test_an_app_is_made_from_the_environment() -> None:
    class Made(TaskContract):
        name = "binding.made"

        def run(self, left: int) -> int: ...

    rabbit = {"RABBITMQ_HOST": "rabbit", "RABBITMQ_PORT": "5673", "RABBITMQ_USER": "me", "RABBITMQ_PASSWORD": "a/b@c"}
    app, task = create_worker_from(Made, environment=rabbit)
    assert isinstance(task, Made)
    assert app.conf.broker_url == "amqp://me:a%2Fb%40c@rabbit:5673/%2F"
    assert app.conf.result_backend == "rpc://"
    assert app.conf.task_default_queue == "binding.made"
    app, _ = create_worker_from(Made, environment={"BROKER_URL": "valkey://there:1/2"})
    assert (app.conf.broker_url, app.conf.result_backend) == ("redis://there:1/2", "redis://there:1/2")
    app, _ = create_worker_from(Made, environment={"RESULT_URL": "redis://there:1/3"}, worker_prefetch_multiplier=1)
    assert app.conf.broker_url == "amqp://guest:guest@localhost:5672//"
    assert (app.conf.result_backend, app.conf.worker_prefetch_multiplier) == ("redis://there:1/3", 1)


def test_what_no_app_can_be_made_from_is_refused() -> None:
    with pytest.raises(VariableInvalid, match="RABBITMQ_PORT"):
        create_worker_from(adding("binding.port"), environment={"RABBITMQ_HOST": "a", "RABBITMQ_PORT": "x"})
    with pytest.raises(VariableInvalid, match="RESULT_URL"):
        create_worker_from(adding("binding.results"), environment={"RESULT_URL": "no address"})
    with pytest.raises(VariableInvalid, match="embedded"):
        create_worker_from(adding("binding.embedded"), environment={"BROKER_URL": "embedded"})
    for wrong in (TaskContract, int, "magic", adding):
        with pytest.raises(ContractInvalid) as caught:
            create_worker_from(wrong, environment={})  # type: ignore[call-overload]
        assert caught.value.hint


def test_what_is_no_contract_cannot_be_implemented() -> None:
    for wrong in (adding, TaskContract, "magic"):
        with pytest.raises(ContractInvalid):
            implements(wrong)  # type: ignore[call-overload]


def test_a_class_without_a_name_or_a_run_is_no_contract() -> None:
    class Nameless(TaskContract):
        def run(self) -> None: ...

    with pytest.raises(ContractInvalid, match="has no name"):
        Nameless.delay()
    with pytest.raises(ContractInvalid, match="no method `run`"):

        class Runless(TaskContract):
            name = "binding.runless"


def test_an_app_with_a_contract_that_cannot_be_is_told_with_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "odd_pact.py").write_text("""\
from allotment import contract

class Thing: ...

@contract(name="odd")
def odd(thing: Thing) -> int: ...
""")
    with pytest.raises(AppUnusable) as caught:
        import_app("odd_pact:app", tmp_path)
    assert "the parameter 'thing' of the contract 'odd'" in caught.value.message
    assert caught.value.hint is not None
    assert "dataclasses" in caught.value.hint
    assert f"{tmp_path / 'odd_pact.py'}:5" in caught.value.hint
