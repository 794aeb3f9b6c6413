"""Mail to customers."""

import smtplib
from email.headerregistry import Address
from email.message import EmailMessage

from shop.celery import app
from shop.settings import mail_address
from shop.storage import Order, folder_of, read_json


@app.task(autoretry_for=(ConnectionError,), max_retries=3, retry_backoff=1, retry_jitter=False)
def confirm(order: Order) -> Order:
    """Tell the customer what the order costs.

    Takes an order with an invoice. Sends one mail, the invoice attached. Returns the order with the address mailed to.
    """
    folder = folder_of(order)
    customer = read_json(folder / "order.json")["customer"]
    message = confirmation(order, customer["name"], customer["email"], (folder / "invoice.csv").read_text())
    host, port = mail_address()
    try:
        with smtplib.SMTP(host, port, local_hostname="localhost", timeout=10) as server:
            server.send_message(message)
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
        raise ValueError(f"the mail server refused the mail for order {order['id']}: {error}") from error
    except OSError as error:
        raise ConnectionError(f"the mail server at {host}:{port} does not answer: {error}") from error
    return {**order, "mailed_to": customer["email"]}


def confirmation(order: Order, name: str, email: str, invoice: str) -> EmailMessage:
    """Return the mail for an order; the same order always gives the same mail."""
    total = order["total_cents"]
    message = EmailMessage()
    message["From"] = "The print shop <shop@shop.example>"
    message["To"] = Address(name, addr_spec=email)
    message["Subject"] = f"Your order {order['id']}"
    message["Message-ID"] = f"<{order['id']}@shop.example>"
    message["X-Order"] = order["id"]
    message.set_content(
        f"Dear {name},\n\nwe are printing order {order['id']} (reservation {order['reservation']}).\n"
        f"It costs {total // 100}.{total % 100:02d}; the invoice is attached.\n",
        cte="quoted-printable",
    )
    message.add_attachment(invoice, subtype="csv", filename="invoice.csv", cte="quoted-printable")
    message.set_boundary(f"shop-{order['id']}")
    return message
