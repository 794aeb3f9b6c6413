"""What the profiles of a node require of the machine that is to be this node."""

from collections.abc import Iterator
from pathlib import Path

from allotment.engine.app import make_importable
from allotment.engine.requirements import import_faults, imports_of, label_faults, mount_faults
from allotment.local.diagnosis.check import Check, Status
from allotment.model.fleet import FleetModel
from allotment.model.node import Node
from allotment.model.requirements import Mount


def node_checks(model: FleetModel, node: Node, folder: Path) -> Iterator[Check]:
    """Check each mount, import and label once that a profile of the node requires; `folder` is the fleet file's."""
    make_importable(folder)
    profiles = [model.profiles[name] for name, count in node.workers.items() if count]
    mounts = dict.fromkeys(mount for profile in profiles for mount in profile.requires.mounts)
    imports = dict.fromkeys(name for profile in profiles for name in imports_of(profile))
    labels = dict.fromkeys(label for profile in profiles for label in profile.requires.labels)
    if not (mounts or imports or labels):
        yield Check("requirements", Status.OK, f"the profiles of {node.name} require nothing")
    for mount in mounts:
        yield _mount(mount)
    for name in imports:
        faults = tuple(import_faults(name))
        yield _judged(f"import {name}", faults, "it can be imported", "install it in this environment")
    for label in labels:
        told = f"{node.name} has it"
        yield _judged(f"label {label}", tuple(label_faults(label, node)), told, "correct the fleet file")


def _mount(mount: Mount) -> Check:
    told = " and ".join(
        [
            "is a mount" if mount.mount_point else "is a folder",
            *(["can be written"] if mount.writable else []),
        ]
    )
    remedy = f"`findmnt {mount.path}` shows what is mounted there, `ls -ld {mount.path}` who may write"
    return _judged(f"mount {mount.path}", tuple(mount_faults(mount)), told, remedy)


def _judged(name: str, faults: tuple[str, ...], told: str, remedy: str) -> Check:
    if not faults:
        return Check(name, Status.OK, told)
    cause = "a profile of this node requires it; its workers would not start"
    return Check(name, Status.FAILED, "; ".join(faults), cause, remedy)
