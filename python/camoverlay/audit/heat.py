"""Where a class map is hot: what is measured of one map."""

from __future__ import annotations

import dataclasses
import functools
import json
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image

Map = npt.NDArray[np.float32]

BORDER = 1 / 8
"""Width of the border, as a share of the picture's."""

CORNER = 1 / 4
"""Side of a corner, as a share of the picture's."""

PLACES = ("border", "centre", "top-left", "top-right", "bottom-left", "bottom-right")
"""In the order of `Heat.places`; the centre is the middle half of both sides."""


@dataclasses.dataclass(frozen=True)
class Heat:
    """Shares of the positive part of a map; of a map that is nowhere positive all are 0."""

    x: float
    y: float
    area: float
    places: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class InRegions:
    """Heat and objects: the share of the positive heat within them ("energy-based pointing game": Wang et al., "Score-CAM",
    2020), whether the hottest cell is ("pointing game": Zhang et al., "Top-down Neural Attention by Excitation Backprop",
    2016), and the share of the picture that they take."""

    energy: float
    pointing: bool
    area: float


def positive_shares(values: Map) -> Map:
    """The positive part of a map, its sum being 1 (0 for none)."""
    positive = np.maximum(values, 0)
    total = float(positive.sum())
    return np.asarray(positive / total if total > 0 else positive, np.float32)


def measure(values: Map) -> Heat:
    """Centre of mass of the positive part from left and top (0 to 1), share of cells above half of the maximum, and what
    lies at each of PLACES."""
    shares = positive_shares(values)
    height, width = shares.shape
    maximum = float(values.max())
    return Heat(
        float(shares.sum(0) @ _middles(width)),
        float(shares.sum(1) @ _middles(height)),
        float(np.mean(values >= maximum / 2)) if maximum > 0 else 0.0,
        tuple(float(share) for share in place_weights(height, width) @ shares.ravel()),
    )


@functools.lru_cache(maxsize=256)
def place_weights(height: int, width: int) -> npt.NDArray[np.float32]:
    """How much of each cell lies at each of PLACES: places x cells."""

    def box(top: float, bottom: float, left: float, right: float) -> Map:
        return np.outer(covered(height, top, bottom), covered(width, left, right)).astype(np.float32)

    far = 1 - CORNER
    return np.stack(
        [
            1 - box(BORDER, 1 - BORDER, BORDER, 1 - BORDER),
            box(1 / 4, 3 / 4, 1 / 4, 3 / 4),
            box(0, CORNER, 0, CORNER),
            box(0, CORNER, far, 1),
            box(far, 1, 0, CORNER),
            box(far, 1, far, 1),
        ]
    ).reshape(len(PLACES), -1)


def covered(cells: int, start: float, end: float) -> npt.NDArray[np.float64]:
    """The share of each of `cells` along a side that lies between `start` and `end`, shares of the side."""
    edges = np.arange(cells + 1) / cells
    inside = np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)
    return np.asarray(np.clip(inside, 0, None) * cells, np.float64)


def in_regions(values: Map, regions: str) -> InRegions | None:
    """How the heat of a map lies to the boxes and masks that `inputs.coco` wrote; None for a map without heat."""
    shares = positive_shares(values)
    if not shares.any():
        return None
    coverage = region_coverage(regions, *values.shape)
    return InRegions(
        min(1.0, float((shares * coverage).sum())), bool(coverage.ravel()[int(values.argmax())] >= 0.5), float(coverage.mean())
    )


def region_coverage(regions: str, height: int, width: int) -> Map:
    """The share of each of height x width cells that boxes and masks cover."""
    told = json.loads(regions)
    picture_width, picture_height = int(told["width"]), int(told["height"])
    coverage = np.zeros((height, width), np.float32)
    for region in told["regions"]:
        if "segmentation" in region:
            mask = Image.fromarray(_mask(region["segmentation"], picture_height, picture_width) * np.float32(1))
            cells = np.asarray(mask.resize((width, height), Image.Resampling.BOX))
        else:
            left, top, across, down = region["bbox"]
            rows = covered(height, top / picture_height, (top + down) / picture_height)
            columns = covered(width, left / picture_width, (left + across) / picture_width)
            cells = np.outer(rows, columns).astype(np.float32)
        coverage = np.maximum(coverage, cells)
    return coverage


def _mask(segmentation: object, height: int, width: int) -> npt.NDArray[np.uint8]:
    from pycocotools import mask

    if isinstance(segmentation, list):
        encoded = mask.merge(mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation, dict) and isinstance(segmentation["counts"], list):
        encoded = mask.frPyObjects(segmentation, height, width)
    else:
        encoded = segmentation
    with warnings.catch_warnings():
        # pycocotools has not learnt of numpy 2's copy= yet.
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(mask.decode(encoded), np.uint8)


@functools.lru_cache(maxsize=256)
def _middles(cells: int) -> npt.NDArray[np.float32]:
    return ((np.arange(cells) + 0.5) / cells).astype(np.float32)
