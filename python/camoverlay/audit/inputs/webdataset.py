"""WebDataset: tars in which members of the same name and other suffixes belong together (`0001.jpg`, `0001.cls`)."""

from __future__ import annotations

import itertools
import re
import tarfile
from collections.abc import Iterator
from typing import IO

from .files import UnreadableError, open_place
from .item import Item, is_picture

BLOCK = 512
"""Bytes of a header, and what all else is a multiple of."""

MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
"""What gzip's, bzip2's, xz's and zstd's files begin with."""

COMPRESSED_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")

COMPRESSED = (
    "It is compressed, and pictures are read one by one out of an uncompressed tar: unpack it with gunzip, bunzip2, unxz or "
    "unzstd."
)

TRUTH_SUFFIXES = ("cls", "cls.txt", "label", "class")


def expand_braces(place: str) -> list[str]:
    """`x-{000..011}.tar` and `x-{a,b}.tar` written out."""
    match = re.search(r"\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}", place)
    if match is None:
        return [place]
    first, last, names = match.groups()
    if names is not None:
        middles = names.split(",")
    else:
        middles = [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
    before, after = place[: match.start()], place[match.end() :]
    return list(itertools.chain.from_iterable(expand_braces(before + middle + after) for middle in middles))


def of_tar(place: bytes) -> Iterator[Item]:
    """The pictures of a tar, which must not be compressed, so that each can be read by itself.

    What cannot be read of it is an item with a problem."""
    try:
        with open_place(place) as file:
            if file.read(6).startswith(MAGIC):
                yield Item(place, problem=COMPRESSED)
                return
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:", errors="backslashreplace") as tar:
                members = ((_key(member.name), member) for member in tar if member.isfile())
                for _, group in itertools.groupby(members, key=lambda pair: pair[0]):
                    yield from _of_sample(place, tar, [member for _, member in group])
                # Where tarfile finds no header it ends, whatever the reason.
                problem = _what_ends(file, tar.offset)
        if problem:
            yield Item(place, problem=problem)
    except (OSError, tarfile.TarError, UnreadableError) as error:
        yield Item(place, problem=f"It cannot be read as an uncompressed tar: {error}")


def _what_ends(file: IO[bytes], end: int) -> str | None:
    """Why a tar that ends at `end` is not whole; None where it is, with zeros to its end (POSIX, pax: Archive File Format)."""
    file.seek(end)
    block = file.read(BLOCK)
    if len(block) == BLOCK and not any(block):
        while chunk := file.read(1 << 20):
            if any(chunk):
                return f"There is more behind the tar's end at byte {end}, such as another tar, which is not read."
        return None
    if len(block) < BLOCK:
        return f"The tar is cut off at byte {end + len(block)}: what comes behind is not read."
    return f"The tar has no header at byte {end}: it is damaged, and what comes behind is not read."


def _of_sample(place: bytes, tar: tarfile.TarFile, members: list[tarfile.TarInfo]) -> Iterator[Item]:
    truth = None
    for member in members:
        if member.name.split(".", 1)[-1].lower() in TRUTH_SUFFIXES and member.size < 1000:
            told = tar.extractfile(member)
            truth = told.read().decode("utf-8", "backslashreplace").strip() if told else None
    for member in members:
        if is_picture(member.name):
            yield Item(place, truth or None, member.name, member.offset_data, member.size)
    # tarfile keeps all members it has seen, which a tar of a million pictures need not.
    tar.members = []  # type: ignore[attr-defined]


def _key(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.split('.', 1)[0]}"
