"""The plan's queues declared at the broker, and what is said of one that is there already and differs.

RabbitMQ changes no queue and no exchange that exists: it answers a declaration that differs with code 406, names the
first argument that does, and closes the channel (its docs, "Queues", property equivalence). py-amqp opens the channel
again at once (`amqp/channel.py`, `_on_close`), so nothing that is sent next is hindered. Redis keeps no arguments.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import PreconditionFailed
from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from allotment.engine.addresses import broker_of
from allotment.engine.failover import ensure_connected
from allotment.engine.queues import kombu_queue
from allotment.errors import QueueDiffers
from allotment.local.reach import CONNECT_TIMEOUT, unreachable
from allotment.model.names import DEAD_QUEUE
from allotment.model.preset import PRESET_QUEUES
from allotment.plan.broker_queues import broker_queues, dead_letter_queues
from allotment.plan.placement import Worker
from allotment.plan.plan import Plan

_KEYS = {
    "x-max-length": "max_length",
    "x-overflow": "when_full",
    "x-queue-type": "type",
    "x-max-priority": "max_priority",
    "x-delivery-limit": "delivery_limit",
    "x-dead-letter-exchange": "dead_letter",
    "x-dead-letter-routing-key": "dead_letter",
    "durable": "durable",
}
"""The file's keys by the arguments that follow from them."""

_WORDS = {"reject-publish": "reject", "drop-head": "drop-oldest"}
"""The file's words for values of `x-overflow`."""

_SAYABLE = {"when_full": tuple(_WORDS), "type": ("classic", "quorum")}
"""The values that these keys have words for."""


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
                raise _Fault.said(error.reply_text, queue, self.plan).error() from None
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
    own = _name_in_file(plan, name)
    seen = {own}
    queue = plan.model.queues.get(own)
    while queue is not None and queue.dead_letter is not None and queue.dead_letter not in seen:
        yield queue.dead_letter
        seen.add(queue.dead_letter)
        queue = plan.model.queues.get(queue.dead_letter)


def _name_in_file(plan: Plan, name: str) -> str:
    lane = plan.lanes.get(name)
    return lane.queue if lane else name


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


