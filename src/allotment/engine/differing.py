"""What is said of a queue, or its exchange, that is at the broker already and differs from the plan.

RabbitMQ changes no queue and no exchange that exists: it answers a declaration that differs with code 406 and names the
first argument that does (its docs, "Queues", property equivalence).
"""

import re
import shlex
from dataclasses import dataclass

from kombu import Queue

from allotment.errors import QueueDiffers
from allotment.model.names import DEAD_QUEUE, DROPPED_QUEUE
from allotment.model.preset import PRESET_QUEUES
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

_STRATEGY = "x-dead-letter-strategy"
_ASKED = ("type", "delivery_limit", "dead_letter", "max_length")
"""The keys of a queue that at-least-once delivery fills in; a length brings its own `x-overflow`."""

_WORDS = {"reject-publish": "reject", "drop-head": "drop-oldest"}
"""The file's words for values of `x-overflow`."""

_SAYABLE = {"when_full": tuple(_WORDS), "type": ("classic", "quorum")}
"""The values that these keys have words for."""


def name_in_file(plan: Plan, name: str) -> str:
    """Give the queue of the file that a queue at the broker belongs to; its own name where it is no lane."""
    lane = plan.lanes.get(name)
    return lane.queue if lane else name


_ANSWER = re.compile(r"(inequivalent|invalid) arg '([^']+)' for (queue|exchange) ")
_THERE = re.compile(r" but current is (?:none|the value '(?P<typed>.*)' of type '[^']*'|'(?P<plain>.*)')$", re.DOTALL)
_VHOST = re.compile(r" in vhost '([^']+)'(.*)", re.DOTALL)
"""RabbitMQ's words (`rabbit_misc.erl`, `assert_args_equivalence`). AMQP ends a text after 255 bytes."""


@dataclass(frozen=True, slots=True)
class QueueFault:
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
    def said(cls, text: str, queue: Queue, plan: Plan) -> "QueueFault":
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
        return name_in_file(self.plan, self.queue.name)

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
        if self.name == DEAD_QUEUE:
            return "dead_letters.max_length" if self.argument == "x-max-length" else None
        if self.argument is None:
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

    @property
    def asked(self) -> bool:
        """Whether the file does not say it, and it follows from `delivery: at-least-once`."""
        said = self.plan.model.queues.get(self.name)
        if said is None or self.name not in self.plan.safe or self.wanted is None or self.argument in said.arguments:
            return False
        attribute = {**_KEYS, "x-overflow": "max_length"}.get(str(self.argument))
        return self.argument == _STRATEGY or (attribute in _ASKED and getattr(said, attribute) is None)

    def _says(self) -> str:
        if self.asked:
            declared = self.plan.declared[self.name]
            value = declared.dead_letter if self.key == "dead_letter" else self.wanted
            key = self.key if self.key in _ASKED else self.argument
            return f"delivery: at-least-once of its tasks asks for {key}: {value}"
        if self._counts_drops:
            return f"when_full: drop-oldest asks for dead_letter: {DROPPED_QUEUE}, where what is dropped is counted"
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
        new = (self.queue.queue_arguments or {}).get("x-queue-type")
        # a queue that at-least-once delivery makes a quorum queue was none before, where it lacks what comes with that
        quorum = self.there == "quorum" or (new == "quorum" and not self._was_classic)
        careful = "" if quorum else "--if-empty "  # which RabbitMQ refuses for quorum queues
        vhost = "" if self.vhost == "/" else f"--vhost {shlex.quote(self.vhost)} "
        each = f" for each NAME of {', '.join(names)}" if len(names) > 1 else ""
        return f"`rabbitmqctl delete_queue {vhost}{careful}{'NAME' if each else names[0]}`{each}"

    @property
    def _counts_drops(self) -> bool:
        """Whether it is there so that what the queue drops can be counted."""
        declared = self.plan.declared.get(self.name)
        dropping = declared is not None and declared.dead_letter == DROPPED_QUEUE
        return dropping and str(self.argument).startswith("x-dead-letter-")

    @property
    def _was_classic(self) -> bool:
        said = self.plan.model.queues[self.name].type if self.name in self.plan.model.queues else None
        lacking = self.argument == "x-queue-type" or str(self.argument).startswith("x-dead-letter-")
        return self.asked and said is None and lacking and self.there in {None, "classic"}

    def _as_it_is(self) -> str | None:
        """Give what the file has to say so that it agrees with the broker; None where it cannot."""
        if self.key is None or self.cut:
            return None
        if self.name == DEAD_QUEUE:
            return None if self.there is None else f"{self.key}: {self.there}"
        place = f"queues.{self.name}"
        if self._was_classic or (self._counts_drops and self.there is None):
            return f"{place}.type: classic, which leaves the queue as it is"
        if self.there is None and self.asked:
            return None
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
        counted = ", and type: classic, which counts no drops" if self.there == "drop-head" else ""
        return f"{place}.{self.key}: {_WORDS.get(self.there, self.there)}{counted}"
