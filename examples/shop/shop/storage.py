"""Reading and writing the files of an order."""

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

from shop.settings import data_folder

ORDER_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class Order(TypedDict, total=False):
    """What one task hands to the next. Everything larger lies in the order's folder."""

    id: str
    folder: str  # relative to the data folder
    day: str
    files: list[str]  # names inside the folder, sorted
    reservation: str
    total_cents: int
    manifest: str
    mailed_to: str
    verified: int
    receipt: str


def check_order_id(order_id: object) -> str:
    """Return the order id unchanged, or raise ValueError if it could not name a folder."""
    if not isinstance(order_id, str) or not ORDER_ID.fullmatch(order_id):
        raise ValueError(f"{order_id!r} is not an order id: small letters, digits and hyphens only")
    return order_id


def folder_of(order: Order) -> Path:
    """Return the folder of a received order, or raise FileNotFoundError if this machine has none."""
    folder = data_folder() / order["folder"]
    if not folder.is_dir():
        raise FileNotFoundError(f"order {order['id']} has no folder: {folder} does not exist")
    return folder


def with_files(order: Order, *names: str) -> Order:
    """Return a copy of the order whose list of files also has these names."""
    return {**order, "files": sorted({*order.get("files", []), *names})}


def write_file(path: Path, content: bytes) -> None:
    """Write the content to the path in one step, so that nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON; equal values give equal bytes."""
    write_file(path, (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a header and rows as CSV with plain line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_file(path, text.getvalue().encode())


def read_json(path: Path) -> Any:
    """Return the value in a JSON file, or raise ValueError naming the file and the place."""
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, each as a mapping from column to text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