_ANSWER = re.compile(r"(inequivalent|invalid) arg '([^']+)' for (queue|exchange) ")
_THERE = re.compile(r" but current is (?:none|the value '(?P<typed>.*)' of type '[^']*'|'(?P<plain>.*)')$", re.DOTALL)
_VHOST = re.compile(r" in vhost '([^']+)'(.*)", re.DOTALL)
"""RabbitMQ's words (`rabbit_misc.erl`, `assert_args_equivalence`). AMQP ends a text after 255 bytes."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """What RabbitMQ says against a declaration, for the words of the file.

    `argument` is RabbitMQ's name for what differs, None where it says none. `there` None: the queue has no such
    argument, or `cut`: the text ended before it. `refused`: why the broker takes no such argument, whatever is there.
    """

    plan: Plan
    queue: Queue
    text: str
    argument: str | None = None
    of_exchange: bool = False
    there: str | None = None
    cut: bool = False
    refused: str | None = None
    vhost: str = "/"

    @classmethod
    def said(cls, text: str, queue: Queue, plan: Plan) -> "_Fault":
        """Read RabbitMQ's answer to the declaration of a queue and its exchange."""
        answer, there, vhost = _ANSWER.search(text), _THERE.search(text), _VHOST.search(text)
        if answer is None:
            return cls(plan, queue, text)
        return cls(
            plan,
            queue,
            text,
            argument=answer[2],
            of_exchange=answer[3] == "exchange",
            there=there and (there["plain"] if there["typed"] is None else there["typed"]),
            cut=there is None,
            refused=(vhost[2].strip(": ") if vhost else text) if answer[1] == "invalid" else None,
            vhost=vhost[1] if vhost else "/",
        )

    @property
    def name(self) -> str:
        """The queue's name in the file."""
        return _name_in_file(self.plan, self.queue.name)

    @property
    def what(self) -> str:
        """What differs: the queue or its exchange."""
        lane = f" (its lane {self.queue.name!r})" if self.queue.name != self.name else ""
        exchange = f"the exchange {self.queue.exchange.name!r} of " if self.of_exchange else ""
        return f"{exchange}the queue {self.name!r}{lane}"

    @property
    def key(self) -> str | None:
        """Where the file says it, below the queue; None where it has no key for it."""
        if self.of_exchange:
            return "exchange_type" if self.argument == "type" else None
        if self.argument is None or self.name == DEAD_QUEUE:
            return None
        said = self.plan.model.queues.get(self.name)
        beside = said is not None and (
            self.argument in said.arguments or (self.argument == "x-overflow" and said.max_length is None)
        )
        if self.argument in _KEYS and not beside:
            return _KEYS[self.argument]
        return f"arguments.{self.argument}" if self.argument.startswith("x-") else None

    @property
    def wanted(self) -> str | None:
        """What the plan declares, None: no such argument."""
        entity = self.queue.exchange if self.of_exchange else self.queue
        if self.argument is not None and self.argument.startswith("x-"):
            value = (self.queue.queue_arguments or {}).get(self.argument)
        else:
            value = getattr(entity, str(self.argument), None)
        return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    def error(self) -> QueueDiffers:
        """Put it into the words of the file."""
        if self.argument is None:
            return QueueDiffers(f"{self.what} is at the broker otherwise: {self.text}", hint=self._ways())
        if self.refused is not None:
            return QueueDiffers(
                f"RabbitMQ does not take {self.argument} as {self.what} has it: {self.refused}",
                hint=f"correct queues.{self.name}.{self.key}",
            )
        there = f"{self.argument} {self.there or repr('')}"
        if self.there is None:
            there = f"another {self.argument}" if self.cut else f"no {self.argument}"
        return QueueDiffers(f"{self.what} has {there} at the broker, and {self._says()}", hint=self._ways())

    def _says(self) -> str:
        if self.key is None:
            return f"Allotment declares {f'{self.argument} {self.wanted}' if self.wanted else 'none'}"
        if self.wanted is None:
            return f"the fleet file says no {self.key}"
        said = self.plan.model.queues.get(self.name)
        dead_letter = said.dead_letter if said and self.key == "dead_letter" else None
        return f"the fleet file says {self.key}: {dead_letter or _WORDS.get(self.wanted, self.wanted)}"

    def _ways(self) -> str:
        """Give the ways out: say what is there, delete it, or leave it and use another."""
        kept = self._as_it_is()
        first = f"make the file say what is there: {kept}; or " if kept else ""
        if self.of_exchange:
            name = self.queue.exchange.name
            return (
                f"{first}delete the exchange (`celery -b BROKER amqp exchange.delete {name} false`) and start again,"
                " which binds the fleet's queues anew, and no others that were bound to it; or name another"
                " `exchange:`, and the queue stays bound to this one too"
            )
        lanes = self.plan.queues.get(self.name)
        if lanes is None:
            return f"{first}empty it, then {self._deleting([self.name])}, and start again"
        return (
            f"{first}move over: with the file as it was, stop the producers, let the workers empty the queue and stop"
            f" them; then {self._deleting([lane.name for lane in lanes.lanes] or [self.name])}, and start with the new"
            " file; or give the queue a new name in the file, and leave the old one, as it is, in a profile's queues"
            " until it is empty"
        )

    def _deleting(self, names: list[str]) -> str:
        quorum = "quorum" in {self.there, (self.queue.queue_arguments or {}).get("x-queue-type")}
        careful = "" if quorum else "--if-empty "  # which RabbitMQ refuses for quorum queues
        vhost = "" if self.vhost == "/" else f"--vhost {shlex.quote(self.vhost)} "
        each = f" for each NAME of {', '.join(names)}" if len(names) > 1 else ""
        return f"`rabbitmqctl delete_queue {vhost}{careful}{'NAME' if each else names[0]}`{each}"

    def _as_it_is(self) -> str | None:
        """Give what the file has to say so that it agrees with the broker; None where it cannot."""
        if self.key is None or self.cut:
            return None
        place = f"queues.{self.name}"
        if self.there is None:
            preset = PRESET_QUEUES.get(self.name)
            if preset is not None and preset.max_length is not None and self.key in {"max_length", "when_full"}:
                return None  # the length that comes with a preset can be changed in the file, and not taken away
            if self.key == "when_full":
                return f"{place}.arguments.x-max-length, in place of max_length and when_full"
            return f"no {place}.{self.key}"
        if self.key == "dead_letter" and self.argument == "x-dead-letter-exchange":
            named = f"{place}.arguments.x-dead-letter-exchange: {self.there}, in place of dead_letter"
            return named if self.there else f"{place}.dead_letter, by the name of the queue"
        if self.key in _SAYABLE and self.there not in _SAYABLE[self.key]:
            return f"{place}.arguments.{self.argument}: {self.there}, in place of {self.key}"
        return f"{place}.{self.key}: {_WORDS.get(self.there, self.there)}"
