"""Clusters within a class by what was explained: spectral relevance analysis (Lapuschkin et al., "Unmasking Clever Hans
predictors and assessing what machines really learn", Nature Communications 10, 2019)."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from ..work import cores

MOST = 6
"""Clusters that are looked for, at most."""

SMALLEST = 8
"""Pictures of a cluster that is worth a word, and of what remains of its class beside it."""

NEAR = 0.7
"""Width of the kernel by which vectors are alike, in typical distances."""

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Members by their place among the vectors, and by how much farther they are from the rest than from each other, in typical
    distances."""

    members: npt.NDArray[np.int64]
    separation: float


@dataclasses.dataclass(frozen=True)
class Clustering:
    """`gap` is the largest gap between neighbouring eigenvalues of the normalised Laplacian, from the second on (0 to 1)."""

    gap: float
    clusters: list[Cluster]


def distances(vectors: npt.NDArray[np.float32]) -> Array:
    """Between unit vectors of the same directions: from 0 to 2."""
    wide = vectors.astype(np.float64)
    unit = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    found = np.sqrt(np.maximum(2 - 2 * unit @ unit.T, 0))
    np.fill_diagonal(found, 0)
    return np.asarray(found)


def typical(of_classes: list[Array]) -> float:
    """The median over classes of the median distance within each."""
    return float(np.median([np.median(one[np.triu_indices(len(one), 1)]) for one in of_classes]))


def spectral(between: Array, typical_distance: float) -> Clustering:
    """The clusters of a class by the distances within it; as many as eigenvalues stand before the largest gap, two at least
    (von Luxburg, "A tutorial on spectral clustering", 2007). The typical distance makes classes comparable."""
    count = len(between)
    affinity = np.exp(-(between**2) / (2 * (NEAR * max(typical_distance, 1e-9)) ** 2))
    inverse = 1 / np.sqrt(affinity.sum(1))
    laplacian = np.eye(count) - inverse[:, None] * affinity * inverse
    values, axes = eigh(laplacian, subset_by_index=(0, min(MOST, count - 1)))
    gaps = np.diff(values)[1:]
    number = int(np.argmax(gaps)) + 2
    spanned = axes[:, :number] / np.maximum(np.linalg.norm(axes[:, :number], axis=1, keepdims=True), 1e-12)
    labels = KMeans(number, n_init=3, random_state=0).fit_predict(spanned)
    clusters = []
    for label in range(number):
        inside = labels == label
        if SMALLEST <= inside.sum() <= count - SMALLEST:
            within = between[np.ix_(inside, inside)]
            apart = between[np.ix_(inside, ~inside)].mean() - within[np.triu_indices(len(within), 1)].mean()
            clusters.append(Cluster(np.flatnonzero(inside), float(apart / max(typical_distance, 1e-9))))
    return Clustering(float(gaps[number - 2]), clusters)


def spectral_of_all(of_classes: Sequence[Array], typical_distance: float) -> list[Clustering]:
    """The same for many classes: a thread a core, since matrices of this size gain nothing by several."""
    with threadpool_limits(1), concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(lambda between: spectral(between, typical_distance), of_classes))
