"""The plan's queues declared at the broker.

RabbitMQ refuses a declaration that differs from what is there and closes the channel. py-amqp opens it again at once
(`amqp/channel.py`, `_on_close`), so nothing that is sent next is hindered. Redis keeps no arguments.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from amqp.exceptions import PreconditionFailed
from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from allotment.engine.addresses import broker_of
from allotment.engine.delays import lead_here
from allotment.engine.differing import QueueFault, name_in_file
from allotment.engine.failover import ensure_connected
from allotment.engine.queues import kombu_queue
from allotment.local.reach import CONNECT_TIMEOUT, unreachable
from allotment.plan.broker_queues import broker_queues, dead_letter_queues
from allotment.plan.placement import Worker
from allotment.plan.plan import Plan


class LaneQueue(Queue):
    """A queue of a plan. Where its dead letters go is declared before it: RabbitMQ drops what has nowhere to go.

    Kombu declares a queue once in each connection (`kombu/common.py`, `maybe_declare`), not for each message.
    """

    plan: Plan | None = None
    dead_letters: tuple[Queue, ...] = ()
    stands_for: "LaneQueue | None" = None
    """The queue as it is declared, where this one is only published to."""

    def bind(self, channel: Any) -> "LaneQueue":
        """Give a copy bound to a channel, with what kombu's own copy leaves behind."""
        bound: LaneQueue = super().bind(channel)
        bound.plan, bound.dead_letters, bound.stands_for = self.plan, self.dead_letters, self.stands_for
        return bound

    def declare(self, nowait: bool = False, channel: Any = None) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        """Declare what its dead letters need, then the queue. Raises QueueDiffers."""
        channel = channel or self.channel
        if self.stands_for is not None:
            return self.stands_for.declare(nowait=nowait, channel=channel)
        for queue in (*self.dead_letters, self):
            try:
                Queue.declare(queue, nowait=nowait, channel=channel)
            except PreconditionFailed as error:
                if self.plan is None:
                    raise
                raise QueueFault.said(error.reply_text, queue, self.plan).error() from None
        if self.plan is not None and self.plan.any_quorum and self.name in self.plan.lanes:
            lead_here(self, channel)
        return self.name


def lane_queues(plan: Plan) -> dict[str, LaneQueue]:
    """Give every queue of the plan that tasks are sent to, by its name."""
    plain = {queue.name: kombu_queue(queue) for queue in (*broker_queues(plan), *dead_letter_queues(plan))}
    return {queue.name: _lane_queue(plan, queue.name, plain) for queue in broker_queues(plan)}


def published(queues: Mapping[str, LaneQueue]) -> dict[str, LaneQueue]:
    """Give the queues as our own messages go to them: by the default exchange and the queue's name.

    Celery does so for direct exchanges (`celery/app/amqp.py`, `send_task_message`). To a topic exchange it would
    publish the pattern that the queue is bound with, and a delayed message by an exchange of its own, to every queue
    that matches.
    """
    return {
        name: queue if queue.exchange.type == "direct" else _past_its_exchange(queue) for name, queue in queues.items()
    }


def _past_its_exchange(queue: LaneQueue) -> LaneQueue:
    found = LaneQueue(**{**queue.as_dict(), "exchange": Exchange(""), "routing_key": queue.name})
    found.stands_for = queue
    return found


def _lane_queue(plan: Plan, name: str, plain: dict[str, Queue]) -> LaneQueue:
    found = LaneQueue(**plain[name].as_dict())
    found.plan = plan
    found.dead_letters = tuple(plain[one] for one in _dead_letters_of(plan, name))
    return found


def _dead_letters_of(plan: Plan, name: str) -> Iterator[str]:
    """Give the queue that a queue's dead letters go to, the one that takes that one's, and so on, each once."""
    own = name_in_file(plan, name)
    seen = {own}
    queue = plan.declared.get(own)
    while queue is not None and queue.dead_letter is not None and queue.dead_letter not in seen:
        yield queue.dead_letter
        seen.add(queue.dead_letter)
        queue = plan.declared.get(queue.dead_letter)


def declare_queues(app: Celery, worker: Worker) -> None:
    """Declare what a worker consumes, and every queue of the plan that dead letters go to.

    Raises QueueDiffers where one is there and differs, BrokerUnreachable where the broker does not answer or refuses.
    """
    compiled = app.allotment.compiled
    dead = {queue.name: kombu_queue(queue) for queue in dead_letter_queues(compiled.plan)}
    queues = [_lane_queue(compiled.plan, name, dead) for name in dead]
    queues += [compiled.queues[name] for name in worker.consumes]
    with app.connection_for_read() as connection:
        try:
            ensure_connected(connection, CONNECT_TIMEOUT)
            for queue in queues:
                queue(connection.default_channel).declare()
        except (OperationalError, *connection.connection_errors, *connection.channel_errors) as error:
            raise unreachable(broker_of(app), error) from error
