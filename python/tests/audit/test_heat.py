"""Where a map is hot, next to the same counted pixel by pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from camoverlay.audit import heat


@pytest.mark.parametrize("shape", [(14, 14), (7, 9), (1, 1), (13, 30)])
def test_places_are_shares_of_the_pictures_area(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    values.flat[0] = 1
    found = heat.measure(values)
    # 120 pixels a cell: eighths and quarters of the sides fall on pixels for these shapes, or nearly.
    fine = np.repeat(np.repeat(heat.positive_shares(values), 120, 0), 120, 1) / 120**2
    y, x = ((np.arange(side) + 0.5) / side for side in fine.shape)
    inner_y, inner_x = (abs(at - 0.5) < 0.375 for at in (y, x))
    expected = {
        "border": fine.sum() - fine[np.ix_(inner_y, inner_x)].sum(),
        "centre": fine[np.ix_(abs(y - 0.5) < 0.25, abs(x - 0.5) < 0.25)].sum(),
        "top-left": fine[np.ix_(y < 0.25, x < 0.25)].sum(),
        "top-right": fine[np.ix_(y < 0.25, x > 0.75)].sum(),
        "bottom-left": fine[np.ix_(y > 0.75, x < 0.25)].sum(),
        "bottom-right": fine[np.ix_(y > 0.75, x > 0.75)].sum(),
    }
    assert dict(zip(heat.PLACES, found.places, strict=True)) == pytest.approx(expected, abs=5e-3)
    assert (found.x, found.y) == pytest.approx((fine.sum(0) @ x, fine.sum(1) @ y), abs=1e-4)


def test_a_map_without_heat() -> None:
    found = heat.measure(np.full((3, 3), -1, np.float32))
    assert found == heat.Heat(0, 0, 0, (0,) * 6)
    assert heat.in_regions(np.zeros((3, 3), np.float32), json.dumps({"width": 1, "height": 1, "regions": []})) is None


def test_energy_in_boxes_and_masks() -> None:
    random = np.random.default_rng(1)
    values = random.random((10, 16)).astype(np.float32)
    polygon = [40, 10, 150, 30, 120, 95, 30, 80]
    counted = Image.new("L", (160, 100))
    ImageDraw.Draw(counted).polygon([tuple(point) for point in np.reshape(polygon, (-1, 2)).tolist()], fill=1)
    mask = np.asarray(counted)
    column_wise = mask.T.ravel()
    runs = np.diff(np.flatnonzero(np.diff(column_wise, prepend=1 - column_wise[0], append=1 - column_wise[-1])))
    counts = ([0] if column_wise[0] else []) + runs.tolist()
    fine = np.repeat(np.repeat(values / values.sum(), 10, 0), 10, 1) / 100
    regions = {
        "polygon": {"segmentation": [polygon]},
        "runs": {"segmentation": {"counts": counts, "size": [100, 160]}},
    }
    for name, region in regions.items():
        found = heat.in_regions(values, json.dumps({"width": 160, "height": 100, "regions": [region]}))
        assert found is not None
        assert found.energy == pytest.approx(float(fine[mask == 1].sum()), abs=0.01), name
        assert found.area == pytest.approx(float(mask.mean()), abs=0.01), name
    box = {"width": 320, "height": 200, "regions": [{"bbox": [33, 47, 101, 88]}]}
    found = heat.in_regions(values, json.dumps(box))
    finer = np.repeat(np.repeat(fine, 2, 0), 2, 1) / 4
    assert found is not None and found.energy == pytest.approx(float(finer[47:135, 33:134].sum()), abs=1e-4)


def test_the_pointing_game() -> None:
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = 1
    for box, hit in (([20, 10, 10, 10], True), ([0, 0, 20, 40], False)):
        found = heat.in_regions(values, json.dumps({"width": 40, "height": 40, "regions": [{"bbox": box}]}))
        assert found is not None and found.pointing is hit
