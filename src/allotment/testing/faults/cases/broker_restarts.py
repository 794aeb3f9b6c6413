"""The broker is restarted, in order and by force."""

import psutil

from allotment.testing.brokers import RabbitServer
from allotment.testing.faults.case import EVERY, NETWORK, Case, Skipped
from allotment.testing.faults.scene import Scene

_WAITING = 200
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
    scene.sent(args=[0.02], count=_WAITING)
    before = server.pid
    scene.fault()
    if by_force:
        server.kill()
    else:
        server.stop()
    scene.landed(f"the broker (process {before}) is gone", seen=not server.running)
    server.start()
    stream.stop()
    scene.ended(stream)
    scene.publishes_again(_AFTER)


def _kill_embedded(scene: Scene) -> None:
    """SIGKILL the embedded server: its keeper ends with it, and the supervisor starts another."""
    scene.sent(args=[0.02], count=_WAITING)
    server = next((one for one in scene.processes() if _is_server(one)), None)
    if server is None:
        raise Skipped("no embedded server was found")
    scene.killed(server, "the embedded server")
    scene.publishes_again(_AFTER)


def _is_server(process: psutil.Process) -> bool:
    try:
        return "valkey-server" in process.name() or any("valkey-server" in part for part in process.cmdline()[:1])
    except psutil.Error:
        return False


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
