"""Messages that the broker does not take: the queue is full or not there, the message too large, the broker blocked."""

import json
import time

from kombu import Connection

from allotment.testing.brokers import RabbitServer
from allotment.testing.faults.case import EVERY, NETWORK, RABBIT, Case, Skipped
from allotment.testing.faults.journal import Refused
from allotment.testing.faults.scene import RIGHT, Scene
from allotment.testing.faults.workload.fleet import PUBLISH, SMALL

_MESSAGES = 200
_DEADLINE = PUBLISH + 5.0
_TOO_LARGE = 17 * 2**20


def queue_full(scene: Scene) -> None:
    """Send 200 messages, by four producers at once, to a queue of 50 whose worker is slow."""
    scene.fault()
    scene.ended(scene.send("right.step", args=[0.1], count=_MESSAGES, threads=4, queue="small"), 120.0)
    refused = scene.refused
    told = len(scene.confirmed) + len(refused)
    scene.landed(f"{_MESSAGES} messages went to a queue of {SMALL}", seen=told == _MESSAGES)
    _all_are(scene, refused, "QueueFull")


def no_such_queue(scene: Scene) -> None:
    """Send to a queue that the fleet has not: refused by the plan, before anything is sent."""
    scene.fault()
    scene.sent("left.step", count=3, queue="nowhere")
    refused = scene.refused
    scene.landed("three messages were sent to a queue that is not there")
    _all_are(scene, refused, "QueueUnknown")
    scene.publishes_again(3)


def queue_deleted(scene: Scene) -> None:
    """Delete a queue at the broker behind the publisher's back, and send there."""
    if scene.plain:
        raise Skipped("plain Celery sends without asking for the queue")
    scene.sent("right.step", count=3, queue="small")
    scene.until_completed(3)
    worker = scene.fleet.worker(RIGHT)
    if worker is None:
        return
    worker.suspend()
    try:
        scene.fault()
        lane = scene.plan.lane("right.step", "small").name
        scene.broker.delete_queue(lane)
        scene.landed(f"the queue {lane} is deleted", seen=lane not in scene.broker.waiting([lane]))
        scene.sent("right.step", count=5, queue="small")
        refused = scene.refused
        there = scene.broker.waiting([lane])
    finally:
        worker.resume()
    told = len(refused) == 5 or sum(one.ready for one in there.values()) >= 5 - len(refused)  # noqa: PLR2004 - of five
    scene.expect(
        "no message goes to nowhere unsaid",
        f"{len(refused)} of 5 refused: {_names(refused)}; there: {there}",
        holds=told,
    )


def too_large(scene: Scene) -> None:
    """Send 17 MiB in one message."""
    scene.fault()
    scene.sent("left.step", args=[f"bytes:{_TOO_LARGE}"])
    refused = scene.refused
    scene.landed("17 MiB were handed to the publisher")
    _all_are(scene, refused, "MessageTooLarge")
    told = " ".join(one.text for one in refused)
    scene.expect("it says how much is allowed", told[:160] or "it says nothing", holds="16Mi" in told)
    scene.publishes_again(3)


def memory_alarm(scene: Scene) -> None:
    """Have the broker take no more for want of memory: publishers are told in time, consumers drain."""
    scene.sent(args=[0.02], count=100)
    server = scene.broker.server
    if isinstance(server, RabbitServer):
        server.control("set_vm_memory_high_watermark", "0.00001")
        alarm = "memory" in server.control("status", "--formatter", "json").partition('"alarms"')[2][:200]
    else:
        alarm = _no_memory(scene)
    scene.fault()
    scene.landed("the broker has raised its alarm", seen=alarm)
    began = time.monotonic()
    scene.sent(count=3, threads=3)
    seconds = time.monotonic() - began
    refused = scene.refused
    scene.expect(
        f"who publishes is told within {_DEADLINE:g} s", f"{_names(refused)} after {seconds:.1f} s",
        holds=bool(refused) and seconds < _DEADLINE,
    )  # fmt: skip
    if isinstance(server, RabbitServer):
        server.control("set_vm_memory_high_watermark", "0.4")
    else:
        _memory(scene, "0")
    scene.publishes_again(3)


def _no_memory(scene: Scene) -> bool:
    return _memory(scene, "1mb") > 2**20


def _memory(scene: Scene, limit: str) -> int:
    """Limit a Redis server's memory; give how many bytes it uses."""
    with Connection(scene.broker.direct) as connection:
        client = connection.default_channel.client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", limit)
        return int(client.info("memory")["used_memory"])


def _all_are(scene: Scene, refused: tuple[Refused, ...], error: str) -> None:
    others = [one for one in refused if one.error != error]
    scene.expect(f"the publisher is told: {error}", _names(refused), holds=bool(refused) and not others)


def _names(refused: tuple[Refused, ...]) -> str:
    counts: dict[str, int] = {}
    for one in refused:
        counts[one.error] = counts.get(one.error, 0) + 1
    return json.dumps(counts) if counts else "nothing was refused"


CASES = (
    Case("F6", "a queue is full: 200 messages for 50 places", queue_full, short=EVERY),
    Case("F7", "publish to a queue that the fleet has not", no_such_queue, short=("rabbitmq-quorum", "redis")),
    Case("F7b", "publish to a queue deleted at the broker", queue_deleted, brokers=RABBIT, alone=True),
    Case("F11", "a message of 17 MiB", too_large, short=("rabbitmq-quorum", "redis")),
    Case("F14", "the broker has no memory left", memory_alarm, brokers=NETWORK, alone=True),
)
