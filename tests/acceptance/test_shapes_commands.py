"""Commands take the files that teams have, alone or included, and end well or with a place and a remedy."""

import shutil
from pathlib import Path

import pytest
from acceptance.conftest import allot

SHAPES = Path(__file__).parents[1] / "fixtures" / "shapes"
TASKS = {"worker-profiles.yaml": 5, "celery_pools.py": 3, "values.yaml": 4}


@pytest.mark.parametrize("name", TASKS)
def test_a_file_of_another_shape_is_proved_as_it_is(name: str, tmp_path: Path) -> None:
    shutil.copy(SHAPES / name, tmp_path)
    done = allot("check", "-f", name, folder=tmp_path)
    assert done.code in {0, 1}, done.err
    assert done.out.startswith("proved: ")
    assert f"({TASKS[name]} tasks" in done.out
    assert "hunter2" not in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", [("check",), ("plan",), ("up",)], ids=lambda command: command[0])
def test_a_module_is_not_run(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "pools.py").write_text(
        "open('ran', 'w').close()\nWORKER_POOLS = {\n    'cpu': {'queues': ['cpu'], 'concurrency': int('4')},\n}\n"
    )
    done = allot(*command, "-f", "pools.py", folder=tmp_path)
    assert done.code == 2
    assert "pools.py:3:47" in done.err
    assert "'concurrency': int('4')" in done.err
    assert "help: write the value itself" in done.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("url", ["'redis://:hunter2@h:port'", "[redis, hunter2]", "{password: hunter2}"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_password_of_a_chart_is_not_shown(url: str, form: str, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(f"taskConfig: {{broker_url: {url}}}\nworkers: {{w: {{replicas: 1}}}}\n")
    done = allot("check", "-f", "values.yaml", "--format", form, folder=tmp_path)
    assert done.code == 2
    assert "address" in done.out + done.err or "not text" in done.err
    assert "hunter2" not in done.out + done.err


def test_a_fault_of_an_included_file_is_shown_in_that_file(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("include: [pools.py, gone.yaml]\n")
    (tmp_path / "pools.py").write_text("WORKER_POOLS = {\n    'cpu': {'quues': ['cpu']},\n}\n")
    done = allot("check", folder=tmp_path)
    assert done.code == 2
    assert "fleet.yaml:1:21" in done.err
    (tmp_path / "fleet.yaml").write_text("include: [pools.py]\n")
    done = allot("check", folder=tmp_path)
    assert done.code == 2
    assert "pools.py:2:13" in done.err
    assert "'quues'" in done.err
    assert "'queues'" in done.err
