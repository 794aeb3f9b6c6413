"""What is known of each key, at a server of the Redis family: that a call runs, or that it is done.

A key is a string there: `running TOKEN`, which the server forgets after the lease unless it is renewed, or
`done TOKEN VALUE`, which it forgets when `keep` has passed. A token is made for each attempt to run, and tells one that
comes too late from the one that took its place. Each change is one script, which the server runs as a whole. Times are
the server's own (`PX`), so no clock of ours counts. Each step may be sent again when its answer was lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_BEGIN = """
local found = redis.call('GET', KEYS[1])
local mine = 'running ' .. ARGV[1]
if not found or found == mine then
  redis.call('SET', KEYS[1], mine, 'PX', ARGV[2])
  return false
end
return found
"""

_FINISH = """
local found = redis.call('GET', KEYS[1])
if not found or found == 'running ' .. ARGV[1] then
  redis.call('SET', KEYS[1], 'done ' .. ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
  return false
end
if string.sub(found, 1, 6 + #ARGV[1]) == 'done ' .. ARGV[1] .. ' ' then
  return false
end
return found
"""

_RENEW = """
local found = redis.call('GET', KEYS[1])
local mine = 'running ' .. ARGV[1]
if not found or found == mine then
  redis.call('SET', KEYS[1], mine, 'PX', ARGV[2])
  return 1
end
return 0
"""

_GIVE_UP = """
if redis.call('GET', KEYS[1]) == 'running ' .. ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""


@dataclass(frozen=True, slots=True)
class Running:
    """Another attempt holds the key."""


@dataclass(frozen=True, slots=True)
class Done:
    """The call of the key was done; `value` is what it came to, as it was kept."""

    value: bytes


class Store:
    """The keys at one server. Every method raises what the client raises where the server does not answer."""

    def __init__(self, client: Any, prefix: str = "") -> None:
        """Take a client of the package `redis`, and what the server's other users want all names to begin with."""
        self._prefix = prefix
        self._begin, self._finish, self._renew, self._give_up = map(
            client.register_script, (_BEGIN, _FINISH, _RENEW, _GIVE_UP)
        )

    def begin(self, key: str, token: str, lease: float) -> Running | Done | None:
        """Take the key for so many seconds; None: it is ours."""
        return _found(self._run(self._begin, key, token, _milliseconds(lease)))

    def finish(self, key: str, token: str, value: bytes, keep: float) -> Running | Done | None:
        """Write that the call is done, for so many seconds; None: so it is.

        Else another took the key, as our lease had run out, and nothing was written: it still runs, or has done it.
        """
        return _found(self._run(self._finish, key, token, value, _milliseconds(keep)))

    def renew(self, key: str, token: str, lease: float) -> bool:
        """Keep the key so much longer, or take it again where nobody has meanwhile; say whether it is ours."""
        return bool(self._run(self._renew, key, token, _milliseconds(lease)))

    def give_up(self, key: str, token: str) -> None:
        """Let others take the key, if it is ours."""
        self._run(self._give_up, key, token)

    def _run(self, script: Callable[..., Any], key: str, *arguments: str | bytes | int) -> Any:
        return script(keys=[self._prefix + key], args=arguments)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _found(answer: bytes | None) -> Running | Done | None:
    """Read what a key holds that is another's; None: it is ours."""
    if answer is None:
        return None
    state, _, rest = answer.partition(b" ")
    return Done(rest.partition(b" ")[2]) if state == b"done" else Running()
