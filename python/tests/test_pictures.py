"""Pictures in all the forms that numpy and PIL have for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MEDIA, Pixels
from PIL import Image

import camoverlay
from camoverlay import Explainer


def test_a_cat_is_one(squeezenet: Explainer, cat: Pixels) -> None:
    explanation = squeezenet.explain(cat)
    assert explanation.top[0] == explanation.target
    assert explanation.target.id == 285
    assert explanation.target.label == "Egyptian cat"
    assert 0.5 < explanation.target.score < 0.7
    assert explanation.map.shape == (14, 21)
    assert explanation.map.dtype == np.float32
    assert explanation.size == cat.shape[:2]
    assert explanation.method == "cam"
    assert explanation.logits.shape == (1000,)
    assert np.argmax(explanation.logits) == 285
    # Completeness, of a head that is the mean over space.
    assert explanation.map.mean() == pytest.approx(explanation.logits[285], rel=1e-4)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[:, ::-1],
        lambda a: a[::-1],
        lambda a: a[::2, 1::3],
        lambda a: a[..., ::-1],
        lambda a: np.asfortranarray(a),
        lambda a: np.ascontiguousarray(a.transpose(2, 0, 1)).transpose(1, 2, 0),
        lambda a: np.concatenate([a, a], axis=1)[:, : a.shape[1]],
    ],
)
def test_views_are_what_their_copies_are(squeezenet: Explainer, cat: Pixels, view: Callable[[Pixels], Pixels]) -> None:
    seen, copy = view(cat), view(cat).copy(order="C")
    a, b = squeezenet.explain(seen), squeezenet.explain(copy)
    assert np.array_equal(a.maps, b.maps)
    assert np.array_equal(a.logits, b.logits)
    assert np.array_equal(a.overlay(seen), b.overlay(copy))


def test_gray_and_alpha(squeezenet: Explainer, cat: Pixels) -> None:
    gray = cat[..., 1]
    colours = np.repeat(gray[..., np.newaxis], 3, axis=2)
    of_gray, of_colours = squeezenet.explain(gray), squeezenet.explain(colours)
    assert np.array_equal(of_gray.map, of_colours.map)
    assert np.array_equal(of_gray.overlay(gray), of_colours.overlay(colours))
    assert np.array_equal(squeezenet.explain(gray[..., np.newaxis]).map, of_gray.map)
    alpha = np.arange(cat.shape[0] * cat.shape[1], dtype=np.uint8).reshape(cat.shape[:2])
    rgba = np.dstack([cat, alpha])
    of_rgba, of_rgb = squeezenet.explain(rgba), squeezenet.explain(cat)
    assert np.array_equal(of_rgba.map, of_rgb.map)
    painted = of_rgba.overlay(rgba)
    assert np.array_equal(painted[..., 3], alpha)
    assert np.array_equal(painted[..., :3], of_rgb.overlay(cat))


def test_pil_is_what_its_array_is(squeezenet: Explainer, cat: Pixels) -> None:
    plain = squeezenet.explain(cat)
    with Image.open(MEDIA / "chelsea.png") as photo:
        assert np.array_equal(squeezenet.explain(photo).map, plain.map)
        assert np.array_equal(plain.overlay(photo), plain.overlay(cat))
        for mode in ("L", "P", "CMYK", "YCbCr", "1", "RGBA", "LA"):
            converted = photo.convert(mode)
            expected = squeezenet.explain(np.asarray(converted.convert("RGB")))
            assert np.array_equal(squeezenet.explain(converted).map, expected.map), mode


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pil_is_turned_as_its_orientation_says(squeezenet: Explainer, cat: Pixels, tmp_path: Path, orientation: int) -> None:
    """All eight as an encoder stores them, undone by PIL's own operations."""
    turned = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    upright = Image.fromarray(cat)
    stored = upright if turned is None else upright.transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.png"
    stored.save(path, exif=exif)
    with Image.open(path) as photo:
        explanation = squeezenet.explain(photo)
        assert explanation.size == cat.shape[:2]
        assert np.array_equal(explanation.map, squeezenet.explain(cat).map)
        assert np.array_equal(explanation.overlay(photo), squeezenet.explain(cat).overlay(cat))


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (7, 5), (2000, 300)])
def test_odd_sizes(squeezenet: Explainer, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    explanation = squeezenet.explain(picture)
    assert np.isfinite(explanation.map).all()
    assert explanation.overlay(picture).shape == picture.shape


def test_what_is_no_picture_is_told(squeezenet: Explainer, cat: Pixels) -> None:
    for picture, words in [
        (cat / 255, "The picture's values are float64"),
        (cat.astype(np.uint16), "uint16"),
        (cat > 3, "bool"),
        (cat[..., :2], "is no picture"),
        (cat.transpose(2, 0, 1), "has its channels first"),
        (cat[:0], "shows nothing"),
        (np.zeros(5, np.uint8), "An array of 5 is no picture"),
        (np.uint8(3), "is no picture"),
        ("cat.png", "PIL.Image.open"),
        (b"\x89PNG", "PIL.Image.open"),
        (None, "A picture cannot be made of NoneType"),
        (3.5, "A picture cannot be made of float"),
        (Image.new("I;16", (30, 30)), "more than 8 bits"),
        (Image.new("F", (30, 30)), "more than 8 bits"),
        (np.zeros((2, 200_000, 3), np.uint8), "Crop it"),
    ]:
        with pytest.raises(camoverlay.SettingsError, match=words) as caught:
            squeezenet.explain(picture)
        assert isinstance(caught.value, ValueError)
        assert str(caught.value).endswith("."), str(caught.value)


def test_an_explanation_can_be_sent(squeezenet: Explainer, cat: Pixels) -> None:
    import pickle

    explanation = squeezenet.explain(cat, features=True)
    copy = pickle.loads(pickle.dumps(explanation))
    assert copy.top == explanation.top
    assert np.array_equal(copy.overlay(cat), explanation.overlay(cat))
    assert explanation.features is not None
    assert np.array_equal(copy.features, explanation.features)


def test_overlays_and_boxes_take_what_they_say(squeezenet: Explainer, cat: Pixels) -> None:
    explanation = squeezenet.explain(cat, ["top-1", "espresso"])
    plain = explanation.overlay(cat)
    assert plain.shape == cat.shape
    assert plain.dtype == np.uint8
    seen = {plain.tobytes()}
    for colormap in ("turbo", "viridis", "inferno", "cividis", "gray"):
        seen.add(explanation.overlay(cat, colormap=colormap).tobytes())
    for blend in ("colour", "contour", "mask"):
        seen.add(explanation.overlay(cat, blend=blend).tobytes())
    seen.add(explanation.overlay(cat, threshold=0.6).tobytes())
    seen.add(explanation.overlay(cat, opacity=0.5).tobytes())
    seen.add(explanation.overlay(cat, target=1).tobytes())
    assert len(seen) == 12
    assert np.array_equal(explanation.overlay(cat, blend="colour", opacity=0), cat)
    # Over the same picture in another size.
    small = cat[::2, ::2]
    assert explanation.overlay(small).shape == small.shape
    boxes = explanation.boxes(0.5)
    assert boxes == sorted(boxes, key=lambda box: -box.pixels)
    height, width = cat.shape[:2]
    for box in boxes:
        assert 0 <= box.x < box.x + box.width <= width
        assert 0 <= box.y < box.y + box.height <= height
        assert 0 < box.pixels <= box.width * box.height
    assert explanation.boxes(0.0) == [camoverlay.Box(0, 0, width, height, width * height)]
    for wrong in (
        {"threshold": -0.1},
        {"threshold": float("nan")},
        {"opacity": 1.5},
        {"colormap": "hot"},
        {"blend": "add"},
        {"target": 2},
    ):
        with pytest.raises(camoverlay.SettingsError):
            explanation.overlay(cat, **wrong)
    for level in (-1.0, 1.1, float("nan")):
        with pytest.raises(camoverlay.SettingsError):
            explanation.boxes(level)


def test_what_pil_cannot_decode_is_told(squeezenet: Explainer, tmp_path: Path, cat: Pixels) -> None:
    whole = tmp_path / "whole.jpg"
    Image.fromarray(cat).save(whole)
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    closed = Image.open(whole)
    closed.close()
    with Image.open(cut) as opened:
        for image in (opened, closed):
            with pytest.raises(camoverlay.ReadError, match="cannot be decoded"):
                squeezenet.explain(image)


def test_alpha_that_gray_was_multiplied_with_is_left_out(squeezenet: Explainer, cat: Pixels) -> None:
    gray = Image.fromarray(cat).convert("L")
    multiplied = gray.convert("LA").convert("La")
    assert multiplied.mode == "La"
    assert np.array_equal(squeezenet.explain(multiplied).map, squeezenet.explain(gray).map)
