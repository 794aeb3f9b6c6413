"""A disk so small that it can be filled: a file system in memory, which only root may mount."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str = "2m") -> Iterator[Path]:
    """Mount one at `folder`, which is made; skip the running test where that is not allowed. Unmounts it at the end."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "allotment-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is; give the file that has it."""
    path = disk / "filling"
    with path.open("ab", buffering=0) as file:
        block = b"\0" * 4096
        while block:
            try:
                file.write(block)
            except OSError:
                block = block[: len(block) // 2]
    return path
