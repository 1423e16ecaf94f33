"""Runs the reference script's arithmetic on a list of cases.

reference_cases.py REFERENCE.py FOLDER: FOLDER/cases.json is a list of
{frame, width, height, model, preprocess, side, target, threshold}; frame is a
file of packed RGB. For case i writes i.picture (packed RGB), i.tensor and
i.map (float32) and i.json (ids, scores, map size). A case may also be
{frame, width, height, threshold, map, map_width, map_height}; map is a file of
float32, and i.picture alone is written.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np


def main(script, folder):
    spec = importlib.util.spec_from_file_location("reference", script)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    folder = Path(folder)
    for number, case in enumerate(json.loads((folder / "cases.json").read_text())):
        shape = case["height"], case["width"], 3
        rgb = np.fromfile(case["frame"], np.uint8).reshape(shape)
        if "map" in case:
            cam = np.fromfile(case["map"], np.float32).reshape(case["map_height"], case["map_width"])
            reference.camshow(rgb, cam, case["threshold"]).tofile(folder / f"{number}.picture")
            continue
        tensor, _ = reference.net_input(rgb, case["preprocess"], case["side"])
        ids, scores, cam, _ = reference.explain(case["model"], tensor, case["target"])
        reference.camshow(rgb, cam, case["threshold"]).tofile(folder / f"{number}.picture")
        tensor.tofile(folder / f"{number}.tensor")
        cam.astype(np.float32).tofile(folder / f"{number}.map")
        report = {
            "ids": ids.tolist(),
            "scores": scores.tolist(),
            "map": cam.shape,
        }
        (folder / f"{number}.json").write_text(json.dumps(report))


main(*sys.argv[1:])
