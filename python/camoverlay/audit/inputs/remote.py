"""Addresses of other places than this machine's file system, by pyarrow.fs: s3://, gs://, hdfs://, abfss://."""

from __future__ import annotations

import functools
import re
import urllib.parse
from collections.abc import Iterator
from typing import IO, cast

import pyarrow as pa
from pyarrow import fs

from ..errors import AuditError
from .item import Item, is_picture

BUCKETS = ("s3", "gs", "gcs")
"""Schemes whose paths begin with the name of a bucket."""


def of_address(address: str) -> Iterator[Item]:
    """The pictures under an address, in the order of their paths; the class is the name of the folder that one lies in.

    Raises:
        AuditError: where it cannot be listed.
    """
    system, path = _open(address)
    try:
        found = sorted(
            ((info.path, info.type) for info in system.get_file_info(fs.FileSelector(path, recursive=True))),
            key=lambda one: one[0],
        )
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise AuditError(f"{_public(address)} cannot be listed: {error}.") from None
    base, _, query = address.partition("?")
    for name, kind in found:
        if kind == fs.FileType.File and is_picture(name):
            inner = name[len(path) :].lstrip("/")
            folders = inner.split("/")[:-1]
            place = f"{base.rstrip('/')}/{urllib.parse.quote(inner)}" + (f"?{query}" if query else "")
            yield Item(place.encode(), folders[-1] if folders else None)


def open_address(address: str) -> IO[bytes]:
    """The file at this address, to be read at any position.

    Raises:
        OSError: as files of this machine.
    """
    try:
        system, path = _open(address)
        return cast(IO[bytes], system.open_input_file(path))
    except (AuditError, pa.ArrowException) as error:
        raise OSError(str(error)) from None


def _open(address: str) -> tuple[fs.FileSystem, str]:
    """The file system of an address, and the path in it."""
    if re.match(r"[^:]+://[^/@]*:[^/@]*@", address):
        raise AuditError(
            f"{_public(address)} was given with a key in it, which would be kept with the rows. Give keys in the "
            "environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    parts = urllib.parse.urlsplit(address)
    path = urllib.parse.unquote(parts.path)
    query = f"?{parts.query}" if parts.query else ""
    system = _file_system(f"{parts.scheme}://{parts.netloc}{'' if parts.scheme in BUCKETS else '/'}{query}")
    bucket = parts.netloc.split("@")[-1] if parts.scheme in BUCKETS else ""
    return system, (bucket + path).rstrip("/")


@functools.lru_cache(maxsize=16)
def _file_system(root: str) -> fs.FileSystem:
    try:
        return fs.FileSystem.from_uri(root)[0]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise AuditError(
            f"{_public(root)} cannot be opened: {error}. Addresses are those of pyarrow.fs, such as s3://bucket/folder."
        ) from None


def _public(address: str) -> str:
    """Without keys and passwords."""
    return re.sub(r"//[^/@]*@", "//", address.partition("?")[0])
