"""The disk under the state folder is full."""

import json
import os
import subprocess

from allotment.local.running import FleetNotStarted
from allotment.local.state import StateFolder
from allotment.testing.faults.case import NETWORK, Case, Skipped
from allotment.testing.faults.scene import LEFT, RIGHT, Scene


def state_folder_full(scene: Scene) -> None:
    """Put the state folder on a small disk, fill it and kill a worker: the fleet goes on, its notes stay whole."""
    if os.geteuid() != 0:
        raise Skipped("it mounts a small disk of its own, which only root may")
    fleet = scene.under_allot
    fleet.stop()
    state = StateFolder.of(scene.fleet_file, scene.environment)
    folder = state.path.parent
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False)  # noqa: S607 - the system's
    if mounted.returncode:
        raise Skipped("a small disk could not be mounted here")
    try:
        fleet.start()
        _fill_and_kill(scene, state)
    finally:
        fleet.stop()
        subprocess.run(["umount", "-l", str(folder)], check=False)  # noqa: S607 - the system's
    fleet.start()


def _fill_and_kill(scene: Scene, state: StateFolder) -> None:
    fleet = scene.under_allot
    right = fleet.worker(RIGHT)
    filler = state.path.parent / "filler"
    scene.sent(count=30)
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
    except OSError as error:
        scene.landed(f"the disk is full: {error.strerror}")
    ready = fleet.times_ready(LEFT)
    scene.killed(fleet.worker(LEFT), LEFT)
    scene.again(LEFT, ready)
    scene.sent(count=30)
    scene.untouched(right, RIGHT)
    damaged = [path.name for path in state.path.glob("*.json") if not _whole(path.read_text())]
    scene.expect("what was noted is whole", ", ".join(damaged) or "it is", holds=not damaged)
    fleet.stop()
    try:
        fleet.start()
    except FleetNotStarted as error:
        said = str(error)
    else:
        said = "it starts, and says nothing"
    scene.expect("it is said that the disk is full", said[:160], holds="space" in said.lower())
    filler.unlink()


def _whole(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


CASES = (
    Case(
        "F15",
        "the disk of the state folder is full",
        state_folder_full,
        brokers=NETWORK,
        alone=True,
        supervised=True,
    ),
)
