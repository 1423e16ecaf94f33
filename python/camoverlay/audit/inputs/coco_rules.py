"""What a COCO file must be like for its boxes and masks to mean anything: what is wrong is told, and nothing is guessed."""

from __future__ import annotations

from typing import Any, TypeGuard

from ...arguments import shown

LARGEST = 100_000_000
"""Pixels of a picture with masks, at most."""


class WrongError(ValueError):
    """What is wrong: the end of a sentence that begins with whose it is."""


def check_image(image: Any, known: set[Any]) -> None:
    """One of `images`, where `known` are the ids of those before it.

    Raises:
        WrongError: where it has no id or name of its own.
    """
    if not (isinstance(image, dict) and _is_id(image.get("id"))):
        raise WrongError("has no id")
    if image["id"] in known:
        raise WrongError("has the id of another")
    name = image.get("file_name")
    if not (isinstance(name, str) and name):
        raise WrongError(f"has the file_name {shown(name)}, where a file is to be named")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise WrongError(f"has the file_name {shown(name)}, which no file can have") from None
    if "\0" in name:
        raise WrongError(f"has the file_name {shown(name)}, which no file can have")


def check_annotation(annotation: dict[str, Any], categories: set[Any], image: dict[str, Any]) -> None:
    """One of `annotations`, of `image`.

    Raises:
        WrongError: where its category, area, box or mask mean nothing.
    """
    category = annotation.get("category_id")
    if not (_is_id(category) and category in categories):
        raise WrongError(f"is of the category {shown(category)}, which the file does not have")
    if not (_is_number(annotation.get("area", 0)) and annotation.get("area", 0) >= 0):
        raise WrongError(f"has the area {shown(annotation['area'])}, where a number is wanted")
    box, mask = annotation.get("bbox"), annotation.get("segmentation")
    if _is_told(box):
        if not (_are_numbers(box) and len(box) == 4 and box[2] >= 0 and box[3] >= 0):
            raise WrongError(f"has the bbox {shown(box)}, where four numbers are wanted: left, top, width, height")
    if _is_told(box) or _is_told(mask):
        _check_size(image)
    if isinstance(mask, dict):
        _check_runs(mask, image)
    elif _is_told(mask) and not (isinstance(mask, list) and all(map(_is_polygon, mask))):
        raise WrongError(f"has the segmentation {shown(mask)}, where lists of x, y, x, y, … of three points or more are wanted")


def _check_size(image: dict[str, Any]) -> None:
    width: Any = image.get("width")
    height: Any = image.get("height")
    for side, length in (("width", width), ("height", height)):
        if not (_is_number(length) and length == int(length) and length > 0):
            raise WrongError(f"is of the image {image['id']}, which has the {side} {shown(length)}, where pixels are wanted")
    if int(width) * int(height) > LARGEST:
        raise WrongError(f"is of the image {image['id']}, which has {width} x {height} pixels: more than {LARGEST}")


def _check_runs(mask: dict[str, Any], image: dict[str, Any]) -> None:
    size, counts = mask.get("size"), mask.get("counts")
    if not _are_numbers(size) or size != [image["height"], image["width"]]:
        raise WrongError(f"has a mask of size {shown(size)}, and its image is [{image['height']}, {image['width']}]")
    lengths = _decoded(counts) if isinstance(counts, str) else counts
    if not (isinstance(lengths, list) and all(isinstance(one, int) and one >= 0 for one in lengths)):
        raise WrongError(f"has a mask with the counts {shown(counts)}, which are no lengths of runs")
    if sum(lengths) != size[0] * size[1]:
        raise WrongError(f"has a mask of {sum(lengths)} pixels, and its image has {size[0] * size[1]:g}")


def _decoded(counts: str) -> list[int] | None:
    """The lengths of runs in COCO's compressed form (rleFrString in cocoapi's maskApi.c): 5 bits a letter, the lowest first,
    the sixth for more to come, and from the fourth length on the difference to the last but one."""
    lengths: list[int] = []
    value = shift = 0
    for letter in counts:
        code = ord(letter) - 48
        if not 0 <= code < 64:
            return None
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            if shift > 60:
                return None
            continue
        if code & 0x10:
            value -= 1 << shift
        lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
        value = shift = 0
    return None if shift else lengths


def _is_polygon(points: Any) -> bool:
    return _are_numbers(points) and len(points) >= 6 and len(points) % 2 == 0


def _are_numbers(values: Any) -> TypeGuard[list[float]]:
    return isinstance(values, list) and all(map(_is_number, values))


def _is_number(value: Any) -> TypeGuard[float]:
    # A bool is an int, and an int may be too large for a float.
    return type(value) in (int, float) and -1e15 < value < 1e15


def _is_id(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _is_told(value: Any) -> bool:
    """COCO's files have nothing or an empty list where there is none."""
    return value is not None and value != []
