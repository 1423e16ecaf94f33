"""The rows of a run, read for a report: numbers of all of them, maps and features of those that are asked for."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import AuditError
from ..heat import PLACES, covered
from ..listing import Plan
from ..shard import read_shard

GRID = 14
"""Side of the grid on which maps of all shapes are compared."""

NUMBERS = (
    "index",
    "path",
    "checksum",
    "status",
    "error",
    "truth",
    "truth_id",
    "predicted_id",
    "rival_id",
    "score",
    "score_true",
    "hot_area",
    "energy_in_regions",
    "pointing",
    "regions_area",
)

Numbers = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


class Rows:
    """All rows of a run. Row and picture are numbered alike."""

    def __init__(self, plan: Plan) -> None:
        """Raises:
        AuditError: where there is none yet, or a shard cannot be read.
        """
        self.plan = plan
        there = [shard for shard in range(plan.shards) if plan.shard_path(shard).exists()]
        if not there:
            raise AuditError(f"There are no rows in {plan.folder} yet. Start with camoverlay-audit run.")
        self.missing = plan.shards - len(there)
        self.paths: list[pathlib.Path] = [plan.shard_path(shard) for shard in there]
        parts = [read_shard(path, [*NUMBERS, "hot_places"]) for path in self.paths]
        table = pa.concat_tables(parts).unify_dictionaries()
        self.starts = np.cumsum([0, *(len(part) for part in parts)])
        self.table = table.drop_columns(["hot_places"])
        self.columns: list[str] = pq.read_schema(self.paths[0]).names
        self.index = self.integers("index")
        places = pc.fill_null(pc.list_flatten(table["hot_places"].combine_chunks()), 0).to_numpy()
        self.places = np.zeros((len(table), len(PLACES)), np.float32)
        """How much of the heat lies at each of PLACES."""
        self.explained = table["hot_places"].is_valid().to_numpy()
        self.places[self.explained] = places.reshape(-1, len(PLACES))
        self.predicted = self.integers("predicted_id")
        self.rival = self.integers("rival_id")
        self.score = self.floats("score")
        self.truth_id = self.integers("truth_id")
        self.status = np.array(pc.cast(self.table["status"], pa.string()).to_pylist(), object)

    def __len__(self) -> int:
        return len(self.table)

    def integers(self, name: str) -> Indices:
        """A column, -1 for what is not known."""
        return np.asarray(pc.fill_null(self.table[name], -1).to_numpy(), np.int64)

    @functools.cache  # noqa: B019 (a report has one table)
    def floats(self, name: str) -> npt.NDArray[np.float64]:
        """A column, not a number for what is not known."""
        return np.asarray(pc.fill_null(pc.cast(self.table[name], pa.float64()), np.nan).to_numpy(), np.float64)

    def text(self, name: str, rows: Sequence[int] | Indices) -> list[str | None]:
        """Cells of a column of text."""
        cells: list[str | None] = pc.cast(self.table[name].take(pa.array(rows, pa.int64())), pa.string()).to_pylist()
        return cells

    def shard_of(self, row: int) -> int:
        """Which of the shards that are there has a row."""
        return int(np.searchsorted(self.starts, row, "right")) - 1

    def read(self, shard: int, columns: list[str]) -> pa.Table:
        """Columns of one of the shards that are there."""
        return read_shard(self.paths[shard], columns)

    def parts(self, columns: list[str]) -> Iterator[tuple[Indices, pa.Table]]:
        """Shard by shard: the numbers of its rows, and columns that are too large to be kept."""
        for number in range(len(self.paths)):
            yield np.arange(self.starts[number], self.starts[number + 1]), self.read(number, columns)

    def maps(self, part: pa.Table, of: str) -> tuple[Indices, Numbers]:
        """Of one part: which of its rows have a map of the predicted, true or rival class, and those maps on GRID x GRID cells,
        their positive parts with a sum of 1."""
        has = np.flatnonzero(part[f"map_{of}"].is_valid().to_numpy())
        lists = part[f"map_{of}"].combine_chunks()
        if isinstance(lists, pa.ChunkedArray):
            lists = lists.chunk(0) if lists.num_chunks else pa.array([], lists.type)
        values, offsets = lists.values.to_numpy(zero_copy_only=False), lists.offsets.to_numpy()
        heights, widths = part["map_height"].to_numpy(zero_copy_only=False), part["map_width"].to_numpy(zero_copy_only=False)
        found = np.zeros((len(has), GRID, GRID), np.float32)
        shapes = np.stack([heights[has], widths[has]], 1).astype(np.int64) if len(has) else np.zeros((0, 2), np.int64)
        for height, width in np.unique(shapes, axis=0):
            alike = np.flatnonzero((shapes == (height, width)).all(1))
            cells = np.stack([values[offsets[row] : offsets[row + 1]] for row in has[alike]]).astype(np.float32)
            positive = np.maximum(cells, 0).reshape(-1, height, width)
            on_grid = resampling(height) @ positive @ resampling(width).T
            found[alike] = on_grid / np.maximum(on_grid.sum((1, 2), keepdims=True), 1e-12)
        return has, found


def vectors(part: pa.Table, name: str) -> Numbers:
    """A column of feature vectors as an array, rows without one being zeros."""
    lists = part[name].combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.chunk(0)
    offsets = lists.offsets.to_numpy()
    values = lists.values.to_numpy(zero_copy_only=False)
    lengths = np.diff(offsets)
    found = np.zeros((len(part), int(lengths.max(initial=0))), np.float32)
    for row in np.flatnonzero(lengths):
        found[row] = values[offsets[row] : offsets[row + 1]]
    return found


@functools.lru_cache(maxsize=256)
def resampling(cells: int) -> Numbers:
    """GRID x cells: how much of each of `cells` along a side lies in each of GRID."""
    return np.stack([covered(cells, start / GRID, (start + 1) / GRID) for start in range(GRID)]).astype(np.float32)
