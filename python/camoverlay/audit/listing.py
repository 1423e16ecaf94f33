"""The folder of a run: what was asked, the list of its pictures, and its shards.

DIR/audit.json              settings, labels, how many pictures; written last of the listing
DIR/listing/00000.parquet   100,000 pictures each, in row groups of 1,000
DIR/shards/000000.parquet   rows, up to 1,000 pictures each
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import AuditError
from .inputs.item import SCHEMA, Item
from .settings import Settings

GROUP = 1000
"""Pictures of a row group of the listing, and of a shard at most."""

GROUPS_A_FILE = 100

SHARD_SIZES = (1000, 500, 250, 100, 50, 20)
"""All of them divide GROUP, so that a shard lies in one row group."""

SHARDS_AT_LEAST = 30
"""Of small sets, so that several processes end at about the same time."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done in `folder`."""

    folder: pathlib.Path
    settings: Settings
    pictures: int
    shard_size: int
    labels: list[str]
    network: str

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.pictures // self.shard_size)

    def shard_path(self, shard: int) -> pathlib.Path:
        """Where a shard's rows are; the file is there once they are complete."""
        return self.folder / "shards" / f"{shard:06}.parquet"

    def first(self, shard: int) -> int:
        """Index of a shard's first picture."""
        return shard * self.shard_size

    def items(self, shard: int) -> list[Item]:
        """The pictures of a shard."""
        group, offset = divmod(self.first(shard), GROUP)
        return _items(_read_group(self.folder, group).slice(offset, self.shard_size))

    def item(self, index: int) -> Item:
        """One picture of the listing."""
        group, offset = divmod(index, GROUP)
        return _items(_read_group(self.folder, group).slice(offset, 1))[0]

    def has_classes(self) -> bool:
        """Whether it is said of any picture what it shows."""
        column = SCHEMA.get_field_index("truth")
        for path in (self.folder / "listing").glob("*.parquet"):
            metadata = pq.read_metadata(path)
            for group in map(metadata.row_group, range(metadata.num_row_groups)):
                statistics = group.column(column).statistics
                if statistics is None or statistics.null_count < group.num_rows:
                    return True
        return False

    def clear_parts(self, shards: Iterable[int]) -> None:
        """Takes away what killed processes left of shards."""
        numbers = {f"{shard:06}" for shard in shards}
        for path in (self.folder / "shards").glob(".*.part"):
            if path.name[1:7] in numbers:
                path.unlink(missing_ok=True)

    def missing(self, part: int = 0, parts: int = 1) -> list[int]:
        """The shards of one of `parts` shares that are not there yet."""
        there = {path.name for path in (self.folder / "shards").glob("*.parquet")}
        return [shard for shard in range(part, self.shards, parts) if self.shard_path(shard).name not in there]


def write_plan(folder: pathlib.Path, settings: Settings, items: Iterable[Item], labels: list[str], network: str) -> Plan:
    """Lists the pictures and says what is to be done with them.

    Raises:
        AuditError: where there are none, or the folder cannot be written or has rows of an earlier run.
    """
    if any((folder / "shards").glob("*.parquet")):
        raise AuditError(
            f"{folder} has rows, and no audit.json that says of what network and pictures they are. Put it back from a copy, "
            "or take another folder for --out."
        )
    try:
        (folder / "shards").mkdir(parents=True, exist_ok=True)
        (folder / "listing").mkdir(exist_ok=True)
        pictures = _write_listing(folder, items)
        if not pictures:
            raise AuditError(
                "There is no picture in what was given. Pictures are known by their suffix: .jpg, .png, .webp, .tif, .avif …"
            )
        size = next((size for size in SHARD_SIZES if pictures / size >= SHARDS_AT_LEAST), SHARD_SIZES[-1])
        plan = Plan(folder, settings, pictures, size, labels, network)
        content = {key: value for key, value in dataclasses.asdict(plan).items() if key != "folder"}
        with replaced(folder / "audit.json") as part:
            part.write_text(json.dumps(content, indent=1), "utf-8")
    except OSError as error:
        raise AuditError(f"{folder} cannot be written: {error.strerror}.") from None
    return plan


def read_plan(folder: pathlib.Path) -> Plan | None:
    """What is to be done in a folder; None where nobody has said so yet.

    Raises:
        AuditError: where it cannot be read.
    """
    try:
        content: dict[str, Any] = json.loads((folder / "audit.json").read_text("utf-8"))
        return Plan(folder, **{**content, "settings": Settings.from_json(content["settings"])})
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise AuditError(f"{folder} is no folder: it, or what it is to lie in, is a file. Name a folder.") from None
    except OSError as error:
        raise AuditError(f"{folder}/audit.json cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError) as error:
        raise AuditError(
            f"{folder}/audit.json is damaged: {error}. Put it back from a copy, or run anew into another folder: without it "
            "nobody knows of what network and pictures the rows are."
        ) from None


def existing_plan(folder: pathlib.Path) -> Plan:
    """What is to be done in a folder where a run began.

    Raises:
        AuditError: where none did.
    """
    plan = read_plan(folder)
    if plan is None:
        raise AuditError(f"No run has begun in {folder}. Start with camoverlay-audit run DATA --out {folder}.")
    return plan


@contextlib.contextmanager
def replaced(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A place beside `path` for what takes its place as a whole, on the disk, when all is written."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_listing(folder: pathlib.Path, items: Iterable[Item]) -> int:
    """How many there are."""
    remaining = iter(items)
    count = 0
    for number in range(10**9):
        first = list(islice(remaining, GROUP))
        if not first:
            break
        with (
            replaced(folder / "listing" / f"{number:05}.parquet") as part,
            pq.ParquetWriter(part, SCHEMA, compression="zstd") as writer,
        ):
            group, groups = first, 0
            while group:
                columns = [[getattr(item, name) for item in group] for name in SCHEMA.names]
                writer.write_table(pa.table(columns, schema=SCHEMA), row_group_size=GROUP)
                count += len(group)
                groups += 1
                group = list(islice(remaining, GROUP)) if groups < GROUPS_A_FILE else []
    return count


def _items(part: pa.Table) -> list[Item]:
    return [Item(**row) for row in part.to_pylist()]


@functools.lru_cache(maxsize=2)
def _read_group(folder: pathlib.Path, group: int) -> pa.Table:
    number, inner = divmod(group, GROUPS_A_FILE)
    path = folder / "listing" / f"{number:05}.parquet"
    try:
        with pq.ParquetFile(path) as file:
            return file.read_row_group(inner)
    except (OSError, pa.ArrowException) as error:
        raise AuditError(f"{path} cannot be read: {error}. Begin anew with another folder for --out.") from None
