"""How sure a share or a difference is."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Z = 1.959964
"""Of the normal distribution, for 95 %."""


def wilson(hits: int, of: int) -> tuple[float, float, float]:
    """A share with its 95 % interval (Wilson, "Probable inference, the law of succession, and statistical inference", 1927)."""
    if of == 0:
        return math.nan, 0.0, 1.0
    share = hits / of
    centre = (share + Z**2 / (2 * of)) / (1 + Z**2 / of)
    half = Z / (1 + Z**2 / of) * math.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    return share, max(0.0, centre - half), min(1.0, centre + half)


def mean_interval(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """A mean with its 95 % interval, by the normal distribution."""
    if not len(values):
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    half = Z * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return mean, mean - half, mean + half


def unlike_others(values: npt.NDArray[np.float64], floor: float) -> npt.NDArray[np.float64]:
    """How far each value is from the median of the others, in deviations that are the median of the others' absolute ones
    times 1.4826 (as a standard deviation's), and `floor` at least, below which a difference is of no interest."""
    found = np.zeros(len(values))
    for place in range(len(values)):
        others = np.delete(values, place)
        if len(others):
            median = np.median(others)
            found[place] = (values[place] - median) / max(1.4826 * float(np.median(np.abs(others - median))), floor)
    return found
