"""`camoverlay-audit report`: from rows to pages."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

import numpy as np

from ..listing import existing_plan
from ..network import Network
from . import content, flags, trials
from .content import Class, Json
from .flags import Flag
from .gather import gather
from .page import Page
from .pictures import Pictures, Shown, packed, small
from .table import Rows

MOST_FLAGS = 50
"""Flags that are told, the most unlike."""

TRIED_FLAGS = 20
"""Flags that get a counter-test, the most unlike."""

TRIED_PICTURES = 16
"""Pictures of a counter-test."""

DELETED_PICTURES = 32
"""Pictures of the deletion's sample."""

CLASSES_A_FILE = 50


def make_report(folder: pathlib.Path, out: pathlib.Path, pictures: int, single_file: bool) -> Json:
    """Writes the report of the run in `folder` to `out`, with at most so many `pictures`, and returns its summary.

    Raises:
        AuditError: where there are no rows, the network is another one by now, or the report cannot be written.
    """
    plan = existing_plan(folder)
    rows = Rows(plan)
    network = Network.of_run(plan.settings)
    page = Page(out, single_file)
    groups = content.group_names(rows)
    gathered = gather(rows, groups)
    found = flags.find(rows, gathered, plan.labels)[:MOST_FLAGS]
    classes = content.classes_of(rows, groups)
    confused = content.confusions(rows)
    album = Pictures(rows, network)

    tested = {number: _test(flag, rows, album, network) for number, flag in enumerate(found[:TRIED_FLAGS])}
    deleted = _deletion(rows, album, network)
    lines = [content.class_line(one, rows) for one in classes]
    summary: Json = {
        **content.overview(rows, classes),
        "flags": [content.flag_json(flag, tested.get(number), plan.labels, gathered) for number, flag in enumerate(found)],
        "all": lines,
        "confusions": content.confusion_json(confused, plan.labels),
        "errors": content.errors_json(rows),
        "deletion": content.deletion_json(deleted, trials.STEPS),
    }
    wanted = _wanted(found, summary, classes, pictures)
    shown = album.open(wanted)
    files = {row: page.add_picture(row, small(one.pixels)) for row, one in shown.items()}
    maps = {row: {name: packed(values) for name, values in one.maps.items()} for row, one in shown.items()}
    summary["unreadable"] = [[path, album.unreadable[row]] for row, path in _paths(rows, album.unreadable)]
    of_summary = chain.from_iterable(one["rows"] for one in (*summary["flags"], *summary["confusions"]))
    page.add("summary", {**summary, "pictures_by_row": content.picture_json(rows, of_summary, maps, files)})
    for start in range(0, len(classes), CLASSES_A_FILE):
        part = {
            str(start + place): content.class_json(one, gathered)
            for place, one in enumerate(classes[start : start + CLASSES_A_FILE])
        }
        of_part = chain.from_iterable(status["rows"] for one in part.values() for status in one.values())
        told = {"classes": part, "pictures_by_row": content.picture_json(rows, of_part, maps, files)}
        page.add(f"classes-{start // CLASSES_A_FILE:04}", told)
    page.write()
    return summary


def _wanted(found: Sequence[Flag], summary: Json, classes: Sequence[Class], most: int) -> list[int]:
    """The rows whose pictures are shown, the most important first: of flags, some of each class, of confusions."""
    of_flags = chain.from_iterable(flag["rows"] for flag in summary["flags"])
    by_class = [list(chain.from_iterable(_interleaved([one.examples(s) for s in content.STATUSES_OF_MAPS]))) for one in classes]
    of_classes = chain.from_iterable(_interleaved(by_class))
    of_confusions = chain.from_iterable(one["rows"] for one in summary["confusions"])
    ranked = dict.fromkeys(chain(of_flags, _alternating(of_confusions, of_classes)))
    return list(ranked)[:most]


def _interleaved(lists: Sequence[Sequence[int]]) -> list[list[int]]:
    """First all the first ones, then all the second."""
    return [[one for one in group if one is not None] for group in zip_longest(*lists)]


def _alternating(some: Iterable[int], others: Iterable[int]) -> Iterable[int]:
    return (one for pair in zip_longest(some, others) for one in pair if one is not None)


def _test(flag: Flag, rows: Rows, album: Pictures, network: Network) -> trials.CounterTest | None:
    spread = flag.rows[np.unique(np.linspace(0, len(flag.rows) - 1, min(TRIED_PICTURES, len(flag.rows))).astype(np.int64))]
    opened = _with_heat(album.open(spread.tolist()))
    return trials.counter_test(
        opened, [int(rows.predicted[one.row]) for one in opened], [float(rows.score[one.row]) for one in opened], network
    )


def _deletion(rows: Rows, album: Pictures, network: Network) -> trials.Deletion | None:
    explained = np.flatnonzero(rows.explained)
    if not len(explained):
        return None
    chosen = np.random.default_rng(0).choice(explained, min(DELETED_PICTURES, len(explained)), replace=False)
    opened = _with_heat(album.open(chosen.tolist()))
    return trials.deletion(
        opened, [int(rows.predicted[one.row]) for one in opened], [float(rows.score[one.row]) for one in opened], network
    )


def _with_heat(opened: dict[int, Shown]) -> list[Shown]:
    return [one for one in opened.values() if one.maps["predicted"].max() > 0]


def _paths(rows: Rows, numbers: Iterable[int]) -> list[tuple[int, str | None]]:
    asked = sorted(numbers)[: content.ERRORS]
    return list(zip(asked, rows.text("path", asked), strict=True))
