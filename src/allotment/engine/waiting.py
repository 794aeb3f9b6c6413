"""How many messages wait in lanes, found in a process of its own: whoever asks imports neither Celery nor the app."""

import json
import sys
from pathlib import Path
from typing import Any

from allotment.engine.client import client_app, close, connect
from allotment.engine.depth import waiting_in
from allotment.errors import AllotmentError
from allotment.local.snapshot import Snapshot, read_snapshot


def waiting_of(snapshot: Snapshot, lanes: list[str]) -> dict[str, int]:
    """Count the messages that wait in each lane of a fleet. Raises AppUnusable, BrokerUnreachable and the like."""
    app = client_app(snapshot.file(), snapshot.inventory)
    try:
        connect(app)
        with app.connection_for_read() as connection:
            channel = connection.channel()
            return {lane: waiting_in(connection, channel, lane) for lane in lanes}
    finally:
        close(app)


def main() -> int:
    """Write the counts into a file, for `allotment.local.answer`.

    The file's path comes first, then that of the snapshot, then the lanes.
    """
    file, snapshot, *lanes = sys.argv[1:]
    answer: dict[str, Any]
    try:
        answer = {"found": waiting_of(read_snapshot(Path(snapshot)), lanes)}
    except AllotmentError as error:
        answer = {"unusable": [error.message, error.hint or ""]}
    Path(file).write_text(json.dumps(answer))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
