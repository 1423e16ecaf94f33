"""`camoverlay-audit export`: the rows for other programs."""

from __future__ import annotations

import base64
import csv
import io
import json
import pathlib
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .errors import AuditError
from .heat import PLACES
from .inputs.item import is_address
from .listing import Plan, existing_plan, replaced
from .shard import read_shard

CELLS = (
    "index",
    "path",
    "status",
    "error",
    "truth",
    "truth_id",
    "predicted_id",
    "score",
    "score_true",
    "rival_id",
    "score_rival",
    "size",
    "checksum",
    "width",
    "height",
    "hot_x",
    "hot_y",
    "hot_area",
    "energy_in_regions",
    "pointing",
    "regions_area",
)
"""Columns of the CSV file that are the rows' own."""


def to_csv(folder: pathlib.Path, out: pathlib.Path) -> int:
    """Writes a line for each row, without maps and features, and returns how many.

    Raises:
        AuditError: where the rows cannot be read or the file not be written.
    """
    plan = existing_plan(folder)
    places = [f"hot_{place.replace('-', '_')}" for place in PLACES]
    count = 0
    try:
        with replaced(out) as part, part.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow([*CELLS[:6], "predicted", *CELLS[6:], *places])
            for table in _tables(plan, [*CELLS, "hot_places"]):
                for row in table.to_pylist():
                    predicted = None if row["predicted_id"] is None else plan.labels[row["predicted_id"]]
                    cells = [row[name] for name in CELLS]
                    lines.writerow([*cells[:6], predicted, *cells[6:], *(row["hot_places"] or [None] * len(PLACES))])
                    count += 1
    except OSError as error:
        raise AuditError(f"{out} cannot be written: {error.strerror}.") from None
    return count


def to_fiftyone(folder: pathlib.Path, out: pathlib.Path) -> int:
    """Writes a folder that FiftyOne reads (as fiftyone.types.LegacyFiftyOneDataset, its `rel_dir` being "/"): a sample for
    each picture of this machine that could be explained, with classifications, status, and the map as a heat map. How many.

    Raises:
        AuditError: where the rows cannot be read or the folder not be written.
    """
    plan = existing_plan(folder)
    count = 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        with replaced(out / "samples.json") as part, part.open("w", encoding="utf-8") as file:
            file.write('{"samples": [')
            for table in _tables(plan, [*CELLS, "map_predicted", "map_height", "map_width"]):
                for row in table.to_pylist():
                    item = plan.item(row["index"])
                    if row["status"] != "error" and item.member is None and not is_address(item.name):
                        file.write((",\n" if count else "\n") + json.dumps(_sample(row, plan)))
                        count += 1
            file.write("\n]}\n")
        with replaced(out / "metadata.json") as part:
            part.write_text(json.dumps(_metadata(plan)), "utf-8")
    except OSError as error:
        raise AuditError(f"{out} cannot be written: {error.strerror}.") from None
    return count


def _tables(plan: Plan, columns: list[str]) -> Iterator[pa.Table]:
    for shard in range(plan.shards):
        path = plan.shard_path(shard)
        if path.exists():
            yield read_shard(path, columns)


def _sample(row: dict[str, Any], plan: Plan) -> dict[str, Any]:
    values = np.maximum(np.array(row["map_predicted"], np.float32), 0).reshape(row["map_height"], row["map_width"])
    sample: dict[str, Any] = {
        "filepath": row["path"].lstrip("/"),
        "tags": [row["status"]],
        "prediction": _classification(plan.labels[row["predicted_id"]], row["score"]),
        "heatmap": {"_cls": "Heatmap", "tags": [], "map": _compressed(values), "range": [0.0, 1.0]},
        "hot_area": row["hot_area"],
        "index": row["index"],
    }
    if row["truth"] is not None:
        sample["ground_truth"] = _classification(row["truth"], None)
    return sample


def _classification(label: str, confidence: float | None) -> dict[str, Any]:
    return {"_cls": "Classification", "tags": [], "label": label, "confidence": confidence}


def _compressed(values: npt.NDArray[np.float32]) -> str:
    """An array as FiftyOne writes it into JSON: numpy's file, compressed, in base64."""
    file = io.BytesIO()
    np.save(file, values)
    return base64.b64encode(zlib.compress(file.getvalue())).decode("ascii")


def _metadata(plan: Plan) -> dict[str, Any]:
    return {"name": f"camoverlay-{plan.settings.hash}", "media_type": "image", "info": {"network": plan.network}}
