"""One walk through the maps and features of all rows: means of all, and a sample for a closer look."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import numpy as np
import numpy.typing as npt

from .table import GRID, Indices, Numbers, Rows, vectors

SAMPLE = 200
"""Pictures of a class that are looked at closely, at most."""

SAMPLE_OF_ALL = 60_000
"""Of all classes together."""

FEWEST = 15
"""Pictures of a class that can be compared with others."""


@dataclasses.dataclass
class Moments:
    """Of the maps of some pictures: how many, their sum and that of their squares."""

    count: int = 0
    sum: npt.NDArray[np.float64] = dataclasses.field(default_factory=lambda: np.zeros((GRID, GRID)))
    squares: npt.NDArray[np.float64] = dataclasses.field(default_factory=lambda: np.zeros((GRID, GRID)))

    def add(self, maps: Numbers) -> None:
        self.count += len(maps)
        self.sum += maps.sum(0, dtype=np.float64)
        self.squares += np.square(maps, dtype=np.float64).sum(0)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        return self.sum / max(self.count, 1)

    @property
    def variance(self) -> npt.NDArray[np.float64]:
        return np.maximum(self.squares / max(self.count, 1) - self.mean**2, 0)


@dataclasses.dataclass
class Gathered:
    """`moments` by class's name and status; `sample` are rows in order, with their maps and hot features (none without
    them)."""

    moments: dict[tuple[str, str], Moments]
    sample: Indices
    maps: npt.NDArray[np.float16]
    hot_features: npt.NDArray[np.float16] | None

    def of(self, rows: Indices) -> Indices:
        """Where some rows are in the sample; those that are not in it are left out."""
        places = np.searchsorted(self.sample, rows)
        places = np.minimum(places, len(self.sample) - 1)
        return np.asarray(places[self.sample[places] == rows], np.int64)


def predicted_classes(rows: Rows) -> list[int]:
    """Those for which enough pictures are taken to be compared."""
    classes, counts = np.unique(rows.predicted[rows.explained], return_counts=True)
    return [int(one) for one in classes[counts >= FEWEST]]


def gather(rows: Rows, groups: list[str]) -> Gathered:
    """Walks through all shards; `groups` has the name of each row's class."""
    sample = _sample(rows)
    has_features = "hot_features" in rows.columns
    moments: dict[tuple[str, str], Moments] = defaultdict(Moments)
    maps = np.zeros((len(sample), GRID, GRID), np.float16)
    features: npt.NDArray[np.float16] | None = None
    columns = ["map_predicted", "map_height", "map_width", *(["hot_features"] if has_features else [])]
    for numbers, part in rows.parts(columns):
        has, found = rows.maps(part, "predicted")
        keys = defaultdict(list)
        for place, row in enumerate(numbers[has]):
            keys[groups[row], rows.status[row]].append(place)
        for key, places in keys.items():
            moments[key].add(found[places])
        first, last = np.searchsorted(sample, [numbers[0], numbers[-1] + 1])
        inner = sample[first:last] - numbers[0]
        maps[first:last] = found[np.searchsorted(has, inner)]
        if has_features and len(inner):
            kept = vectors(part.take(inner), "hot_features").astype(np.float16)
            if features is None:
                features = np.zeros((len(sample), kept.shape[1]), np.float16)
            features[first:last] = kept
    return Gathered(dict(moments), sample, maps, features)


def _sample(rows: Rows) -> Indices:
    """Evenly spread rows of each class that is predicted often enough."""
    classes = predicted_classes(rows)
    most = max(FEWEST, min(SAMPLE, SAMPLE_OF_ALL // max(len(classes), 1)))
    order = np.argsort(np.where(rows.explained, rows.predicted, -1), kind="stable")
    ordered = np.where(rows.explained, rows.predicted, -1)[order]
    chosen = []
    for one in classes:
        first, last = np.searchsorted(ordered, [one, one + 1])
        chosen.append(order[np.unique(np.linspace(first, last - 1, min(most, last - first)).astype(np.int64))])
    return np.sort(np.concatenate(chosen)).astype(np.int64) if chosen else np.zeros(0, np.int64)
