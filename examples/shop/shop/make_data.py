"""Make incoming orders: `python -m shop.make_data --count 100`.

Everything in an order follows from its id, so the same id always gives the same order and the same picture.
Orders that are already there are left as they are.
"""

import argparse
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from PIL import Image, ImageDraw

from shop.images import png_bytes
from shop.services import PRICES
from shop.settings import orders_folder
from shop.storage import write_file, write_json

CUSTOMERS = ["Ada Byrne", "Bruno Keller", "Chidi Okafor", "Dana Novák", "Eilidh Grant", "Farid Rahimi"]
PICTURE_SIZE = (480, 320)


def make_order(order_id: str) -> dict[str, Any]:
    """Return the order that belongs to an id."""
    chance = sha256(order_id.encode()).digest()
    name = CUSTOMERS[chance[0] % len(CUSTOMERS)]
    products = sorted(PRICES)
    first = chance[2] % len(products)
    chosen = [products[(first + step) % len(products)] for step in range(1 + chance[3] % 3)]
    return {
        "id": order_id,
        "day": (date(2024, 3, 1) + timedelta(days=chance[1] % 4)).isoformat(),
        "customer": {"name": name, "email": f"{name.split()[0].lower()}@customers.example"},
        "picture": f"{order_id}.png",
        "lines": [{"product": product, "quantity": 1 + chance[4 + place] % 5} for place, product in enumerate(chosen)],
    }


def make_picture(order_id: str) -> Image.Image:
    """Return the picture that belongs to an id: discs and stripes on a plain ground."""
    chance = sha256(f"picture of {order_id}".encode()).digest()
    width, height = PICTURE_SIZE
    picture = Image.new("RGB", PICTURE_SIZE, (chance[0], chance[1], chance[2]))
    draw = ImageDraw.Draw(picture)
    for place in range(3, 28, 5):
        across, down, red, green, blue = chance[place : place + 5]
        x, y, radius = across * width // 255, down * height // 255, 20 + red % 60
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(red, green, blue))
        draw.rectangle((0, y, width, y + 4), fill=(blue, red, green))
    return picture


def main() -> None:
    """Read the command line and write the orders that are missing."""
    parser = argparse.ArgumentParser(prog="python -m shop.make_data", description="Make incoming orders.")
    parser.add_argument("--first", type=int, default=1001, help="number of the first order (default 1001)")
    parser.add_argument("--count", type=int, default=6, help="how many orders (default 6)")
    arguments = parser.parse_args()

    folder = orders_folder()
    made = 0
    for number in range(arguments.first, arguments.first + arguments.count):
        order_id = f"order-{number}"
        if (folder / f"{order_id}.json").exists():
            continue
        write_file(folder / f"{order_id}.png", png_bytes(make_picture(order_id)))
        write_json(folder / f"{order_id}.json", make_order(order_id))
        made += 1
    print(f"{made} new orders in {folder}")


if __name__ == "__main__":
    main()
