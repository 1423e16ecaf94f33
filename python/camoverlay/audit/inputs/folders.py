"""Folders of pictures: the class is the name of the folder that a picture lies in."""

from __future__ import annotations

import os
from collections.abc import Iterator

from .item import Item, is_picture, text


def of_folder(root: bytes) -> Iterator[Item]:
    """The pictures under `root`, in the order of their names' bytes; links are followed. Pictures in `root` itself have no
    class.

    A folder that cannot be read, and a link that leads back to a folder it lies in, are items with a problem.
    """
    yield from _of(root, None, [])


def _of(folder: bytes, truth: str | None, above: list[tuple[int, int]]) -> Iterator[Item]:
    try:
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            yield Item(folder, truth, problem="It is a link to a folder that it lies in.")
            return
        with os.scandir(folder) as entries:
            found = sorted((entry.name, _is_folder(entry)) for entry in entries)
    except OSError as error:
        yield Item(folder, truth, problem=f"The folder cannot be read: {error.strerror}.")
        return
    for name, is_folder in found:
        place = os.path.join(folder, name)
        if is_folder:
            yield from _of(place, text(name), [*above, identity])
        elif is_picture(name):
            yield Item(place, truth)


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    """Whether it is one, or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False
