"""A task that is registered with a backend, for inspection."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegisteredTask:
    """A task by its full name; the queue it goes to, None where nothing says one; the module it was made in."""

    name: str
    queue: str | None = None
    module: str | None = None
