"""The broker is restarted, in order and by force."""

import psutil

from allotment.testing.brokers import RabbitServer
from allotment.testing.faults import processes
from allotment.testing.faults.case import EVERY, NETWORK, Case
from allotment.testing.faults.scene import Scene

_WAITING = 200
_SECONDS = 0.1
"""Seconds that each of them takes: some must wait and run when the fault comes."""
_AFTER = 30


def shut_down(scene: Scene) -> None:
    """SIGTERM and start the broker again while tasks wait and run and more are sent."""
    _restart(scene, by_force=False)


def killed(scene: Scene) -> None:
    """SIGKILL and start the broker again, likewise."""
    _restart(scene, by_force=True)


def _restart(scene: Scene, *, by_force: bool) -> None:
    server = scene.broker.server
    if server is None:
        _kill_embedded(scene)
        return
    if isinstance(server, RabbitServer):
        server.write_through()
    stream = scene.send(rate=40.0, count=None)
    scene.sent(args=[_SECONDS], count=_WAITING)
    process = psutil.Process(server.pid)
    _much_to_do(scene)
    scene.fault()
    if by_force:
        server.kill()
    else:
        server.stop()
    scene.landed(f"the broker (process {process.pid}) is gone", seen=not processes.alive(process))
    server.start()
    stream.stop()
    scene.ended(stream)
    scene.publishes_again(_AFTER)


def _kill_embedded(scene: Scene) -> None:
    """SIGKILL the embedded server: its keeper ends with it, and the supervisor starts another."""
    server = next((one for one in scene.processes() if processes.serves(one)), None)
    scene.sent(args=[_SECONDS], count=_WAITING)
    _much_to_do(scene)
    scene.killed(server, "embedded server")
    scene.publishes_again(_AFTER)


def _much_to_do(scene: Scene) -> None:
    """Look whether messages wait or run, just before the broker goes."""
    count = len(scene.unfinished.look())
    scene.landed(f"{count} messages waited or ran", seen=count > 0)


CASES = (
    Case("F4", "the broker is restarted in order (SIGTERM)", shut_down, brokers=NETWORK, alone=True),
    Case(
        "F4b",
        "the broker is killed and started again",
        killed,
        brokers=EVERY,
        short=("rabbitmq-quorum", "embedded"),
        alone=True,
    ),
)
