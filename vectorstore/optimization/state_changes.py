"""Changes of the shared state, each of which may be sent more than once and late.

None ever brings back a version that was there before: whoever sends one makes a new random version.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import redis

from vectorstore.domain.models import CollectionName

PREFIX = "vectorstore:state:"
WRITTEN_TTL_S = 600
OPEN_TTL_S = 600
"""How long a write that nobody ends keeps the cache off; longer than Milvus goes on with what it was sent."""
GENERATION_TTL_S = 86_400
"""Without one a dropped collection's generation would stay for ever; a new one is as good."""

# Timestamps are 19 digits, beyond what Lua's numbers hold exactly, and equally long: compared as text.
_KEEP_LARGER = """
local now = redis.call('GET', KEYS[1])
if not now or #now < #ARGV[1] or (#now == #ARGV[1] and now < ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""

# The second key holds the writes under way as "<writer>@<second of Redis's clock at which it is given up>".
_MOVE = """
local now = tonumber(redis.call('TIME')[1])
local kept = {}
if ARGV[3] ~= 'settled' then
  for writer, ends in string.gmatch(redis.call('GET', KEYS[2]) or '', '(%w+)@(%d+)') do
    if writer ~= ARGV[2] and tonumber(ends) > now then
      kept[#kept + 1] = writer .. '@' .. ends
    end
  end
end
if ARGV[3] == 'opened' then
  kept[#kept + 1] = ARGV[2] .. '@' .. string.format('%d', now + tonumber(ARGV[4]))
end
if #kept > 0 then
  redis.call('SET', KEYS[2], table.concat(kept, ' '), 'EX', ARGV[4])
else
  redis.call('DEL', KEYS[2])
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[5])
"""


@dataclass(frozen=True, slots=True)
class Change:
    """``op`` is one of

    * ``version``: the version at ``key`` becomes another one;
    * ``written``: the timestamp at ``key`` becomes ``value``, unless it is larger;
    * ``opened``, ``closed``: the write ``value`` to the collection ``key`` begins, or ends;
    * ``settled``: no write to the collection ``key`` is under way.

    The last three also move the collection's generation.
    """

    op: str
    key: str
    value: str = ""


def catalogue_key(name: CollectionName) -> str:
    return f"{PREFIX}catalogue:{name.cluster}/{name.database}"


def written_key(name: CollectionName | str) -> str:
    return f"{PREFIX}written:{name}"


def generation_key(name: CollectionName | str) -> str:
    return f"{PREFIX}generation:{name}"


def open_key(name: CollectionName | str) -> str:
    return f"{PREFIX}open:{name}"


def new_version() -> int:
    return secrets.randbits(62) | 1


def send(client: redis.Redis, changes: Iterable[Change]) -> None:
    """In one round trip, in their order."""
    with client.pipeline(transaction=False) as pipe:
        for change in changes:
            if change.op == "version":
                pipe.set(change.key, new_version())
            elif change.op == "written":
                pipe.eval(_KEEP_LARGER, 1, change.key, change.value, str(WRITTEN_TTL_S))
            else:
                keys = (generation_key(change.key), open_key(change.key))
                limits = (str(OPEN_TTL_S), str(GENERATION_TTL_S))
                pipe.eval(_MOVE, 2, *keys, str(new_version()), change.value, change.op, *limits)
        pipe.execute()
