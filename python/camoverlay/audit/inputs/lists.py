"""Lists of pictures: CSV or Parquet, a row a picture."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import AuditError
from .item import Item, is_address, is_picture, local, text

FILE_COLUMNS = ("file", "path", "filename", "file_name", "filepath", "image")
TRUTH_COLUMNS = ("class", "label", "truth", "target", "category")

WANTED = (
    f"A list has lines of file,class; a first line may name columns: the files' {', '.join(FILE_COLUMNS[:-1])} or "
    f"{FILE_COLUMNS[-1]}, the classes' {', '.join(TRUTH_COLUMNS[:-1])} or {TRUTH_COLUMNS[-1]}."
)

SEPARATORS = {"semicolons": ";", "tabs": "\t", "bars": "|"}
"""Of cells, which other programs write."""


def of_csv(path: bytes) -> Iterator[Item]:
    """Lines `file,class`; where the first line names columns, those of `FILE_COLUMNS` and `TRUTH_COLUMNS`. Files are
    relative to the list's folder.

    Raises:
        AuditError: where the list cannot be read, has no file in it, or its first line neither names columns nor a picture.
    """
    try:
        # Names of files need not be text.
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as lines:
            rows = csv.reader(lines)
            first = next((row for row in rows if row), None)
            if first is None:
                raise AuditError(f"{text(path)} is empty. {WANTED}")
            columns = _columns([name.strip().lower() for name in first])
            named = columns is not None
            if columns is None:
                columns = (0, 1 if len(first) > 1 else None)
                item = _item(path, first, columns)
                _check_first(path, first, item)
                yield item
            empty = named
            for row in rows:
                if row:
                    empty = False
                    yield _item(path, row, columns)
            if empty:
                raise AuditError(f"{text(path)} has a line of columns' names and no other. {WANTED}")
    except (OSError, csv.Error) as error:
        raise AuditError(f"{text(path)} cannot be read as a list: {error}.") from None


def of_parquet(path: bytes) -> Iterator[Item]:
    """The rows of a Parquet file with a column of `FILE_COLUMNS` and maybe one of `TRUTH_COLUMNS`.

    Raises:
        AuditError: where it cannot be read, or has no such column.
    """
    try:
        with pq.ParquetFile(os.fsdecode(path)) as table:
            names = [str(name) for name in table.schema_arrow.names]
            columns = _columns([name.lower() for name in names])
            if columns is None:
                raise AuditError(f"{text(path)} has no column of files. Call it one of {', '.join(FILE_COLUMNS)}.")
            wanted = [names[column] for column in columns if column is not None]
            for batch in table.iter_batches(1000, columns=wanted):
                for row in zip(*(batch.column(name).to_pylist() for name in wanted), strict=True):
                    cells = [_cell(value) for value in row]
                    yield _item(path, cells, (0, 1 if len(cells) > 1 else None))
    except (OSError, pa.ArrowException) as error:
        raise AuditError(f"{text(path)} cannot be read as Parquet: {error}.") from None


def _check_first(path: bytes, row: Sequence[str], item: Item) -> None:
    """A first line that is no file's is one of names that nobody knows, or has other separators."""
    if item.problem or is_picture(item.place) or is_address(text(item.place)) or os.path.lexists(item.place):
        return
    other = next((name for name, separator in SEPARATORS.items() if len(row) == 1 and separator in row[0]), None)
    if other:
        raise AuditError(f"{text(path)} has {other} between its cells, where commas are wanted. {WANTED}")
    cells = text(",".join(row))
    raise AuditError(f"The first line of {text(path)}, {cells!r}, names neither columns that are known nor a picture. {WANTED}")


def _cell(value: Any) -> str | bytes | None:
    """As text; what is not a number in a column of numbers is nothing."""
    if value is None or value != value:
        return None
    return value if isinstance(value, (str, bytes)) else str(value)


def _columns(names: Sequence[str]) -> tuple[int, int | None] | None:
    """Which column is the file's, and which the class's."""
    file = next((names.index(name) for name in FILE_COLUMNS if name in names), None)
    truth = next((names.index(name) for name in TRUTH_COLUMNS if name in names), None)
    return None if file is None else (file, truth)


def _item(list_path: bytes, row: Sequence[str | bytes | None], columns: tuple[int, int | None]) -> Item:
    file, truth = columns
    name = row[file] if file < len(row) else None
    told = row[truth] if truth is not None and truth < len(row) else None
    label = text(told).strip() if told is not None else ""
    if not name:
        return Item(list_path, label or None, problem="A row of the list names no file.")
    place = os.fsencode(local(os.fsdecode(name)))
    if not is_address(text(place)):
        place = os.path.join(os.path.dirname(os.path.abspath(list_path)), place)
    return Item(place, label or None)
