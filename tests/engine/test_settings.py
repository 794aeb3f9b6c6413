"""What is read of a live app: its settings under all their names, its tasks' own attributes, and no secret."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import celery
import pytest

from allotment.engine.settings import DEPRECATED, READ_UNDECLARED, setting_names
from allotment.local.inventory import read_inventory
from allotment.model.inventory import Inventory
from allotment.rules.catalogue import deprecated_task_attribute

HEAD = "from datetime import timedelta\nfrom celery import Celery, Task\n"


@pytest.fixture
def inventory_of(tmp_path: Path) -> Callable[..., Inventory]:
    """Give a function that writes an app's modules and reads it as `allot check` does, in a process of its own."""

    def read(app: str, **modules: str) -> Inventory:
        for name, text in {"lab": HEAD + app, **modules}.items():
            (tmp_path / f"{name}.py").write_text(text)
        return read_inventory("lab:app", tmp_path)

    return read


def settings_of(inventory: Inventory) -> tuple[dict[str, Any], tuple[str, ...]]:
    return dict(inventory.settings.values), inventory.settings.unknown


def test_settings_are_read_from_a_module_and_helpers_of_its_own_are_none(inventory_of) -> None:
    inventory = inventory_of(
        "app = Celery('lab')\napp.config_from_object('lab_settings')\n",
        lab_settings=(
            "import os\nfrom datetime import timedelta\nfrom celery.signals import worker_ready\n"
            "broker_hostname = 'rabbit'\nbroker_url = f'amqp://shop:secret@{broker_hostname}//'\n"
            "task_acks_late = True\nresult_expire = timedelta(days=1)\nworker_autoscale_max = 4\n"
            "def task_hook(): ...\nclass task_helper: ...\nshop_region = 'north'\n"
        ),
    )
    assert settings_of(inventory) == ({"task_acks_late": True}, ("result_expire", "worker_autoscale_max"))


def test_old_names_and_names_with_a_prefix_are_read(inventory_of) -> None:
    old = "app = Celery('lab')\napp.conf.update(CELERY_ACKS_LATE=True, CELERYD_PREFETCH_MULTIPLIER=3)\n"
    assert settings_of(inventory_of(old)) == ({"task_acks_late": True, "worker_prefetch_multiplier": 3}, ())
    prefixed = (
        "class settings:\n    CELERY_TASK_ACKS_LATE = True\n    CELERY_WORKER_COLOUR = 'green'\n    TASK_X = 1\n"
        "app = Celery('lab')\napp.config_from_object(settings, namespace='CELERY')\n"
    )
    assert settings_of(inventory_of(prefixed)) == ({"task_acks_late": True}, ("worker_colour",))


def test_helpers_in_djangos_settings_are_none_of_celerys(inventory_of) -> None:
    inventory = inventory_of(
        "import lab_settings\nclass Lazy:\n    SETTINGS_MODULE = 'lab_settings'\n"
        "    def __getattr__(self, name): return getattr(lab_settings, name)\n"
        "    def __dir__(self): return dir(lab_settings)\n"
        "app = Celery('lab')\napp.config_from_object(Lazy(), namespace='CELERY')\n",
        lab_settings=(
            "CELERY_BROKER_HOSTNAME = 'rabbit'\nCELERY_BROKER_URL = f'amqp://{CELERY_BROKER_HOSTNAME}//'\n"
            "CELERY_WORKER_COLOUR = 'green'\n"
        ),
    )
    assert settings_of(inventory) == ({}, ("worker_colour",))


def test_celerys_own_defaults_are_not_the_apps(inventory_of) -> None:
    assert settings_of(inventory_of("app = Celery('lab')\n")) == ({}, ())


def test_no_secret_leaves_the_process(inventory_of) -> None:
    inventory = inventory_of(
        "app = Celery('lab', broker='amqp://shop:secret@rabbit//', backend='redis://:secret@redis/1')\n"
        "app.conf.update(redis_password='secret', broker_use_ssl={'keyfile': 'secret'}, task_track_started=True)\n"
        "app.conf.broker_transport_options = {'visibility_timeout': 7200, 'priority_steps': [0, 5],\n"
        "    'queue_order_strategy': 'priority', 'sentinel_kwargs': {'password': 'secret'}, 'client_name': 'secret'}\n"
    )
    assert "secret" not in inventory.to_json()
    assert inventory.settings.values == {
        "broker_transport_options": {
            "visibility_timeout": 7200,
            "priority_steps": [0, 5],
            "queue_order_strategy": "priority",
        },
        "broker_use_ssl": True,
        "result_backend": "redis",
    }


