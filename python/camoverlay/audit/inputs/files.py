"""Bytes of items, from wherever they lie."""

from __future__ import annotations

import os
import stat
from typing import IO

from .item import Item, is_address
from .remote import open_address

LARGEST = 1 << 30
"""Bytes of a picture's file, at most."""


class UnreadableError(Exception):
    """Why a picture cannot be read: a sentence."""


def open_place(place: bytes) -> IO[bytes]:
    """The regular file at a path or an address, to be read at any position; whoever waits at a named pipe waits for ever.

    Raises:
        OSError: as the file system says.
        UnreadableError: for what is no regular file.
    """
    if b"\0" in place:
        raise UnreadableError("No file has a zero byte in its name.")
    address = place.decode("utf-8", "replace")
    if is_address(address):
        return open_address(address)
    handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UnreadableError("It is no regular file.")
    return os.fdopen(handle, "rb")


def read(item: Item) -> bytes:
    """The bytes of a picture.

    Raises:
        UnreadableError: with the reason.
    """
    if item.problem:
        raise UnreadableError(item.problem)
    try:
        with open_place(item.place) as file:
            if item.offset is not None:
                file.seek(item.offset)
            wanted = LARGEST + 1 if item.length is None else item.length
            data = file.read(min(wanted, LARGEST + 1))
    except OSError as error:
        raise UnreadableError(f"It cannot be read: {error.strerror or error}.") from None
    if len(data) > LARGEST:
        raise UnreadableError(f"It is larger than {LARGEST >> 20} MiB.")
    if item.length is not None and len(data) < item.length:
        raise UnreadableError("The tar ends before it does.")
    if not data:
        raise UnreadableError("The file is empty.")
    return data
