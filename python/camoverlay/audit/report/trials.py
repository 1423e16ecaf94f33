"""Trials on pictures: is what is hot what decides? Parts are blurred, and the network is asked again."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from ..decoding import Pixels
from ..network import Network
from ..work import cores
from .intervals import mean_interval
from .pictures import Shown

HOT = 0.5
"""Share of a map's maximum from which on a cell counts as hot."""

BLUR = 0.1
"""Deviation of the blur, as a share of the shortest side."""

ELSEWHERE = 2
"""Random regions of a picture."""

STEPS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Shares of the picture that are deleted."""

BATCH = 8
"""Pictures that a thread asks about at a time."""

Mask = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class CounterTest:
    """How far the score of the class drops, on the mean of `count` pictures, where the hot region is blurred and where a
    region of the same shape elsewhere is; and the 95 % interval of the difference."""

    count: int
    hot: float
    elsewhere: float
    difference: tuple[float, float]

    @property
    def confirmed(self) -> bool:
        """Whether the hot region surely counts for more."""
        return self.difference[0] > 0


@dataclasses.dataclass(frozen=True)
class Deletion:
    """Mean scores of `count` pictures of which the hottest, or random, shares (STEPS) are blurred; 0 stands for the whole
    picture (deletion metric: Petsiuk et al., "RISE", 2018, blurred rather than gray)."""

    count: int
    hottest: list[float]
    random: list[float]


def counter_test(
    shown: Sequence[Shown], classes: Sequence[int], scores: Sequence[float], network: Network
) -> CounterTest | None:
    """Blurs what is hot of each picture, and as much elsewhere; `scores` are those of the whole pictures for `classes`."""
    random = np.random.default_rng(0)
    changed: list[Pixels] = []
    for one in shown:
        hot = at_pixels(one.maps["predicted"] >= HOT * one.maps["predicted"].max(), one.pixels)
        blurred = blur(one.pixels)
        for mask in (hot, *(_elsewhere(hot, random) for _ in range(ELSEWHERE))):
            changed.append(np.where(mask[:, :, None], blurred, one.pixels))
    if not changed:
        return None
    after = _scores(changed, np.repeat(classes, 1 + ELSEWHERE), network).reshape(len(shown), -1)
    drops = np.asarray(scores)[:, None] - after
    differences = drops[:, 0] - drops[:, 1:].mean(1)
    _, low, high = mean_interval(differences)
    return CounterTest(len(shown), float(drops[:, 0].mean()), float(drops[:, 1:].mean()), (low, high))


def deletion(shown: Sequence[Shown], classes: Sequence[int], scores: Sequence[float], network: Network) -> Deletion | None:
    """Blurs more and more of each picture, in the order of its heat and in a random order of the same cells."""
    random = np.random.default_rng(0)
    curves = []
    for order in ("hottest", "random"):
        changed = []
        for one in shown:
            values = one.maps["predicted"]
            ranked = values if order == "hottest" else random.random(values.shape)
            blurred = blur(one.pixels)
            for step in STEPS:
                mask = at_pixels(ranked >= np.quantile(ranked, 1 - step), one.pixels)
                changed.append(np.where(mask[:, :, None], blurred, one.pixels))
        if not changed:
            return None
        after = _scores(changed, np.repeat(classes, len(STEPS)), network).reshape(len(shown), -1)
        curves.append([float(np.mean(scores)), *after.mean(0).tolist()])
    return Deletion(len(shown), *curves)


def at_pixels(cells: npt.NDArray[np.bool_], pixels: Pixels) -> Mask:
    """Cells of a map that tile the picture, pixel by pixel."""
    rows, columns = (np.arange(side) * count // side for side, count in zip(pixels.shape[:2], cells.shape, strict=True))
    return cells[np.ix_(rows, columns)]


def blur(pixels: Pixels) -> Pixels:
    """The picture without anything that is small."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(BLUR * min(pixels.shape[:2]))))


def _elsewhere(mask: Mask, random: np.random.Generator) -> Mask:
    """The mask moved around the edges to where it overlaps itself least, of eight places."""
    moved = [np.roll(mask, random.integers(0, mask.shape), (0, 1)) for _ in range(8)]
    return min(moved, key=lambda one: int((one & mask).sum()))


def _scores(pictures: Sequence[Pixels], classes: npt.NDArray[np.int64], network: Network) -> npt.NDArray[np.float64]:
    starts = range(0, len(pictures), BATCH)

    def scores(start: int) -> list[float]:
        return network.scores(pictures[start : start + BATCH], classes[start : start + BATCH].tolist())

    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        return np.array([score for part in pool.map(scores, starts) for score in part])
