"""From the bytes of a picture to upright RGB, no larger than the network needs."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from .inputs.files import UnreadableError

LARGEST = 100_000_000
"""Pixels that are decoded, at most: 300 MB of RGB."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP", "GIF")

ORIENTATION = 0x0112
"""The EXIF tag."""

LYING = (5, 6, 7, 8)
"""Its values for pictures that lie on their side."""

ScaledSize = Callable[[int, int], tuple[int, int]]
"""From width and height of a picture to those at which the network looks at it."""

Pixels = npt.NDArray[np.uint8]

# Of what is damaged and can be read even so.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Checked here, with JPEG's scale taken into account.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False


def decode(data: bytes, scaled_size: ScaledSize) -> tuple[Pixels, tuple[int, int]]:
    """The picture as height x width x 3, upright, and its own width and height (upright too).

    JPEG is decoded at 1/2, 1/4 or 1/8 of its size where neither side becomes shorter than the network will scale it to. Of
    several frames the first is taken, transparency is ignored (as torchvision's ImageFolder does), CMYK becomes RGB as
    Pillow does it without a profile, and 16 bits become 8.

    Raises:
        UnreadableError: with the reason.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            size = image.size
            if image.format == "JPEG":
                lies = image.getexif().get(ORIENTATION, 1) in LYING
                needed = scaled_size(*(size[::-1] if lies else size))
                image.draft(None, needed[::-1] if lies else needed)
            if image.width * image.height > LARGEST:
                raise UnreadableError(f"It claims {size[0]} x {size[1]} pixels; {LARGEST // 1_000_000} million are the most.")
            # Of PNG only after the pixels.
            lies = image.getexif().get(ORIENTATION, 1) in LYING
            eight = _eight_bits(image)
            ImageOps.exif_transpose(eight, in_place=True)
            # Copies are a tenth of what decoding takes.
            pixels = np.asarray(eight if eight.mode == "RGB" else eight.convert("RGB"))
    except UnidentifiedImageError:
        raise UnreadableError("It is no picture of a known format, or its beginning is damaged.") from None
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, MemoryError) as error:
        # Pillow's readers raise any of these on damaged files.
        raise UnreadableError(f"It cannot be decoded: {error or type(error).__name__}") from None
    return pixels, size[::-1] if lies else size


def _eight_bits(image: Image.Image) -> Image.Image:
    """Of 16 bits the upper 8, where Pillow would clip; floating point has no range that is known."""
    if image.mode == "F":
        raise UnreadableError("Its pixels are floating-point numbers, whose range nobody tells.")
    if not image.mode.startswith("I"):
        return image
    wide = np.asarray(image)
    eight = Image.fromarray((np.clip(wide, 0, 65535) >> 8).astype(np.uint8))
    eight.info = image.info
    return eight
