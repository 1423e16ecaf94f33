"""What the properties that say how heat looks make of a frame, in plain numpy on top of `oracle`.

heat.py FOLDER: FOLDER/cases.json is a list of cases; for case i writes i.picture (packed RGB). A case is
{frame, width, height, map, map_width, map_height, threshold}, as in cases.py, and, where it is not the default,
blend, colormap (jet or gray), opacity, and sight {offset, stride} (vertical and horizontal, in pixels of a network's input
of shortest side `side`), with which heat lies where cells look.
"""

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import oracle

# Heat indices of a fifth.
FIFTH = oracle.ROWS // 5


def colours(name: str) -> oracle.Floats:
    """ROWS x 3, 0..255."""
    gray = np.repeat(np.arange(oracle.ROWS)[:, None] * (255 / oracle.HOTTEST), 3, axis=1)
    return {"jet": oracle.heat_table(), "gray": gray}[name]


def scaled(class_map: oracle.Floats, case: dict) -> oracle.Floats:
    """The map's value at each pixel of the frame."""
    height, width = case["height"], case["width"]
    if "sight" not in case:
        rows, columns = class_map.shape
        return oracle.resized(class_map, height, width, (height / rows, width / columns))
    scale = case["side"] / min(height, width)
    for axis, length in ((0, height), (1, width)):
        places = (np.arange(length) + 0.5) * scale
        cells = (places - case["sight"]["offset"][axis]) / case["sight"]["stride"][axis]
        lines = np.moveaxis(class_map, axis, 0)
        result = np.zeros((length, *lines.shape[1:]))
        for pixel, cell in enumerate(cells):
            first = int(np.floor(cell)) - 1
            for tap in range(first, first + 4):
                result[pixel] += oracle.keys(cell - tap) * lines[oracle.mirrored(tap, len(lines))]
        class_map = np.moveaxis(result, 0, axis)
    return class_map


def heat_index(class_map: oracle.Floats, case: dict) -> NDArray[np.intp]:
    """Row of the table of heat for each pixel."""
    class_map = class_map.astype(np.float64)
    if oracle.is_flat(class_map):
        return np.zeros((case["height"], case["width"]), int)
    return to_index(oracle.stretched(scaled(class_map, case)), case["threshold"])


def to_index(heat: oracle.Floats, threshold: float) -> NDArray[np.intp]:
    """Rows of the table for heat whose hottest is 1; what is beyond is drawn as that."""
    heat = np.where(heat < threshold, 0, heat)
    return np.minimum(oracle.rounded(heat * 255), oracle.HOTTEST).astype(int)


def shifted(values: NDArray, across: int, down: int) -> NDArray:
    """Each pixel's neighbour so many pixels to the left and above, or the border's."""
    height, width = values.shape
    return values[np.maximum(np.arange(height) - down, 0)][:, np.maximum(np.arange(width) - across, 0)]


def contours(index: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows of the table that lines of equal heat have, and 0 between them."""
    thickness = int(np.clip(np.floor(min(index.shape) / 270 + 0.5), 1, 8))
    fifth = np.minimum(index // FIFTH, 4)
    around = np.stack([fifth, shifted(fifth, thickness, 0), shifted(fifth, 0, thickness)])
    highest = around.max(axis=0)
    return np.where(around.min(axis=0) < highest, highest * FIFTH + FIFTH // 2, 0)


def blended(frame: oracle.Bytes, index: NDArray[np.intp], table: oracle.Floats, blend: str, opacity: float) -> oracle.Bytes:
    """`frame` under the heat of rows `index` of `table`."""
    if blend == "darkened":
        gray = oracle.rounded(frame.astype(np.float64) @ oracle.LUMA)
        combined = gray[..., None] / 2 + opacity * table[index]
        return oracle.rounded(oracle.stretched(combined) * 255).astype(np.uint8)
    if blend == "mask":
        kept = oracle.HOTTEST - opacity * (oracle.HOTTEST - index)
        return oracle.rounded(frame * kept[..., None] / oracle.HOTTEST).astype(np.uint8)
    if blend == "contour":
        index = contours(index)
    share = np.where(index > 0, {"colour": 0.5, "contour": 1.0}[blend] * opacity, 0)[..., None]
    return oracle.rounded(frame * (1 - share) + table[index] * share).astype(np.uint8)


def painted(case: dict) -> oracle.Bytes:
    height, width = case["height"], case["width"]
    frame = np.fromfile(case["frame"], np.uint8).reshape(height, width, 3)
    class_map = np.fromfile(case["map"], np.float32).reshape(case["map_height"], case["map_width"])
    index = heat_index(class_map, case)
    table = colours(case.get("colormap", "jet"))
    return blended(frame, index, table, case.get("blend", "darkened"), case.get("opacity", 1.0))


def main(folder: Path) -> None:
    for number, case in enumerate(json.loads((folder / "cases.json").read_text())):
        painted(case).tofile(folder / f"{number}.picture")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
