"""Which pool a profile runs on here, and how many cores there are for it."""

import pytest
from celery.utils import sysinfo

from allotment.engine import worker
from allotment.engine.pool import pool_class, pool_of, prepare_pool
from allotment.errors import RequirementsUnmet
from allotment.model.profile import Pool, Profile


def test_io_is_gevent_where_that_is_installed_else_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    io = Profile("io", ("q",), pool=Pool.IO)
    monkeypatch.setattr("allotment.engine.pool.find_spec", lambda _: object())
    assert (pool_of(io), pool_class(io)) == (Pool.GEVENT, "gevent")
    monkeypatch.setattr("allotment.engine.pool.find_spec", lambda _: None)
    assert (pool_of(io), pool_class(io)) == (Pool.THREADS, "allotment.engine.threads:TaskPool")
    assert pool_class(Profile("p", ("q",))) == "prefork"


def test_gevent_is_refused_where_celery_is_imported_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celery.maybe_patch_concurrency", lambda _: pytest.fail("too late"))
    prepare_pool(Profile("p", ("q",), pool=Pool.THREADS))
    with pytest.raises(RequirementsUnmet, match="before Celery") as caught:
        prepare_pool(Profile("p", ("q",), pool=Pool.GEVENT))
    assert "allot worker" in (caught.value.hint or "")


@pytest.mark.parametrize(("quota", "available", "expected"), [("150000 100000", 8, 2), ("max 100000", 3, 3)])
def test_cores_are_those_the_control_group_and_the_affinity_leave(
    monkeypatch: pytest.MonkeyPatch, tmp_path, quota: str, available: int, expected: int
) -> None:
    (tmp_path / "self").write_text("0::/pod/worker\n")
    (tmp_path / "pod" / "worker").mkdir(parents=True)
    (tmp_path / "pod" / "cpu.max").write_text(quota)
    monkeypatch.setattr(sysinfo, "PROC_SELF_CGROUP", str(tmp_path / "self"))
    monkeypatch.setattr(sysinfo, "CGROUP_ROOT", str(tmp_path))
    monkeypatch.setattr(sysinfo, "available_cpu_count", lambda: available)
    assert worker.cores() == expected
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert worker.cores() == 4
