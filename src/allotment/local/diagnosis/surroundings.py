"""Whether this process runs in a container, by signs that can be named."""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Container(StrEnum):
    """What kind of container, as far as the sign tells."""

    DOCKER = "Docker"
    PODMAN = "Podman"
    KUBERNETES = "Kubernetes"
    OTHER = "some kind"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a process runs: in which kind of container, None: there is no sign of one; and the sign that was seen."""

    container: Container | None = None
    sign: str | None = None


_OF_CONTROL_GROUPS = (
    (Container.KUBERNETES, r"kubepods"),
    (Container.PODMAN, r"libpod"),
    (Container.DOCKER, r"/docker[-/]"),
    (Container.OTHER, r"/(lxc|containerd|cri-containerd|machine\.slice)[-/]"),
)


def surroundings(root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> Surroundings:
    """Look for signs of a container. `root` stands in for the root folder, `environment` for the process's own.

    The sources of the signs: Kubernetes sets the variable in every container of a pod; Podman writes
    `/run/.containerenv` (podman-run(1)) and Docker's engine `/.dockerenv`; the control group of process 1 names the
    container under version 1 of control groups, under version 2 mostly nothing.
    """
    if (os.environ if environment is None else environment).get("KUBERNETES_SERVICE_HOST"):
        return Surroundings(Container.KUBERNETES, "KUBERNETES_SERVICE_HOST is set")
    for container, place in ((Container.PODMAN, "run/.containerenv"), (Container.DOCKER, ".dockerenv")):
        if (root / place).exists():
            return Surroundings(container, f"/{place} is there")
    with contextlib.suppress(OSError):
        groups = (root / "proc/1/cgroup").read_text(errors="replace")
        for container, pattern in _OF_CONTROL_GROUPS:
            if re.search(pattern, groups):
                return Surroundings(container, "/proc/1/cgroup names one")
    return Surroundings()
