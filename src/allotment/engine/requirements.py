"""What a worker checks before it starts: mounts, imports, labels."""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

from allotment.engine.pool import pool_of
from allotment.errors import RequirementsUnmet
from allotment.model.node import Node
from allotment.model.profile import Pool, Profile
from allotment.model.requirements import Mount


def check_requirements(profile: Profile, node: Node) -> None:
    """Raise RequirementsUnmet with everything that this machine, or the node's entry, lacks."""
    unmet = [
        *(fault for mount in profile.requires.mounts for fault in mount_faults(mount)),
        *(fault for name in imports_of(profile) for fault in import_faults(name)),
        *(fault for label in profile.requires.labels for fault in label_faults(label, node)),
    ]
    if unmet:
        raise RequirementsUnmet(
            f"profile {profile.name!r} cannot run here: {'; '.join(unmet)}",
            hint="the worker consumed nothing; mend this and start it again",
        )


def imports_of(profile: Profile) -> tuple[str, ...]:
    """Give the modules a profile needs: those it names, and its pool's."""
    return (*profile.requires.imports, *(("gevent",) if pool_of(profile) is Pool.GEVENT else ()))


def label_faults(label: str, node: Node) -> Iterator[str]:
    """Say what is wrong with a label that a profile requires of a node; nothing: the node has it."""
    if label not in node.labels:
        yield (
            f"node {node.name!r} has no label {label!r}: add it under nodes.{node.name}.labels,"
            " or run this profile elsewhere"
        )


def mount_faults(mount: Mount) -> Iterator[str]:
    """Say what is wrong with a mount on this machine; nothing: it is there."""
    path = Path(mount.path)
    if not path.is_dir():
        yield f"mount {mount.path} is missing"
    elif mount.mount_point and not path.is_mount():
        yield f"{mount.path} is a folder and not a mount: is the file system mounted?"
    elif mount.writable and not os.access(path, os.W_OK):
        yield f"mount {mount.path} is not writable"


def import_faults(name: str) -> Iterator[str]:
    """Import a module and say why it cannot be; nothing: it can."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        yield f"module {name!r} cannot be imported: {error.name!r} is not installed"
    except Exception as error:  # noqa: BLE001 - whatever a library raises when it is imported is the answer
        yield f"module {name!r} cannot be imported: {type(error).__name__}: {error}"
