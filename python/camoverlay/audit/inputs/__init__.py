"""What a data set is made of: folders, lists, tars and COCO files, on this machine or elsewhere."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence

from ..errors import AuditError
from . import coco, folders, lists, remote, webdataset
from .item import Item, is_address, is_picture, local, text


def find(data: Sequence[str], boxes: str | None = None) -> Iterator[Item]:
    """The items of all `data`, always in the same order: folders, CSV, Parquet and COCO (.json) files, tars, pictures,
    addresses.

    `boxes` is a COCO file with boxes and masks for pictures that come from elsewhere.

    Raises:
        AuditError: for what is nothing of the kind.
    """
    objects = coco.Coco(os.fsencode(boxes)) if boxes else None
    places = [
        place for given in map(local, data) for place in (webdataset.expand_braces(given) if ".tar" in given else [given])
    ]
    _refuse_twice(places)
    for place in places:
        if place.partition("?")[0].lower().endswith(webdataset.COMPRESSED_SUFFIXES):
            raise AuditError(f"{text(place)} cannot be read. {webdataset.COMPRESSED}")
        for item in _of_address(place) if is_address(place) else _of_path(os.fsencode(place)):
            regions = objects.regions_of(item) if objects else None
            yield dataclasses.replace(item, regions=regions) if regions else item


def _refuse_twice(places: Sequence[str]) -> None:
    """A picture that is reached two ways would count twice."""
    seen: dict[pathlib.PurePath, str] = {}
    real = [pathlib.PurePath(place if is_address(place) else os.path.realpath(place)) for place in places]
    for path, place in zip(real, places, strict=True):
        if path in seen:
            other = "" if seen[path] == place else f", as {text(seen[path])} too"
            raise AuditError(f"{text(place)} is given twice{other}, and its pictures would count twice. Give it once.")
        seen[path] = place
    for path, place in zip(real, places, strict=True):
        outer = next((seen[parent] for parent in path.parents if parent in seen), None)
        if outer is not None:
            raise AuditError(
                f"{text(place)} lies in {text(outer)}, and its pictures would count twice. Give the one or the other."
            )


def _of_path(path: bytes) -> Iterator[Item]:
    if os.path.isdir(path):
        for name in sorted(os.listdir(path)):
            if name.endswith(b".tar"):
                yield from webdataset.of_tar(os.path.join(path, name))
            elif text(name).lower().endswith(webdataset.COMPRESSED_SUFFIXES):
                yield Item(os.path.join(path, name), problem=webdataset.COMPRESSED)
        yield from folders.of_folder(path)
        return
    if not os.path.lexists(path):
        raise AuditError(f"There is no {text(path)}. Name a folder, a list (.csv, .parquet), a COCO file (.json) or a tar.")
    suffix = os.path.splitext(path)[1].lower()
    if suffix == b".csv":
        yield from lists.of_csv(path)
    elif suffix == b".parquet":
        yield from lists.of_parquet(path)
    elif suffix == b".json":
        yield from coco.Coco(path).items()
    elif suffix == b".tar":
        yield from webdataset.of_tar(path)
    elif is_picture(path):
        yield Item(path)
    else:
        raise AuditError(
            f"{text(path)} holds no pictures. Name a folder, a list (.csv, .parquet), a COCO file (.json) or a tar."
        )


def _of_address(address: str) -> Iterator[Item]:
    path = address.partition("?")[0]
    if path.endswith(".tar"):
        yield from webdataset.of_tar(address.encode())
    elif is_picture(path):
        yield Item(address.encode())
    else:
        yield from remote.of_address(address)