def test_a_set_is_a_list_and_what_is_no_plain_value_is_left_out(inventory_of) -> None:
    inventory = inventory_of(
        "app = Celery('lab')\n"
        "app.conf.update(accept_content={'pickle', 'json'}, task_time_limit=timedelta(1), task_serializer=None)\n"
    )
    assert settings_of(inventory) == ({"accept_content": ["json", "pickle"]}, ())


def test_attributes_are_those_that_a_task_or_its_class_says(inventory_of) -> None:
    inventory = inventory_of(
        "app = Celery('lab')\napp.conf.update(task_acks_late=True, task_serializer='yaml', task_time_limit=30)\n"
        "class Base(Task):\n    abstract = True\n    queue = 'slow'\n    soft_time_limit = 9\n"
        "@app.task\ndef plain(): ...\n"
        "@app.task(base=Base, time_limit=20)\ndef based(): ...\n"
        "@app.task(acks_late=False, priority=3, serializer='pickle')\ndef early(): ...\n"
        "@app.task(acks_late=True, time_limit=30)\ndef same(): ...\n"
    )
    assert {task.name: dict(task.attributes) for task in inventory.tasks} == {
        "lab.plain": {},
        "lab.based": {"queue": "slow", "soft_time_limit": 9, "time_limit": 20},
        "lab.early": {"acks_late": False, "priority": 3, "serializer": "pickle"},
        "lab.same": {"acks_late": True, "time_limit": 30},
    }


def test_annotations_of_the_app_count_as_its_tasks_own(inventory_of) -> None:
    inventory = inventory_of(
        "app = Celery('lab')\napp.conf.task_annotations = {'lab.one': {'acks_late': True}}\n"
        "@app.task\ndef one(): ...\n@app.task\ndef two(): ...\n"
    )
    assert [dict(task.attributes) for task in inventory.tasks] == [{"acks_late": True}, {}]


def test_what_allotment_puts_on_the_app_is_not_the_apps(inventory_of, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(
        "broker: embedded\ntasks:\n  lab.one: {queue: work, delivery: at-least-once, time_limit: 5m}\n"
        "profiles:\n  work: {queues: [work]}\nsettings: {task_track_started: true}\n"
    )
    inventory = inventory_of(
        "from allotment import Fleet\napp = Celery('lab')\n@app.task\ndef one(): ...\n"
        f"Fleet.load({str(tmp_path / 'fleet.yaml')!r}).install(app)\napp.allotment.compiled\napp.conf.task_serializer\n"
    )
    assert [dict(task.attributes) for task in inventory.tasks] == [{}]
    assert inventory.settings.unknown == ()


def test_every_setting_that_celery_reads_is_known() -> None:
    """Celery has no list of those that it reads beside its defaults, so its sources are searched for them."""
    root = Path(celery.__file__).parent
    families = {name.partition("_")[0] for name in setting_names() if "_" in name} | {"dynamodb", "override"}
    read = {
        name
        for path in root.rglob("*.py")
        for name in re.findall(r"(?:conf|_get)(?:\.get)?[(\[]\s*'([a-z0-9]+_[a-z0-9_]+)'", path.read_text())
        if name.partition("_")[0] in families
    }
    assert len(read) > 40
    assert read - setting_names() == set()
    assert read >= READ_UNDECLARED


def test_the_deprecated_attributes_are_those_that_celery_and_the_rule_name() -> None:
    source = (Path(celery.__file__).parent / "app" / "task.py").read_text()
    named = re.search(r"for attr in \(([^)]+)\)", source)
    assert named
    assert tuple(re.findall(r"'(\w+)'", named[1])) == DEPRECATED == deprecated_task_attribute.DEPRECATED
