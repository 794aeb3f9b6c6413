"""The two services the shop talks to, for trying it out: `python -m shop.services`.

A stock service (HTTP) and a mail server that keeps each mail as a file. Both listen on 127.0.0.1 only.
"""

import argparse
import asyncio
import json
import signal
import threading
from email.parser import BytesHeaderParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from shop.settings import data_folder
from shop.storage import check_order_id, write_file

HOST = "127.0.0.1"
PRICES = {"calendar": 1675, "canvas": 4200, "mug": 890, "postcard": 150, "poster": 1250}
IN_STOCK = 1_000_000
LARGEST_MAIL = 10_000_000


class Refused(Exception):
    """A request the stock service refuses: an HTTP status and a reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Stock:
    """What is in stock and who has reserved it, in memory."""

    def __init__(self) -> None:
        self.reservations: dict[str, dict[str, int]] = {}
        self.lock = threading.Lock()

    def reserve(self, order_id: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
        """Reserve lines of product and quantity for an order, in place of what it had reserved before.

        Returns the reservation's number and the lines with their prices, or raises Refused.
        """
        wanted: dict[str, int] = {}
        for line in lines:
            product, quantity = line["product"], int(line["quantity"])
            if product not in PRICES:
                raise Refused(404, f"there is no product {product!r}; there are {', '.join(sorted(PRICES))}")
            if quantity < 1:
                raise Refused(400, f"the quantity of {product!r} must be above zero")
            wanted[product] = wanted.get(product, 0) + quantity
        with self.lock:
            for product, quantity in wanted.items():
                free = self.free(product, without=order_id)
                if quantity > free:
                    raise Refused(409, f"only {free} of {product!r} left, {quantity} wanted")
            self.reservations[order_id] = wanted
        priced = [
            {"product": line["product"], "quantity": line["quantity"], "price_cents": PRICES[line["product"]]}
            for line in lines
        ]
        return {"reservation": f"reserved-{order_id}", "lines": priced}

    def free(self, product: str, without: str = "") -> int:
        """Return how many of a product nobody has reserved, not counting one order's reservation."""
        taken = (wanted.get(product, 0) for order_id, wanted in self.reservations.items() if order_id != without)
        return IN_STOCK - sum(taken)

    def overview(self) -> dict[str, Any]:
        """Return the price and the free number of every product, and the reservations."""
        with self.lock:
            products = {name: {"price_cents": price, "free": self.free(name)} for name, price in PRICES.items()}
            return {"products": products, "reservations": dict(self.reservations)}


class StockServer(ThreadingHTTPServer):
    """The stock service over HTTP: `GET /` and `PUT /reservations/<order id>`."""

    request_queue_size = 128

    def __init__(self, port: int) -> None:
        self.stock = Stock()
        try:
            super().__init__((HOST, port), StockHandler)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {HOST}:{port}: {error.strerror}") from error


class StockHandler(BaseHTTPRequestHandler):
    """One request to the stock service."""

    server: StockServer

    def do_GET(self) -> None:
        """Answer with the overview."""
        if self.path == "/":
            self.answer(200, self.server.stock.overview())
        else:
            self.answer(404, {"error": f"nothing at {self.path}"})

    def do_PUT(self) -> None:
        """Reserve the lines in the request's body for the order in its path."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind, _, order_id = self.path.lstrip("/").partition("/")
        if kind != "reservations":
            self.answer(404, {"error": f"nothing at {self.path}"})
            return
        try:
            self.answer(200, self.server.stock.reserve(check_order_id(order_id), json.loads(body)["lines"]))
        except Refused as error:
            self.answer(error.status, {"error": str(error)})
        except (KeyError, TypeError, ValueError) as error:
            self.answer(400, {"error": f"cannot understand the request: {error!r}"})

    def answer(self, status: int, value: Any) -> None:
        """Send a status and a JSON body."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet: one line is printed when the services start, and no more."""


