"""A row a picture: its columns, and how it gets into them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .heat import Heat, InRegions, Map
from .settings import Settings

STATUSES = ("right", "wrong", "unknown", "unlabelled", "error")
"""`unknown`: the network has no class of that name. `unlabelled`: nobody says what it is."""

TOP = 5
"""Classes that are kept with their scores."""


@dataclasses.dataclass
class Row:
    """What is known of a picture; of one that could not be explained `error` says why."""

    index: int
    path: str
    status: str
    truth: str | None = None
    error: str | None = None
    size: int | None = None
    checksum: str | None = None
    width: int | None = None
    height: int | None = None
    truth_id: int | None = None
    rival_id: int | None = None
    score_true: float | None = None
    score_rival: float | None = None
    top: list[tuple[int, float]] = dataclasses.field(default_factory=list)
    maps: dict[str, Map] = dataclasses.field(default_factory=dict)
    features: npt.NDArray[np.float32] | None = None
    hot_features: npt.NDArray[np.float32] | None = None
    heat: Heat | None = None
    regions: InRegions | None = None


def schema(settings: Settings) -> pa.Schema:
    """The columns.

    Maps are `map_height` rows of `map_width`, divided by the largest magnitude, which is in `peak_…`; `features` is the
    explained layer averaged over its places, `hot_features` the same weighted by the heat of the predicted class."""
    half = pa.list_(pa.float16())
    fields = [
        ("index", pa.int64()),
        ("path", pa.string()),
        ("size", pa.int64()),
        ("checksum", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("status", pa.dictionary(pa.int8(), pa.string())),
        ("error", pa.string()),
        ("truth", pa.dictionary(pa.int32(), pa.string())),
        ("truth_id", pa.int32()),
        ("predicted_id", pa.int32()),
        ("rival_id", pa.int32()),
        ("score", pa.float32()),
        ("score_true", pa.float32()),
        ("score_rival", pa.float32()),
        ("top_ids", pa.list_(pa.int32())),
        ("top_scores", pa.list_(pa.float32())),
        ("map_height", pa.int16()),
        ("map_width", pa.int16()),
    ]
    for name in settings.maps:
        fields += [(f"map_{name}", half), (f"peak_{name}", pa.float32())]
    if settings.features:
        fields += [("features", half), ("hot_features", half)]
    fields += [
        ("hot_x", pa.float32()),
        ("hot_y", pa.float32()),
        ("hot_area", pa.float32()),
        ("hot_places", pa.list_(pa.float32())),
        ("energy_in_regions", pa.float32()),
        ("pointing", pa.bool_()),
        ("regions_area", pa.float32()),
        ("run", pa.dictionary(pa.int8(), pa.string())),
    ]
    return pa.schema(fields)


def table(rows: list[Row], settings: Settings) -> pa.Table:
    """The rows as columns."""
    columns = schema(settings)
    return pa.Table.from_arrays(
        [_column(field, [_cell(row, field.name, settings) for row in rows]) for field in columns], schema=columns
    )


def _column(field: pa.Field, cells: list[Any]) -> pa.Array:
    if pa.types.is_list(field.type) and field.type.value_type == pa.float16():
        lengths = [0 if cell is None else len(cell) for cell in cells]
        offsets = pa.array(
            [None if cell is None else int(start) for cell, start in zip(cells, np.cumsum([0, *lengths[:-1]]), strict=True)]
            + [int(sum(lengths))],
            pa.int32(),
        )
        present = [cell for cell in cells if cell is not None]
        values = np.concatenate(present) if present else np.zeros(0, np.float16)
        return pa.ListArray.from_arrays(offsets, pa.array(values, pa.float16()))
    return pa.array(cells, field.type)


def _cell(row: Row, name: str, settings: Settings) -> Any:
    kind, _, of = name.partition("_")
    if kind in ("map", "peak") and of in settings.maps:
        values = row.maps.get(of)
        if values is None:
            return None
        peak = float(np.abs(values).max())
        return peak if kind == "peak" else (values.ravel() / max(peak, 1e-30)).astype(np.float16)
    if name in ("features", "hot_features"):
        values = getattr(row, name)
        return None if values is None else _rounded(values)
    return _SPECIAL[name](row, settings) if name in _SPECIAL else getattr(row, name)


def _rounded(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """In float16 with 6 of its 11 bits, the others being 0 and taking no room once compressed: 1 % is enough to tell features
    apart."""
    whole = np.clip(values, -65000, 65000).astype(np.float16).view(np.uint16)
    return np.asarray((whole + np.uint16(1 << 4)) & np.uint16(0xFFE0)).view(np.float16)


_SPECIAL: dict[str, Any] = {
    "predicted_id": lambda row, _: row.top[0][0] if row.top else None,
    "score": lambda row, _: row.top[0][1] if row.top else None,
    "top_ids": lambda row, _: [index for index, _ in row.top] or None,
    "top_scores": lambda row, _: [score for _, score in row.top] or None,
    "map_height": lambda row, _: next((len(values) for values in row.maps.values()), None),
    "map_width": lambda row, _: next((len(values[0]) for values in row.maps.values()), None),
    "hot_x": lambda row, _: row.heat and row.heat.x,
    "hot_y": lambda row, _: row.heat and row.heat.y,
    "hot_area": lambda row, _: row.heat and row.heat.area,
    "hot_places": lambda row, _: row.heat and list(row.heat.places),
    "energy_in_regions": lambda row, _: row.regions and row.regions.energy,
    "pointing": lambda row, _: None if row.regions is None else row.regions.pointing,
    "regions_area": lambda row, _: row.regions and row.regions.area,
    "run": lambda _, settings: settings.hash,
}
