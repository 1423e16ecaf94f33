"""Pictures of all kinds become upright RGB."""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

import camoverlay
from camoverlay.audit.decoding import decode
from camoverlay.audit.inputs.files import UnreadableError

from . import photos


def whole(width: int, height: int) -> tuple[int, int]:
    return width, height


def shortest(side: int, width: int, height: int) -> tuple[int, int]:
    return side * width // height, side


def stored(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP", "GIF"])
def test_formats(kind: str) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    photo = photos.photo("espresso")
    pixels, size = decode(stored(photo, kind, **({"quality": 95} if kind in ("JPEG", "WEBP", "AVIF") else {})), whole)
    assert size == photo.size
    assert np.abs(pixels.astype(int) - np.asarray(photo)).mean() < (12 if kind == "GIF" else 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_may_have_been_turned(orientation: int) -> None:
    photo = photos.photo("espresso")
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    lying = photo if orientation == 1 else photo.transpose(list(Image.Transpose)[back[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    asked: list[tuple[int, int]] = []

    def half(width: int, height: int) -> tuple[int, int]:
        asked.append((width, height))
        return width // 2, height // 2

    pixels, size = decode(stored(lying, "JPEG", exif=exif, quality=95), half)
    assert (size, asked) == (photo.size, [photo.size])
    assert pixels.shape == (photo.height // 2, photo.width // 2, 3)
    assert (
        np.abs(
            pixels.astype(int) - np.asarray(photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.BOX))
        ).mean()
        < 3
    )


def test_jpeg_is_decoded_no_smaller_than_needed() -> None:
    photo = photos.photo("espresso").resize((1201, 801))
    for needed, height in ((801, 801), (401, 801), (400, 401), (201, 401), (200, 201), (90, 101)):
        pixels, _ = decode(stored(photo, "JPEG"), functools.partial(shortest, needed))
        assert pixels.shape[0] == height, needed


def test_modes_that_are_no_rgb() -> None:
    photo = photos.photo("espresso")
    cmyk, _ = decode(stored(photo.convert("CMYK"), "JPEG", quality=95), whole)
    assert np.abs(cmyk.astype(int) - np.asarray(photo)).mean() < 4
    gray = photo.convert("L")
    sixteen = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    for kind in ("PNG", "TIFF"):
        assert (decode(stored(sixteen, kind), whole)[0] == np.asarray(gray.convert("RGB"))).all()
    clear = photo.copy()
    clear.putalpha(0)
    assert (decode(stored(clear, "PNG"), whole)[0] == np.asarray(photo)).all()
    assert (decode(stored(photo.quantize(64), "PNG"), whole)[0] == np.asarray(photo.quantize(64).convert("RGB"))).all()
    with pytest.raises(UnreadableError, match="floating-point"):
        decode(stored(gray.convert("F"), "TIFF"), whole)


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of one pixel whose header says something else."""
    import struct
    import zlib

    data = bytearray(stored(Image.new("RGB", (1, 1)), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "no picture of a known format"),
        (stored(photos.photo("espresso"), "JPEG")[:9000], "truncated"),
        (stored(photos.photo("espresso"), "PNG")[:9000], "cannot be decoded"),
        (stored(photos.photo("espresso"), "WEBP")[:900], "known format|decoded"),
        (png_that_claims(50_000, 50_000), "claims 50000 x 50000"),
        (png_that_claims(5_000, 5_000), "cannot be decoded"),
    ],
)
def test_damaged_files_say_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        decode(data, whole)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damage_anywhere_is_a_sentence_or_a_picture() -> None:
    random = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"):
        whole_file = stored(photos.photo("espresso").resize((60, 40)), kind)
        for _ in range(150):
            data = bytearray(whole_file[: random.integers(1, len(whole_file) + 1)])
            for _ in range(random.integers(0, 8)):
                data[random.integers(0, len(data))] = random.integers(0, 256)
            try:
                pixels, _ = decode(bytes(data), whole)
                assert pixels.ndim == 3 and pixels.shape[2] == 3
            except UnreadableError as error:
                assert str(error)


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, (284, 227)),
        ({"fit": "stretch"}, (227, 227)),
        ({"fit": "crop", "crop_share": 0.5}, (568, 454)),
        ({"fit": "letterbox"}, (227, 182)),
    ],
)
def test_the_explainer_says_to_what_size_it_scales(settings: dict[str, Any], size: tuple[int, int]) -> None:
    scaled = camoverlay.Explainer(threads=1, **settings).scaled_size(500, 400)
    assert np.abs(np.subtract(scaled, size)).max() <= 1
