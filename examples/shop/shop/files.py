"""Checksums of an order's files."""

import hashlib
from pathlib import Path

from shop.celery import app
from shop.storage import Order, folder_of, write_file

MANIFEST = "MANIFEST.sha256"


@app.task
def manifest(order: Order) -> Order:
    """Write down the checksum of every file the order has so far.

    Takes an order. Writes `MANIFEST.sha256`, which `sha256sum --check` can read. Returns the order with its name.
    """
    folder = folder_of(order)
    lines = [f"{checksum(folder / name)}  {name}\n" for name in order["files"]]
    write_file(folder / MANIFEST, "".join(lines).encode())
    return {**order, "manifest": MANIFEST}


@app.task
def verify(order: Order) -> Order:
    """Compare the order's files with its manifest.

    Takes an order with a manifest. Writes nothing. Returns the order with the number of files compared, or raises
    ValueError naming the files that differ.
    """
    folder = folder_of(order)
    lines = (folder / order["manifest"]).read_text().splitlines()
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    different = [name for name, digest in expected.items() if checksum(folder / name) != digest]
    if different:
        raise ValueError(f"files of order {order['id']} differ from {order['manifest']}: {', '.join(different)}")
    return {**order, "verified": len(expected)}


def checksum(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
