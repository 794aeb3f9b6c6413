"""Many workers, one queue: three equal workers share whatever is sent to the queue, and one takes the other queues."""

from running import show

WORKERS = {
    "outbox-1": ["--queues=outbox"],
    "outbox-2": ["--queues=outbox"],
    "outbox-3": ["--queues=outbox"],
    "files": ["--queues=file_extract,file_transform,file_load"],
}

if __name__ == "__main__":
    raise SystemExit(show("queue-based: many workers, one queue", WORKERS))
