"""One task, one deployment: every task has a worker to itself, which can be scaled and released by itself."""

from running import show

WORKERS = {
    "extract": ["--tasks=file_extract"],
    "transform": ["--tasks=file_transform"],
    "load": ["--tasks=file_load"],
    "send": ["--tasks=mail_send"],
    "digest": ["--tasks=mail_digest"],
}

if __name__ == "__main__":
    raise SystemExit(show("dedicated: one task, one deployment", WORKERS))
