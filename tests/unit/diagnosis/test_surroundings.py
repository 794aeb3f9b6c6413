"""Signs of a container, with a folder standing in for `/`."""

from pathlib import Path

import pytest

from allotment.local.diagnosis.surroundings import Container, Surroundings, surroundings

CGROUP_ONE = "12:pids:{path}\n1:name=systemd:{path}\n"


def write(root: Path, name: str, text: str = "") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_a_machine_without_signs_is_no_container(tmp_path: Path) -> None:
    write(tmp_path, "proc/1/cgroup", "0::/init.scope\n")
    assert surroundings(tmp_path, {}) == Surroundings(None, None)


def test_a_root_without_anything_is_no_container(tmp_path: Path) -> None:
    assert surroundings(tmp_path, {}).container is None


@pytest.mark.parametrize(
    ("name", "container"), [(".dockerenv", Container.DOCKER), ("run/.containerenv", Container.PODMAN)]
)
def test_a_file_is_a_sign_and_is_named(name: str, container: Container, tmp_path: Path) -> None:
    write(tmp_path, name)
    found = surroundings(tmp_path, {})
    assert found.container is container
    assert found.sign == f"/{name} is there"


def test_kubernetes_is_told_by_its_variable_whatever_runs_its_containers(tmp_path: Path) -> None:
    write(tmp_path, ".dockerenv")
    found = surroundings(tmp_path, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    assert found.container is Container.KUBERNETES
    assert "KUBERNETES_SERVICE_HOST" in str(found.sign)


@pytest.mark.parametrize(
    ("path", "container"),
    [
        ("/docker/0a1b2c", Container.DOCKER),
        ("/system.slice/docker-0a1b2c.scope", Container.DOCKER),
        ("/kubepods/burstable/pod12/0a1b2c", Container.KUBERNETES),
        ("/machine.slice/libpod-0a1b2c.scope", Container.PODMAN),
        ("/lxc/0a1b2c", Container.OTHER),
        ("/system.slice/docker.service", None),
        ("/", None),
    ],
)
def test_the_control_group_of_the_first_process_is_a_sign(
    path: str, container: Container | None, tmp_path: Path
) -> None:
    write(tmp_path, "proc/1/cgroup", CGROUP_ONE.format(path=path))
    assert surroundings(tmp_path, {}).container is container
