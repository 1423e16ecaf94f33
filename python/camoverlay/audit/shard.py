"""A shard's work: from a list of pictures to a Parquet file of rows. Any engine can call it, any number of times:

plan = listing.existing_plan(folder)
network = Network.of_run(plan.settings)  # once a process
for number in plan.missing():
    make_shard(plan, number, network)
"""

from __future__ import annotations

import collections
import hashlib
import json
import pathlib
from collections.abc import Callable, Collection, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from . import heat, rows
from .decoding import Pixels, decode
from .errors import AuditError
from .inputs import files
from .inputs.item import Item
from .listing import Plan, replaced
from .network import BATCH, Network
from .rows import Row

BATCH_PIXELS = 4_000_000
"""Of them together, about."""

Told = Callable[[int], None]
"""Is told a picture's index before it is opened."""


def make_shard(
    plan: Plan,
    shard: int,
    network: Network,
    told: Told | None = None,
    deadly: Collection[int] = (),
    one_by_one: bool = False,
) -> dict[str, int]:
    """Writes the rows of a shard, whole or not at all, and returns how many there are of each status.

    A picture that cannot be read or explained is a row with its error; `deadly` are the indices of those that ended a
    process, which are not opened again. `one_by_one` has none wait for others, so that whatever ends the process does so at
    the picture that was told last."""
    batch = 1 if one_by_one else BATCH
    found = sorted(_rows(plan, shard, network, told, deadly, batch), key=lambda row: row.index)
    counts = dict(collections.Counter(row.status for row in found))
    table = rows.table(found, plan.settings)
    table = table.replace_schema_metadata({"camoverlay.run": plan.settings.hash, "camoverlay.counts": json.dumps(counts)})
    halves = [field.name for field in table.schema if str(field.type) == "list<item: halffloat>"]
    path = plan.shard_path(shard)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as part:
        pq.write_table(
            table,
            part,
            compression="zstd",
            use_dictionary=["status", "truth", "run", "predicted_id", "map_height", "map_width"],
            use_byte_stream_split=[f"{name}.list.element" for name in halves],
            write_statistics=False,
        )
    return counts


def counts_of(plan: Plan, shard: int) -> dict[str, int]:
    """How many rows of each status a finished shard has.

    Raises:
        AuditError: where its file is damaged.
    """
    path = plan.shard_path(shard)
    try:
        counts: dict[str, int] = json.loads(pq.read_metadata(path).metadata[b"camoverlay.counts"])
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from None
    return counts


def read_shard(path: pathlib.Path, columns: list[str]) -> pa.Table:
    """Columns of the rows in a finished shard's file.

    Raises:
        AuditError: where it is damaged.
    """
    try:
        table = pq.read_table(path, columns=columns)
        return table.select(columns)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise _damaged(path, error) from None


def _damaged(path: pathlib.Path, error: Exception) -> AuditError:
    said = " ".join(str(error).split()).rstrip(".")
    return AuditError(f"The rows in {path} cannot be read: {said}. Remove that file and run again: it is made anew.")


def _rows(plan: Plan, shard: int, network: Network, told: Told | None, deadly: Collection[int], most: int) -> Iterator[Row]:
    batch: list[tuple[Row, Item, Pixels]] = []
    for index, item in enumerate(plan.items(shard), plan.first(shard)):
        if told:
            told(index)
        row = Row(index, item.name, "unlabelled", item.truth)
        try:
            if index in deadly:
                raise files.UnreadableError("The process that opened it died.")
            batch.append((row, item, _open(row, item, network)))
        except files.UnreadableError as error:
            row.status, row.error = "error", str(error)
            yield row
        if len(batch) >= most or sum(pixels.size for _, _, pixels in batch) > 3 * BATCH_PIXELS:
            yield from _explained(batch, network, plan)
            batch = []
    yield from _explained(batch, network, plan)


def _open(row: Row, item: Item, network: Network) -> Pixels:
    """Reads and decodes a picture, and fills in what is known of it before the network has seen it."""
    row.truth_id = network.classes.find(item.truth) if item.truth else None
    data = files.read(item)
    row.size, row.checksum = len(data), hashlib.sha256(data).hexdigest()
    pixels, (row.width, row.height) = decode(data, network.scaled_size)
    return pixels


def _explained(batch: list[tuple[Row, Item, Pixels]], network: Network, plan: Plan) -> Iterator[Row]:
    """Fills in what the network says of the pictures of a batch."""
    if not batch:
        return
    settings = plan.settings
    pictures, truths = [pixels for _, _, pixels in batch], [row.truth_id for row, _, _ in batch]
    found = network.explain(pictures, truths, settings.maps, settings.features)
    for (row, item, _), explained in zip(batch, found, strict=True):
        if isinstance(explained, str):
            row.status, row.error = "error", explained
            yield row
            continue
        row.top, row.rival_id = explained.top, explained.rival_id
        row.score_true, row.score_rival = explained.score_true, explained.score_rival
        if row.truth_id is not None:
            row.status = "right" if row.top[0][0] == row.truth_id else "wrong"
        elif row.truth is not None:
            row.status = "unknown"
        predicted = explained.maps["predicted"]
        row.heat = heat.measure(predicted)
        row.regions = heat.in_regions(predicted, item.regions) if item.regions else None
        row.maps = explained.maps
        row.features, row.hot_features = explained.features, explained.hot_features
        yield row
