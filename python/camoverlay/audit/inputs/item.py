"""One picture of a data set, before anybody opened it."""

from __future__ import annotations

import dataclasses
import os
import re
import urllib.parse

import pyarrow as pa

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"})
"""Of files that are taken for pictures, in small letters."""


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """Where a picture lies, and what is said of it.

    `place` is a path as the bytes that the file system has, which need be no text, or an address (`s3://…`). A picture within
    a tar is `length` bytes at `offset` of it. `regions` are the boxes and masks of the true class, in JSON, as `inputs.coco`
    writes them. Where `problem` is set there is nothing to read: it says why.
    """

    place: bytes
    truth: str | None = None
    member: str | None = None
    offset: int | None = None
    length: int | None = None
    regions: str | None = None
    problem: str | None = None

    @property
    def name(self) -> str:
        """The place as text, its bytes that are no UTF-8 written as `\\xff`, an address without its settings."""
        place = text(self.place)
        return (place.partition("?")[0] if is_address(place) else place) + (f"/{self.member}" if self.member else "")


SCHEMA = pa.schema(
    [
        ("place", pa.binary()),
        ("truth", pa.string()),
        ("member", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("regions", pa.string()),
        ("problem", pa.string()),
    ]
)
"""Of a table of items."""


def text(name: bytes | str) -> str:
    """A file's name as text that can be printed and stored, whatever its bytes are."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_address(place: str) -> bool:
    """Whether `place` is an address rather than a path."""
    return re.match(r"[a-z][a-z0-9+.-]+://", place) is not None


def local(place: str) -> str:
    """A `file://` address of this machine as the path that it means, whose bytes need be no text; else the place as it is."""
    match = re.fullmatch(r"file://(?:localhost)?(/[^?#]*)", place)
    return os.fsdecode(urllib.parse.unquote_to_bytes(os.fsencode(match[1]))) if match else place


def is_picture(name: bytes | str) -> bool:
    """Whether a file is taken for a picture, by its name."""
    return os.path.splitext(text(name))[1].lower() in SUFFIXES
