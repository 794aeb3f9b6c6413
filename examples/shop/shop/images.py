"""Work on the customer's picture."""

import io

from PIL import Image, ImageOps

from shop.celery import app
from shop.storage import Order, folder_of, with_files, write_file

THUMBNAIL_SIZES = {"small": (64, 64), "large": (256, 256)}
PROOF_SIZE = (400, 300)
PROOF_BORDER = 20


@app.task
def thumbnails(order: Order) -> Order:
    """Make two small copies of the picture.

    Takes a received order. Writes `thumbnail-small.png` and `thumbnail-large.png`. Returns the order with both files.
    """
    folder = folder_of(order)
    names = []
    with Image.open(folder / "picture.png") as picture:
        for label, size in THUMBNAIL_SIZES.items():
            small = picture.convert("RGB")
            small.thumbnail(size, Image.Resampling.LANCZOS)
            names.append(f"thumbnail-{label}.png")
            write_file(folder / names[-1], png_bytes(small))
    return with_files(order, *names)


@app.task
def proof(order: Order) -> Order:
    """Make the proof the printer looks at: grey, of one width, with a white border.

    Takes a received order. Writes `proof.png`. Returns the order with that file.
    """
    folder = folder_of(order)
    with Image.open(folder / "picture.png") as picture:
        grey = ImageOps.autocontrast(ImageOps.grayscale(picture.convert("RGB")))
    fitted = ImageOps.contain(grey, PROOF_SIZE, Image.Resampling.LANCZOS)
    write_file(folder / "proof.png", png_bytes(ImageOps.expand(fitted, PROOF_BORDER, fill=255)))
    return with_files(order, "proof.png")


def png_bytes(image: Image.Image) -> bytes:
    """Return the image as PNG; fixed settings, so equal pixels give equal bytes."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=6, optimize=False)
    return buffer.getvalue()
