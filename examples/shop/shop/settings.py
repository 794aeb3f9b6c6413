"""Settings, read from the environment each time they are asked for."""

import os
from pathlib import Path

BESIDE_PACKAGE = Path(__file__).resolve().parent.parent


def orders_folder() -> Path:
    """Return the folder the incoming orders lie in: SHOP_ORDERS, or `orders` beside the package."""
    return Path(os.environ.get("SHOP_ORDERS") or BESIDE_PACKAGE / "orders").resolve()


def data_folder() -> Path:
    """Return the folder everything is written to: SHOP_DATA, or `data` beside the package."""
    return Path(os.environ.get("SHOP_DATA") or BESIDE_PACKAGE / "data").resolve()


def stock_url() -> str:
    """Return the address of the stock service, without a slash at its end: SHOP_STOCK_URL."""
    return (os.environ.get("SHOP_STOCK_URL") or "http://127.0.0.1:8641").rstrip("/")


def mail_address() -> tuple[str, int]:
    """Return host and port of the mail server: SHOP_SMTP, written host:port."""
    text = os.environ.get("SHOP_SMTP") or "127.0.0.1:8642"
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"SHOP_SMTP must be written host:port, not {text!r}")
    return host, int(port)
