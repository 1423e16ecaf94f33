"""Runs the oracle on a list of cases.

cases.py FOLDER: FOLDER/cases.json is a list of
{frame, width, height, model, preprocess, side, target, threshold}; frame is a
file of packed RGB. For case i writes i.picture (packed RGB), i.tensor and
i.map (float32) and i.json (ids, scores, map size). A case may also be
{frame, width, height, threshold, map, map_width, map_height}; map is a file of
float32, and i.picture alone is written.
"""

import json
import sys
from pathlib import Path

import numpy as np

import oracle


def main(folder: Path) -> None:
    for number, case in enumerate(json.loads((folder / "cases.json").read_text())):
        frame = np.fromfile(case["frame"], np.uint8).reshape(case["height"], case["width"], 3)
        if "map" in case:
            class_map = np.fromfile(case["map"], np.float32).reshape(case["map_height"], case["map_width"])
            oracle.paint(frame, class_map, case["threshold"]).tofile(folder / f"{number}.picture")
            continue
        tensor = oracle.tensor(frame, case["preprocess"], case["side"])
        explained = oracle.explain(case["model"], tensor, case["target"])
        oracle.paint(frame, explained.map, case["threshold"]).tofile(folder / f"{number}.picture")
        tensor.tofile(folder / f"{number}.tensor")
        explained.map.astype(np.float32).tofile(folder / f"{number}.map")
        report = {
            "ids": explained.ids.tolist(),
            "scores": explained.scores.tolist(),
            "map": explained.map.shape,
        }
        (folder / f"{number}.json").write_text(json.dumps(report))


main(Path(sys.argv[1]))