class MailSession:
    """A talk with one mail client. Each command has a method that takes the rest of the line and returns the reply."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.sender = ""
        self.recipients: list[str] = []
        self.commands = {
            "EHLO": self.hello,
            "HELO": self.hello,
            "MAIL": self.mail,
            "RCPT": self.recipient,
            "DATA": self.data,
            "RSET": self.reset,
            "NOOP": self.nothing,
        }

    async def talk(self) -> None:
        """Answer commands until the client says QUIT or goes away."""
        await self.reply("220 shop mail ready")
        while line := await self.reader.readline():
            name, _, rest = line.decode(errors="replace").strip().partition(" ")
            if name.upper() == "QUIT":
                await self.reply("221 goodbye")
                return
            await self.reply(await self.commands.get(name.upper(), self.unknown)(rest))

    async def reply(self, text: str) -> None:
        """Send one line."""
        self.writer.write(f"{text}\r\n".encode())
        await self.writer.drain()

    async def hello(self, _rest: str) -> str:
        self.forget()
        return "250 shop mail"

    async def mail(self, rest: str) -> str:
        if not rest.upper().startswith("FROM:"):
            return "501 MAIL FROM:<address>"
        self.forget()
        self.sender = rest[5:].strip()
        return "250 sender noted"

    async def recipient(self, rest: str) -> str:
        if not rest.upper().startswith("TO:"):
            return "501 RCPT TO:<address>"
        if not self.sender:
            return "503 MAIL comes first"
        self.recipients.append(rest[3:].strip())
        return "250 recipient noted"

    async def data(self, _rest: str) -> str:
        if not self.recipients:
            return "503 RCPT comes first"
        await self.reply("354 end the mail with a single dot")
        mail = await read_mail(self.reader)
        self.forget()
        return keep_mail(mail)

    async def reset(self, _rest: str) -> str:
        self.forget()
        return "250 forgotten"

    async def nothing(self, _rest: str) -> str:
        return "250 nothing done"

    async def unknown(self, _rest: str) -> str:
        return "500 unknown command"

    def forget(self) -> None:
        """Forget the sender and the recipients."""
        self.sender = ""
        self.recipients = []


async def serve_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak SMTP with one client until it says QUIT or goes away."""
    try:
        await MailSession(reader, writer).talk()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        pass  # gone in the middle of a line, or a line without end
    except asyncio.CancelledError:
        pass  # the services stop while a client is still there
    finally:
        writer.close()


async def read_mail(reader: asyncio.StreamReader) -> bytes | None:
    """Read a mail up to its single dot. Returns its bytes, or None if it is too large."""
    lines: list[bytes] = []
    size = 0
    while (line := await reader.readuntil(b"\n")) not in (b".\r\n", b".\n"):
        size += len(line)
        if size <= LARGEST_MAIL:
            lines.append(line.removeprefix(b"."))
    return b"".join(lines) if size <= LARGEST_MAIL else None


def keep_mail(mail: bytes | None) -> str:
    """Write a mail to the outbox, under the order id in its `X-Order` header. Returns the reply for the client."""
    if mail is None:
        return f"552 a mail may have {LARGEST_MAIL} bytes"
    try:
        order_id = check_order_id(BytesHeaderParser().parsebytes(mail).get("X-Order"))
    except ValueError as error:
        return f"554 the header X-Order must name an order: {error}"
    try:
        write_file(data_folder() / "outbox" / f"{order_id}.eml", mail)
    except OSError as error:
        return f"452 cannot keep the mail: {error}"
    return f"250 kept as {order_id}.eml"


async def serve(stock_port: int, mail_port: int) -> None:
    """Run both services until SIGINT or SIGTERM. A port of 0 takes any that is free."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    mail_server = await asyncio.start_server(serve_mail, HOST, mail_port)
    stock_server = StockServer(stock_port)
    thread = threading.Thread(target=stock_server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    stock, mail = stock_server.server_address[1], mail_server.sockets[0].getsockname()[1]
    print(f"shop services ready: stock http://{HOST}:{stock}, mail {HOST}:{mail}", flush=True)
    await stop.wait()
    mail_server.close()
    await asyncio.to_thread(stock_server.shutdown)
    stock_server.server_close()


def main() -> None:
    """Read the command line and run the services."""
    parser = argparse.ArgumentParser(prog="python -m shop.services", description="Run the stock and mail services.")
    parser.add_argument("--stock-port", type=int, default=8641, help="0 takes any free port (default 8641)")
    parser.add_argument("--mail-port", type=int, default=8642, help="0 takes any free port (default 8642)")
    arguments = parser.parse_args()
    try:
        asyncio.run(serve(arguments.stock_port, arguments.mail_port))
    except OSError as error:
        raise SystemExit(f"the shop services cannot start: {error}") from error


if __name__ == "__main__":
    main()
