"""What RabbitMQ has still to say of the messages that a channel has published.

It counts them from 1 and tells by the number which it took, one at a time or all up to one
(https://www.rabbitmq.com/docs/confirms). A message that no queue takes comes back before its ack.
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import Any


@dataclass(slots=True)
class Answer:
    """What was said of one message; `took` is None until something was."""

    message: Any
    exchange: str
    routing_key: str
    took: bool | None = None
    returned: bool = False

    @property
    def identity(self) -> tuple[str, str, Any]:
        """What tells the message from others when it comes back."""
        return self.exchange, self.routing_key, self.message.properties.get("correlation_id")

    @property
    def place(self) -> str:
        """Where it was to go, as errors have it."""
        return f"queue for {self.exchange!r}" if self.exchange else f"queue {self.routing_key!r}"

    @property
    def size(self) -> int:
        """The length of its body."""
        return len(self.message.body)


class Answers:
    """Those that a channel waits for, in the order of their messages."""

    def __init__(self) -> None:
        self._published = 0
        self._awaited: dict[int, Answer] = {}

    def expect(self, answer: Answer | None) -> None:
        """Count a message that was published; None: nobody wants to know what becomes of it."""
        self._published += 1
        if answer is not None:
            self._awaited[self._published] = answer

    def said(self, number: int, *, multiple: bool, took: bool) -> list[Answer]:
        """Take in an ack or a nack, and give whose it is; `multiple` is all up to that number, 0 is every one."""
        if not multiple:
            found = [self._awaited.pop(number)] if number in self._awaited else []
        else:
            numbers = list(takewhile(lambda each: not number or each <= number, self._awaited))
            found = [self._awaited.pop(each) for each in numbers]
        for answer in found:
            answer.took = took
        return found

    def came_back(self, message: Any, exchange: str, routing_key: str) -> bool:
        """Note that a message comes back; say whether it is one that is awaited."""
        told = exchange, routing_key, message.properties.get("correlation_id")
        for answer in self._awaited.values():
            if not answer.returned and answer.identity == told:
                answer.returned = True
                return True
        return False
