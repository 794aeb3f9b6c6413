"""The scripts that the server runs: each does in one step what may not be seen, or end, half done.

A script that moves messages writes to the new place before it takes away from the old. Where a write is refused, as the
server is short of memory, the script ends there and nothing is lost.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from redis.exceptions import NoScriptError, ResponseError

Command = tuple[Any, ...]

_ALSO_WITHOUT_MEMORY = "#!lua flags=allow-oom\n"
"""For Redis from 7.0 and Valkey: the script may write although the server is over its limit of memory (Redis docs,
"Lua API reference", script flags). Taking and putting back do not make it more, and are the way out."""


class Script:
    """A script, known to the server by its digest once it has run there.

    `frees` says that it runs also where the server is over its limit of memory.
    """

    def __init__(self, text: str, *, frees: bool = False) -> None:
        self._plain = text
        self._use(_ALSO_WITHOUT_MEMORY + text if frees else text)

    def _use(self, text: str) -> None:
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def short(self, keys: Sequence[str], arguments: Sequence[Any]) -> Command:
        """Give the command that names the script."""
        return ("EVALSHA", self._digest, len(keys), *keys, *arguments)

    def whole(self, keys: Sequence[str], arguments: Sequence[Any]) -> Command:
        """Give the command that brings the script along."""
        return ("EVAL", self._text, len(keys), *keys, *arguments)

    def try_again(self, error: ResponseError) -> bool:
        """Say whether the whole command may succeed after this answer to either of them."""
        if isinstance(error, NoScriptError):
            return True
        if self._text != self._plain and "compiling script" in str(error):  # a server that knows no flags
            self._use(self._plain)
            return True
        return False

    def run(self, client: Any, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run it with a client of redis-py, and give what it returns. Raises what redis-py raises."""
        try:
            return client.execute_command(*self.short(keys, arguments))
        except ResponseError as error:
            if not self.try_again(error):
                raise
        try:
            return client.execute_command(*self.whole(keys, arguments))
        except ResponseError as error:
            if not self.try_again(error):
                raise
        return client.execute_command(*self.whole(keys, arguments))


PUT: Final = Script("""
-- Puts a message into a queue that has a limit.
-- KEYS: the list it goes to, the hash that counts what was dropped, then the queue's lists, the most urgent first.
-- ARGV: message, limit, queue, 'drop' or 'reject', milliseconds after which an unused queue goes or 0.
-- Returns how many wait where it was refused, else -1.
local waiting = 0
for i = 3, #KEYS do
  waiting = waiting + redis.call('LLEN', KEYS[i])
end
local over = waiting - tonumber(ARGV[2]) + 1
if over > 0 then
  if ARGV[4] ~= 'drop' then
    return waiting
  end
  over = math.min(over, waiting)
  redis.call('HINCRBY', KEYS[2], ARGV[3], over)
  for i = #KEYS, 3, -1 do
    local dropped = math.min(over, redis.call('LLEN', KEYS[i]))
    if dropped > 0 then
      redis.call('LTRIM', KEYS[i], 0, -dropped - 1)
      over = over - dropped
    end
  end
end
redis.call('LPUSH', KEYS[1], ARGV[1])
if ARGV[5] ~= '0' then
  for i = 3, #KEYS do
    redis.call('PEXPIRE', KEYS[i], ARGV[5])
  end
end
return -1
""")

TAKE: Final = Script(
    """
-- Takes the next message and notes that it is not acknowledged.
-- KEYS: the lists, in the order in which they are asked: those of all queues for one priority, then for the next.
-- ARGV: the hash and the index of what is not acknowledged, tag, how many queues, then for each queue how the note on
-- its message ends, '' for none.
-- Returns which list, from 1, and the message; 0 where all are empty. A server that tracks the caller tells when a list
-- changes that was read. Redis 7.0 does so for all KEYS, which is why the notes' keys, which change all the time, are
-- none of them.
local queues = tonumber(ARGV[4])
for i = 1, #KEYS do
  local message = redis.call('LINDEX', KEYS[i], -1)
  if message then
    local ending = ARGV[5 + (i - 1) % queues]
    if ending ~= '' then
      local now = redis.call('TIME')
      redis.call('HSET', ARGV[1], ARGV[3], '[' .. message .. ending)
      redis.call('ZADD', ARGV[2], now[1] .. '.' .. string.format('%06d', now[2]), ARGV[3])
    end
    redis.call('RPOP', KEYS[i])
    return {i, message}
  end
end
return 0
""",
    frees=True,
)

PUT_BACK: Final = Script(
    """
-- Puts a message that was taken back, unless another was quicker.
-- KEYS: the hash and the index of what is not acknowledged, then the lists it goes to.
-- ARGV: tag, 'RPUSH' to be the next or 'LPUSH' to be the last, message.
-- Returns 1, or 0 where there is no such message any more.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
for i = 3, #KEYS do
  redis.call(ARGV[2], KEYS[i], ARGV[3])
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
""",
    frees=True,
)

FORGET: Final = Script(
    """
-- Takes away the note of a message: it is acknowledged. Kombu does so by a transaction, which a server that is over its
-- limit of memory refuses, whatever is in it.
-- KEYS: the hash and the index of what is not acknowledged.
-- ARGV: tag.
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
""",
    frees=True,
)

SET_ASIDE: Final = Script(
    """
-- Moves what was taken to the dead letters, unless they are full or another was quicker.
-- KEYS: the hash and the index of what is not acknowledged, then the lists of dead letters, the first for this one.
-- ARGV: tag, dead letter, limit, seconds that a message may be with a worker, seconds until it is tried again.
-- Returns 1, or 0 where there is no such message any more, or -1 where they are full.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
local waiting = 0
for i = 3, #KEYS do
  waiting = waiting + redis.call('LLEN', KEYS[i])
end
if waiting >= tonumber(ARGV[3]) then
  redis.call('ZADD', KEYS[2], redis.call('TIME')[1] - ARGV[4] + ARGV[5], ARGV[1])
  return -1
end
redis.call('LPUSH', KEYS[3], ARGV[2])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
""",
    frees=True,
)
