"""What is suspicious about a network's classes, found without a hint and ranked by how unlike the other classes it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..heat import PLACES
from .clusters import Array, distances, spectral_of_all, typical
from .gather import Gathered, predicted_classes
from .intervals import unlike_others
from .table import Indices, Rows

THRESHOLD = 3.5
"""Deviations from the other classes from which on something is a flag (Iglewicz and Hoaglin, "How to detect and handle
outliers", 1993, for this measure)."""

FEWEST_CLASSES = 4
"""Without as many there is nothing that "unlike the others" could mean."""

FLOORS = {"border": 0.05, "centre": 0.05, "corner": 0.02, "separation": 0.15, "outside": 0.05}
"""Deviations of this size among classes are nothing unusual, however alike the classes of a set are."""

OF_CLUSTERS = 2.5
"""How much larger those of places are among clusters, which are groups of like maps by themselves."""

SAME = 0.5
"""Flags of a class that share this part of their pictures are one flag."""


@dataclasses.dataclass
class Flag:
    """Something about the pictures that the network takes for one class.

    `effect` is in deviations from the other classes (`intervals.unlike_others`), `value` and `others` are what was
    compared, `rows` are the pictures it shows on, those where it shows most first, `place` is one of PLACES if it is at
    one, and `also` is what else was found on them."""

    kind: str
    class_id: int
    effect: float
    value: float
    others: float
    rows: Indices
    sentence: str
    place: str | None = None
    also: list[str] = dataclasses.field(default_factory=list)


def find(rows: Rows, gathered: Gathered, labels: Sequence[str]) -> list[Flag]:
    """All flags, the most unlike first."""
    classes = predicted_classes(rows)
    if len(classes) < FEWEST_CLASSES:
        return []
    names = [labels[one].split(",")[0] for one in classes]
    members = [np.flatnonzero(rows.explained & (rows.predicted == one)) for one in classes]
    found = _places(rows, classes, names, members) + _outside(rows, classes, names, members)
    sampled = [gathered.sample[gathered.of(rows_of)] for rows_of in members]
    maps = gathered.maps.reshape(len(gathered.sample), -1)
    # Roots, since shares of heat are as probabilities (Hellinger's distance).
    of_maps = [distances(np.sqrt(maps[gathered.of(rows_of)].astype(np.float32))) for rows_of in sampled]
    told = {(flag.class_id, flag.place) for flag in found}
    found += [flag for flag in _map_clusters(rows, classes, names, sampled, of_maps) if (flag.class_id, flag.place) not in told]
    if gathered.hot_features is not None:
        of_features = [distances(gathered.hot_features[gathered.of(rows_of)].astype(np.float32)) for rows_of in sampled]
        found += _feature_clusters(classes, names, sampled, of_features, of_maps)
    return _merged(sorted(found, key=lambda flag: -flag.effect))


def _places(rows: Rows, classes: list[int], names: list[str], members: list[Indices]) -> list[Flag]:
    """Heat at border, centre or a corner."""
    found = []
    medians = np.array([np.median(rows.places[of_class], axis=0) for of_class in members], np.float64)
    for place, name in enumerate(PLACES):
        effects = unlike_others(medians[:, place], _floor(name))
        for at in np.flatnonzero(effects >= THRESHOLD):
            value, others = medians[at, place], float(np.median(np.delete(medians[:, place], at)))
            shares = rows.places[members[at], place]
            shown = members[at][np.argsort(-shares)][: int((shares > (value + others) / 2).sum())]
            sentence = (
                f"{value:.0%} of the heat for “{names[at]}” is at the {_place(name)}, where other classes have {others:.0%}."
            )
            found.append(Flag("place", classes[at], float(effects[at]), float(value), others, shown, sentence, name))
    return found


def _outside(rows: Rows, classes: list[int], names: list[str], members: list[Indices]) -> list[Flag]:
    """Heat outside the objects, where boxes or masks say where these are."""
    outside = 1 - rows.floats("energy_in_regions")
    known = [of_class[~np.isnan(outside[of_class])] for of_class in members]
    enough = [at for at, of_class in enumerate(known) if len(of_class) >= 10]
    if len(enough) < FEWEST_CLASSES:
        return []
    means = np.array([outside[known[at]].mean() for at in enough])
    effects = unlike_others(means, FLOORS["outside"])
    found = []
    for number in np.flatnonzero(effects >= THRESHOLD):
        at, value = enough[number], float(means[number])
        others = float(np.median(np.delete(means, number)))
        shown = known[at][np.argsort(-outside[known[at]])]
        sentence = f"{value:.0%} of the heat for “{names[at]}” is outside the object, where other classes have {others:.0%}."
        found.append(Flag("outside", classes[at], float(effects[number]), value, others, shown, sentence))
    return found


def _map_clusters(rows: Rows, classes: list[int], names: list[str], sampled: list[Indices], of_maps: list[Array]) -> list[Flag]:
    """Groups of pictures whose heat is at a place where other classes have no such group."""
    usual = typical(of_maps)
    clusterings = spectral_of_all(of_maps, usual)
    found = []
    for place, name in enumerate(PLACES):
        best = []
        for of_class, clustering in zip(sampled, clusterings, strict=True):
            groups = [cluster.members for cluster in clustering.clusters] or [np.arange(len(of_class))]
            medians = [float(np.median(rows.places[of_class[group], place])) for group in groups]
            best.append((max(medians), groups[int(np.argmax(medians))]))
        values = np.array([value for value, _ in best])
        effects = unlike_others(values, OF_CLUSTERS * _floor(name))
        for at in np.flatnonzero(effects >= THRESHOLD):
            if not clusterings[at].clusters:
                continue
            shown = sampled[at][best[at][1]]
            shown = shown[np.argsort(-rows.places[shown, place])]
            value, others = float(values[at]), float(np.median(np.delete(values, at)))
            sentence = (
                f"A cluster of the maps for “{names[at]}” ({len(shown)} of {len(sampled[at])} looked at, eigengap "
                f"{clusterings[at].gap:.2f}) has {value:.0%} of its heat at the {_place(name)}; "
                f"other classes' clusters have {others:.0%}."
            )
            found.append(Flag("map-cluster", classes[at], float(effects[at]), value, others, shown, sentence, name))
    return found


def _feature_clusters(
    classes: list[int], names: list[str], sampled: list[Indices], of_features: list[Array], of_maps: list[Array]
) -> list[Flag]:
    """Groups of pictures with something under the heat that the rest of the class has not, wherever it is."""
    usual, usual_maps = typical(of_features), typical(of_maps)
    clusterings = spectral_of_all(of_features, usual)
    # Too few pictures have no clusters.
    clustered = [at for at, clustering in enumerate(clusterings) if clustering.clusters]
    if len(clustered) < FEWEST_CLASSES:
        return []
    best = [max(clusterings[at].clusters, key=lambda cluster: cluster.separation) for at in clustered]
    values = np.array([cluster.separation for cluster in best])
    effects = unlike_others(values, FLOORS["separation"])
    found = []
    for number in np.flatnonzero(effects >= THRESHOLD):
        at, cluster = clustered[number], best[number]
        inside = of_features[at][np.ix_(cluster.members, cluster.members)]
        # The most typical first.
        order = cluster.members[np.argsort(inside.mean(1))]
        apart = of_maps[at][np.ix_(cluster.members, cluster.members)]
        moves = float(np.median(apart[np.triu_indices(len(apart), 1)])) / max(usual_maps, 1e-9)
        value, others = float(values[number]), float(np.median(np.delete(values, number)))
        sentence = (
            f"Under the heat for “{names[at]}” a cluster of {len(order)} of the {len(sampled[at])} looked at (eigengap "
            f"{clusterings[at].gap:.2f}) has features that the rest of the class has not: they are {value:.2f} typical "
            f"distances farther from it than from each other, other classes' {others:.2f}. "
            + ("It is at one place." if moves < 0.5 else "It is not at one place: a background or a thing that moves.")
        )
        shown = sampled[at][order]
        found.append(Flag("feature-cluster", classes[at], float(effects[number]), value, others, shown, sentence))
    return found


def _merged(flags: list[Flag]) -> list[Flag]:
    """What shows on the same pictures of a class is one flag; the strongest speaks."""
    kept: list[Flag] = []
    for flag in flags:
        same = next((one for one in kept if one.class_id == flag.class_id and _shared(one.rows, flag.rows) >= SAME), None)
        if same is None:
            kept.append(flag)
        else:
            same.also.append(flag.sentence)
    return kept


def _shared(some: Indices, others: Indices) -> float:
    """Of the smaller set, the part that is in both."""
    return len(np.intersect1d(some, others)) / max(1, min(len(some), len(others)))


def _floor(place: str) -> float:
    return FLOORS.get(place, FLOORS["corner"])


def _place(name: str) -> str:
    return name if name in FLOORS else f"{name} corner"
