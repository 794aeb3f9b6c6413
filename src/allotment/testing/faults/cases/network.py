"""The network between the fleet and its broker breaks."""

import time

from allotment.testing.faults.case import NETWORK, REDIS, Case, Skipped
from allotment.testing.faults.proxy import Proxy
from allotment.testing.faults.scene import LEFT, Scene
from allotment.testing.faults.workload.fleet import PUBLISH

_REDIS = tuple(one for one in REDIS if one in NETWORK)
_UNTIL_NOTICED = 300.0
"""Celery asks for a sign of life from RabbitMQ every 120 s, and gives the connection up after two without."""
_SHORT, _LONG = 10.0, 60.0
_BATCH = 20
_DEADLINE = PUBLISH + 5.0
"""Seconds within which a publisher has to be told."""


def _proxy(scene: Scene) -> Proxy:
    if scene.broker.proxy is None:
        raise Skipped("the embedded broker is reached by a Unix socket: there is no network to break")
    return scene.broker.proxy


def cut(scene: Scene) -> None:
    """Reset every connection and refuse new ones for ten seconds."""
    proxy = _proxy(scene)
    stream = scene.send(rate=40.0, count=None)
    scene.until_completed(20)
    scene.fault()
    proxy.refuse()
    count = proxy.cut()
    scene.landed(f"{count} connections were reset, and none accepted", seen=count > 0)
    time.sleep(_SHORT)
    proxy.resume()
    stream.stop()
    scene.ended(stream)
    _all_workers(scene)


def half_open(scene: Scene) -> None:
    """Pass no byte on any connection for ten seconds, and keep them open."""
    _stall(scene, _SHORT)


def half_open_for_long(scene: Scene) -> None:
    """The same for a minute."""
    _stall(scene, _LONG)


def _stall(scene: Scene, seconds: float) -> None:
    proxy = _proxy(scene)
    stream = scene.send(rate=40.0, count=None)
    scene.until_completed(20)
    blocked = proxy.blocked
    scene.fault()
    proxy.stall_all()
    time.sleep(seconds)
    held = proxy.blocked - blocked
    proxy.resume()
    scene.landed(f"{held} bytes were held up", seen=held > 0)
    stream.stop()
    scene.ended(stream)
    slowest = scene.slowest
    scene.expect(
        f"who publishes is told within {_DEADLINE:g} s", f"the last was after {slowest:.1f} s",
        holds=slowest <= _DEADLINE,
    )  # fmt: skip
    _all_workers(scene)


def gone_for_good(scene: Scene) -> None:
    """Existing connections never pass another byte, while new ones work: only noticing it helps."""
    proxy = _proxy(scene)
    scene.sent(count=_BATCH)
    scene.until_completed(_BATCH)
    before, blocked = len(scene.confirmed), proxy.blocked
    scene.fault()
    proxy.stall()
    sending = scene.send(count=_BATCH)
    scene.ended(sending, 90.0)
    taken = len(scene.confirmed) - before
    scene.expect("new connections are made to publish", f"{taken} of {_BATCH} confirmed", holds=taken > 0)
    done = scene.until_done([one.id for one in scene.confirmed], _UNTIL_NOTICED)
    scene.landed(f"{proxy.blocked - blocked} bytes were held up", seen=proxy.blocked > blocked)
    scene.expect(
        "the workers notice by themselves", "they do" if done else f"not within {_UNTIL_NOTICED:g} s", holds=done
    )
    proxy.cut()
    proxy.resume()


def idle_and_lost(scene: Scene) -> None:
    """What the server hands or tells a waiting worker never reaches it: it is held up, then the worker killed."""
    scene.sent("left.step", count=5)
    scene.until_completed(5)
    _lose_replies(scene)


def busy_and_lost(scene: Scene) -> None:
    """The same with a worker that has much to do."""
    scene.sent("left.step", args=[0.02], count=300)
    scene.until_completed(20)
    scene.landed(f"{LEFT} was busy", seen=bool(scene.running_in(LEFT)))
    _lose_replies(scene)


def _lose_replies(scene: Scene) -> None:
    proxy = _proxy(scene)
    ready, blocked = scene.fleet.times_ready(LEFT), proxy.blocked
    proxy.stall_replies()
    for _ in range(4):
        scene.push_task("left.step")
    felt = scene.until(lambda: proxy.blocked > blocked, 10.0)
    scene.landed(f"{proxy.blocked - blocked} bytes of the server's were held up", seen=felt)
    scene.killed(scene.fleet.worker(LEFT), LEFT)
    proxy.cut()
    proxy.resume()
    scene.again(LEFT, ready)


def _all_workers(scene: Scene) -> None:
    """Send to every worker until each has done something again."""
    first = scene.sent(count=30)
    done = bool(first) and scene.until_done(first)
    scene.expect("every worker takes part again by itself", "it does" if done else "not within 60 s", holds=done)


CASES = (
    Case("F5", "connections reset and refused for 10 s", cut, brokers=NETWORK, short=("rabbitmq-quorum",), alone=True),
    Case("F5b", "half-open connections for 10 s", half_open, brokers=NETWORK, alone=True),
    Case("F5c", "half-open connections for 60 s", half_open_for_long, brokers=NETWORK, alone=True),
    Case("F5d", "old connections half-open for good", gone_for_good, brokers=NETWORK, alone=True),
    Case(
        "F24b",
        "Redis: what a waiting worker is handed never arrives",
        idle_and_lost,
        brokers=_REDIS,
        short=("redis",),
        alone=True,
    ),
    Case("F24c", "Redis: what a busy worker is handed never arrives", busy_and_lost, brokers=_REDIS, alone=True),
)
