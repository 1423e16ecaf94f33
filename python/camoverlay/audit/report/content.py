"""What the pages of a report say, as JSON."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.integrate import trapezoid

from ..rows import STATUSES
from .flags import Flag
from .gather import Gathered
from .intervals import mean_interval, wilson
from .pictures import packed
from .table import Indices, Rows
from .trials import CounterTest, Deletion

EXAMPLES = 4
"""Pictures of a class that are shown for each status."""

OF_A_FLAG = 12
"""Pictures that are shown for a flag."""

CELLS = 200
"""Confusions that are listed, the most frequent ones."""

ERRORS = 500
"""Pictures with an error that are listed."""

NO_CLASS = "(no class)"
"""Name of the class of pictures without one."""

STATUSES_OF_MAPS = ("right", "wrong", "unknown", "unlabelled")

Json = dict[str, Any]


@dataclasses.dataclass
class Class:
    """The pictures that are said to be of one class, by status."""

    name: str
    rows: dict[str, Indices]

    def count(self, status: str) -> int:
        return len(self.rows.get(status, ()))

    def examples(self, status: str) -> list[int]:
        """Some of them, evenly spread."""
        of_status = self.rows.get(status, np.zeros(0, np.int64))
        places = np.unique(np.linspace(0, len(of_status) - 1, min(EXAMPLES, len(of_status))).astype(np.int64))
        return [int(row) for row in of_status[places]] if len(of_status) else []


def group_names(rows: Rows) -> list[str]:
    """What each row's class is called: by the network where it has that class, else by the data set."""
    labels = rows.plan.labels
    told = rows.text("truth", np.arange(len(rows)))
    return [
        labels[truth].split(",")[0] if truth >= 0 else name or NO_CLASS
        for truth, name in zip(rows.truth_id.tolist(), told, strict=True)
    ]


def classes_of(rows: Rows, groups: Sequence[str]) -> list[Class]:
    """All classes of the data set, in the order of their names."""
    found: dict[str, dict[str, list[int]]] = collections.defaultdict(lambda: collections.defaultdict(list))
    for row, (group, status) in enumerate(zip(groups, rows.status, strict=True)):
        found[group][status].append(row)
    return [
        Class(name, {status: np.array(numbers, np.int64) for status, numbers in by_status.items()})
        for name, by_status in sorted(found.items())
    ]


def confusions(rows: Rows) -> list[tuple[int, int, Indices]]:
    """True class, predicted class and the pictures, the most frequent first."""
    wrong = np.flatnonzero(rows.status == "wrong")
    pairs = np.stack([rows.truth_id[wrong], rows.predicted[wrong]], 1)
    if not len(pairs):
        return []
    kinds, inverse, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:CELLS]
    return [(int(kinds[kind, 0]), int(kinds[kind, 1]), wrong[np.flatnonzero(inverse.ravel() == kind)]) for kind in order]


def accuracy(right: int, wrong: int) -> list[float | None]:
    """Share and its 95 % interval, none where nothing is known."""
    return [None, 0.0, 1.0] if right + wrong == 0 else list(wilson(right, right + wrong))


def overview(rows: Rows, classes: Sequence[Class]) -> Json:
    """The numbers at the top."""
    counts = {status: int((rows.status == status).sum()) for status in STATUSES}
    settings = rows.plan.settings
    return {
        "network": rows.plan.network,
        "data": [place.encode("utf-8", "backslashreplace").decode() for place in settings.data],
        "run": settings.hash,
        "pictures": len(rows),
        "classes": len(classes),
        "missing": rows.missing,
        "counts": counts,
        "accuracy": accuracy(counts["right"], counts["wrong"]),
    }


