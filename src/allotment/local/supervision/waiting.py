"""Messages that wait in lanes from which nobody takes any more."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from allotment.errors import FollowingRefused
from allotment.local.answer import Ask, Unanswered, Unusable
from allotment.model.quantities import counted


async def waiting_in(lanes: Sequence[str], kept: Path, ask: Ask) -> Mapping[str, int]:
    """Ask how many messages wait in each lane; those that are empty are left out.

    `kept` is the file of what runs, see `Part.keep`. Raises FollowingRefused where nobody knows.
    """
    if not lanes:
        return {}
    try:
        found = await asyncio.to_thread(ask, "allotment.engine.waiting", str(kept), *lanes)
    except Unusable as error:
        raise _unknown(lanes, error.message) from None
    except Unanswered as error:
        raise _unknown(lanes, f"asking {error}") from None
    except OSError as error:  # a full disk, or as many files open as may be
        raise _unknown(lanes, f"nobody can be asked: {error}") from None
    return {name: count for name, count in found.items() if count}


def _unknown(lanes: Sequence[str], why: str) -> FollowingRefused:
    return FollowingRefused(
        f"nobody would take from {', '.join(lanes)} any more, and whether messages wait there is not known: {why}",
        hint="follow the file once the broker can be asked",
    )


def shown(waiting: Mapping[str, int]) -> str:
    """Write the lanes with what waits there."""
    return ", ".join(
        f"{name}, where {counted(count, 'message')} {'waits' if count == 1 else 'wait'}"
        for name, count in waiting.items()
    )
