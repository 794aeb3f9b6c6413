"""Several tasks share one worker: what belongs together runs together, and the rest in another deployment."""

from running import show

WORKERS = {
    "files": ["--tasks=file_*"],
    "rest": ["--exclude-tasks=file_*"],
}

if __name__ == "__main__":
    raise SystemExit(show("combined: several tasks share one worker", WORKERS))
