"""The example shop: an ordinary app adopted by one line, its work compared on disk."""

import csv
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from acceptance.conftest import allot, clean_environment
from PIL import Image

from allotment.local.running import RunningFleet

SHOP = Path(__file__).parents[2] / "examples" / "shop"
PRICES = {"calendar": 1675, "canvas": 4200, "mug": 890, "postcard": 150, "poster": 1250}
WORKFLOW = (
    'shop.orders.receive("{}") | shop.stock.reserve | shop.images.thumbnails | shop.images.proof | shop.invoice'
    " | shop.files.manifest | shop.mail.confirm | shop.files.verify | shop.orders.close"
)
ORDERS = ["order-1001", "order-1002", "order-1003"]


@dataclass(frozen=True)
class Shop:
    """The running example: its folder, where it writes, and its environment."""

    folder: Path
    data: Path
    environment: dict[str, str]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Run the example's services and fleet in a copy of it."""
    folder = Path(shutil.copytree(SHOP, tmp_path / "shop", ignore=shutil.ignore_patterns(".allotment", "data")))
    data = tmp_path / "data"
    data.mkdir()
    environment = clean_environment() | {"SHOP_DATA": str(data)}
    services = subprocess.Popen(
        [sys.executable, "-m", "shop.services", "--stock-port", "0", "--mail-port", "0"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert services.stdout is not None
    words = services.stdout.readline().replace(",", "").split()
    stock, mail = words[words.index("stock") + 1], words[words.index("mail") + 1]
    environment |= {"SHOP_STOCK_URL": stock, "SHOP_SMTP": mail}
    try:
        with RunningFleet(folder / "fleet.yaml", environment=environment):
            yield Shop(folder, data, environment)
    finally:
        services.send_signal(signal.SIGTERM)
        services.wait(20)
        services.stdout.close()


def test_orders_go_through_and_leave_what_they_should(shop: Shop) -> None:
    for order in ORDERS:
        done = allot("run", WORKFLOW.format(order), "--json", folder=shop.folder, environment=shop.environment)
        assert done.code == 0, done
        assert done.document["finished"] == 1
        for row in done.document["tasks"]:
            assert set(row["observed"]) <= set(row["predicted"])
    for order in ORDERS:
        compare(shop, order)
    totals = allot("run", "shop.reports.daily_totals()", "--json", folder=shop.folder, environment=shop.environment)
    assert totals.code == 0
    report = json.loads((shop.data / "reports" / "daily-totals.json").read_text())
    assert report["orders"] == len(ORDERS)
    assert report["total_cents"] == sum(total_of(order) for order in ORDERS)


def input_of(order: str) -> dict:
    return dict(json.loads((SHOP / "orders" / f"{order}.json").read_text()))


def total_of(order: str) -> int:
    return sum(PRICES[line["product"]] * line["quantity"] for line in input_of(order)["lines"])


def compare(shop: Shop, order: str) -> None:
    """Compare one order's files with what its input says they must be."""
    folder = shop.data / "orders" / order
    assert json.loads((folder / "order.json").read_text()) == input_of(order)
    assert (folder / "picture.png").read_bytes() == (SHOP / "orders" / f"{order}.png").read_bytes()
    rows = list(csv.DictReader(io.StringIO((folder / "invoice.csv").read_text())))
    assert [(row["product"], int(row["quantity"]), int(row["total_cents"])) for row in rows] == [
        (line["product"], line["quantity"], PRICES[line["product"]] * line["quantity"])
        for line in input_of(order)["lines"]
    ]
    with Image.open(folder / "picture.png") as picture:
        ratio = picture.width / picture.height
    for name, width in (("small", 64), ("large", 256)):
        with Image.open(folder / f"thumbnail-{name}.png") as thumbnail:
            assert thumbnail.width == width
            assert thumbnail.width / thumbnail.height == pytest.approx(ratio, rel=0.02)
    for line in (folder / "MANIFEST.sha256").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    receipt = json.loads((folder / "receipt.json").read_text())
    assert receipt["total_cents"] == total_of(order)
    mail = message_from_bytes((shop.data / "outbox" / f"{order}.eml").read_bytes(), policy=default)
    assert mail["X-Order"] == order
    [attachment] = mail.iter_attachments()
    assert attachment.get_payload(decode=True).replace(b"\r\n", b"\n") == (folder / "invoice.csv").read_bytes()


def test_the_shop_is_ordinary_celery_without_its_one_line() -> None:
    lines = (SHOP / "shop" / "celery.py").read_text().splitlines()
    adopting = [line for line in lines if "Fleet" in line and "import" not in line]
    assert len(adopting) == 1
    others = [path for path in (SHOP / "shop").glob("*.py") if path.name != "celery.py"]
    assert others
    assert not any("allotment" in path.read_text().lower() for path in others)
    plain = "\n".join(line for line in lines if "Fleet" not in line)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            plain
            + "\napp.loader.import_default_modules()\nprint(len([t for t in app.tasks if t.startswith('shop.')]))",
        ],
        cwd=SHOP,
        env={**os.environ, "PYTHONPATH": str(SHOP)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 10
