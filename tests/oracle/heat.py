"""What the properties that say how heat looks make of a frame, in plain numpy on top of `oracle`.

heat.py FOLDER: FOLDER/cases.json is a list of cases; for case i writes i.picture (packed RGB). A case is
{frame, width, height, map, map_width, map_height, threshold}, as in cases.py, and, where it is not the default,
blend, colormap (jet or gray), opacity, and sight {offset, stride} (vertical and horizontal, in pixels of a network's input
of shortest side `side`), with which heat lies where cells look; scale: common with least and most, score with score, or positive
(from 0); several: a list of maps, flat, one a class, all as large, of which the first is the best class's; region_level: then
i.json has the boxes [x, y, width, height] of what reaches that share, too.
"""

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import oracle

# Okabe and Ito's, 2008, without black.
CLASS_COLOURS = [(86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66), (0, 114, 178), (213, 94, 0)]

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
    heat = scaled(class_map, case)
    least, most = heat.min(), heat.max()
    match case.get("scale", "frame"):
        case "common":
            least, most = case["least"], case["most"]
        case "score":
            most = least + (most - least) / case["score"]
        case "positive":
            least = max(least, 0.0)
    return to_index((heat - least) / (most - least), case["threshold"])


def several(case: dict, rows: int, columns: int) -> tuple[NDArray[np.intp], oracle.Floats]:
    """Rows of a table in which each class has as many, and that table: each pixel is of the class whose map is the highest."""
    maps = [np.array(values, np.float64).reshape(rows, columns) for values in case["several"]]
    least, most = maps[0].min(), maps[0].max()
    heats = [scaled(class_map, case) for class_map in maps]
    highest = max([most] + [heat.max() for heat in heats])
    beyond = (highest - least) / (most - least)
    wide = np.stack([to_index((heat - least) / (highest - least), case["threshold"] / beyond) for heat in heats])
    best, hottest = wide.argmax(axis=0), wide.max(axis=0)
    each = oracle.HOTTEST // len(maps)
    levels = np.minimum((np.minimum(hottest / oracle.ROWS * beyond, 1) * each).astype(int), each - 1)
    index = np.where(hottest > 0, 1 + best * each + levels, 0)
    table = np.zeros((oracle.ROWS, 3))
    for number, colour in enumerate(CLASS_COLOURS[: len(maps)]):
        for level in range(each):
            table[1 + number * each + level] = np.array(colour) * (level + 1) / each
    return index, table


def boxes(heat: oracle.Floats, level: float) -> list[list[int]]:
    """Around each part that reaches `level` between least and greatest, the largest first; pixels touch by a side."""
    left = heat >= heat.min() + level * (heat.max() - heat.min())
    found = []
    while left.any():
        part = np.zeros_like(left)
        part[tuple(np.argwhere(left)[0])] = True
        while True:
            grown = part.copy()
            grown[1:] |= part[:-1]
            grown[:-1] |= part[1:]
            grown[:, 1:] |= part[:, :-1]
            grown[:, :-1] |= part[:, 1:]
            grown &= left
            if (grown == part).all():
                break
            part = grown
        left = left & ~part
        rows, columns = np.nonzero(part)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        found.append((int(part.sum()), [int(side) for side in box]))
    return [box for _, box in sorted(found, key=lambda entry: -entry[0])]


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
    thickness = int(np.clip(np.floor(min(index.shape) / 200 + 0.5), 1, 8))
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
    if "several" in case:
        index, table = several(case, *class_map.shape)
    else:
        index = heat_index(class_map, case)
        table = colours(case.get("colormap", "jet"))
    return blended(frame, index, table, case.get("blend", "darkened"), case.get("opacity", 1.0))


def main(folder: Path) -> None:
    for number, case in enumerate(json.loads((folder / "cases.json").read_text())):
        painted(case).tofile(folder / f"{number}.picture")
        if "region_level" in case:
            shape = (case["map_height"], case["map_width"])
            heat = scaled(np.fromfile(case["map"], np.float32).reshape(shape).astype(np.float64), case)
            (folder / f"{number}.json").write_text(json.dumps(boxes(heat, case["region_level"])))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