def flag_json(flag: Flag, trial: CounterTest | None, labels: Sequence[str], gathered: Gathered) -> Json:
    """A flag, with the mean of its pictures' maps as far as they were looked at."""
    places = gathered.of(np.sort(flag.rows))
    mean = gathered.maps[places].astype(np.float32).mean(0) if len(places) else np.zeros((1, 1), np.float32)
    return {
        "kind": flag.kind,
        "class": labels[flag.class_id].split(",")[0],
        "effect": round(flag.effect, 1),
        "value": flag.value,
        "others": flag.others,
        "n": len(flag.rows),
        "sentence": flag.sentence,
        "also": flag.also,
        "rows": [int(row) for row in flag.rows[:OF_A_FLAG]],
        "mean": packed(mean),
        "trial": None if trial is None else {**dataclasses.asdict(trial), "confirmed": trial.confirmed},
    }


def class_json(one: Class, gathered: Gathered) -> Json:
    """A class's page: means and variances of its maps, and examples."""
    statuses: Json = {}
    for status in STATUSES_OF_MAPS:
        moments = gathered.moments.get((one.name, status))
        if moments is not None and moments.count:
            statuses[status] = {
                "n": one.count(status),
                "mean": packed(moments.mean),
                "variance": packed(moments.variance),
                "rows": one.examples(status),
            }
    return statuses


def class_line(one: Class, rows: Rows) -> Json:
    """A class's line in the table of all."""
    right, wrong = one.count("right"), one.count("wrong")
    explained = np.concatenate([one.rows[status] for status in one.rows if status != "error"] or [np.zeros(0, np.int64)])
    known = explained[~np.isnan(rows.floats("energy_in_regions")[explained])] if len(explained) else explained
    line: Json = {"name": one.name, **{status: one.count(status) for status in STATUSES}, "accuracy": accuracy(right, wrong)}
    if len(known):
        hits = int(np.nansum(rows.floats("pointing")[known]))
        line["energy"] = list(mean_interval(rows.floats("energy_in_regions")[known]))
        line["pointing"] = list(wilson(hits, len(known)))
        line["area"] = float(rows.floats("regions_area")[known].mean())
    return line


def picture_json(rows: Rows, numbers: Iterable[int], maps: dict[int, Json], files: dict[int, str]) -> Json:
    """What is said of single pictures, by row."""
    labels = rows.plan.labels
    asked = sorted(set(numbers))
    paths, truths = rows.text("path", asked), rows.text("truth", asked)
    found: Json = {}
    for row, path, truth in zip(asked, paths, truths, strict=True):
        if row in files:
            found[str(row)] = {
                "file": files[row],
                "path": path,
                "truth": truth,
                "status": rows.status[row],
                "predicted": labels[int(rows.predicted[row])].split(",")[0],
                "rival": labels[int(rows.rival[row])].split(",")[0] if rows.rival[row] >= 0 else None,
                "score": round(float(rows.score[row]), 4),
                "maps": maps[row],
            }
    return found


def confusion_json(found: Sequence[tuple[int, int, Indices]], labels: Sequence[str]) -> list[Json]:
    """The confusions, with two examples each."""
    return [
        {
            "truth": labels[truth].split(",")[0],
            "predicted": labels[predicted].split(",")[0],
            "n": len(numbers),
            "rows": [int(row) for row in numbers[:2]],
        }
        for truth, predicted, numbers in found
    ]


def errors_json(rows: Rows) -> Json:
    """What failed: the reasons with how often, and pictures by name."""
    failed = np.flatnonzero(rows.status == "error")
    reasons = collections.Counter(rows.text("error", failed))
    paths, told = rows.text("path", failed[:ERRORS]), rows.text("error", failed[:ERRORS])
    return {"reasons": reasons.most_common(20), "pictures": list(zip(paths, told, strict=True))}


def deletion_json(found: Deletion | None, steps: Sequence[float]) -> Json | None:
    """The curves, and the area under each."""
    if found is None:
        return None
    shares = [0.0, *steps]
    areas = {name: float(trapezoid(curve, shares)) for name, curve in (("hottest", found.hottest), ("random", found.random))}
    return {"n": found.count, "shares": shares, "hottest": found.hottest, "random": found.random, "areas": areas}
