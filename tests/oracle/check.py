"""Compares the oracle with another script of the same arithmetic, byte for byte.

check.py REFERENCE.py MODEL.onnx PREPROCESSING SIDE PHOTO.png...: each photo, and
frames of noise of odd sizes and shapes, through both. Ends with 1 and a sentence
where they differ.
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

import oracle

SIZES = [(1, 1), (3, 2), (17, 5), (5, 17), (133, 97), (243, 321)]
MAPS = [(1, 1), (2, 3), (7, 7), (14, 20), (15, 8)]
THRESHOLDS = [0.0, 0.2, 0.5, 1.0]


def load(script: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", script)
    if spec is None or spec.loader is None:
        sys.exit(f"{script} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def frames(photos: list[str]) -> Iterator[oracle.Bytes]:
    for photo in photos:
        yield np.asarray(Image.open(photo).convert("RGB"))
    random = np.random.default_rng(1)
    for height, width in SIZES:
        yield random.integers(0, 256, (height, width, 3), np.uint8)
    yield np.full((48, 64, 3), 200, np.uint8)


def maps() -> Iterator[oracle.Floats]:
    random = np.random.default_rng(2)
    for height, width in MAPS:
        yield random.normal(size=(height, width)).astype(np.float32)
    yield np.full((7, 9), 0.5, np.float32)
    yield np.zeros((7, 9), np.float32)


def same(what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    if not np.array_equal(ours, theirs):
        difference = np.abs(ours.astype(float) - theirs).max() if ours.shape == theirs.shape else "shape"
        sys.exit(f"{what}: oracle and reference differ ({difference}).")


def main(reference: ModuleType, model: str, preprocessing: str, side: int, photos: list[str]) -> None:
    for number, frame in enumerate(frames(photos)):
        what = f"frame {number}, {frame.shape[1]} x {frame.shape[0]}"
        for class_map in maps():
            for threshold in THRESHOLDS:
                painted = oracle.paint(frame, class_map, threshold)
                same(f"{what}, painted", painted, reference.camshow(frame, class_map, threshold))
        for name in oracle.PREPROCESSINGS:
            same(f"{what}, {name}", oracle.tensor(frame, name, 32), reference.net_input(frame, name, 32)[0])
        tensor = oracle.tensor(frame, preprocessing, side)
        same(f"{what}, tensor", tensor, reference.net_input(frame, preprocessing, side)[0])
        if max(frame.shape) > 8 * min(frame.shape[:2]):
            continue
        for target in (None, 281):
            ours = oracle.explain(model, tensor, target)
            ids, scores, class_map, _ = reference.explain(model, tensor, target)
            same(f"{what}, classes", ours.ids, ids)
            same(f"{what}, scores", ours.scores, scores)
            same(f"{what}, map", ours.map, class_map)


if __name__ == "__main__":
    script, network, name, size, *pictures = sys.argv[1:]
    main(load(script), network, name, int(size), [str(Path(picture)) for picture in pictures])
