"""COCO files: pictures, their boxes and masks (Lin et al., "Microsoft COCO", 2014, https://cocodataset.org/#format-data)."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from ..errors import AuditError
from . import coco_rules
from .item import Item, text

Annotation = dict[str, Any]


class Coco:
    """The annotations of a COCO file by picture."""

    def __init__(self, path: bytes) -> None:
        """Raises:
        AuditError: where it cannot be read, is no COCO file, or has a mistake that would make wrong numbers.
        """
        self.folder = os.path.dirname(os.path.abspath(path))
        try:
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
            self.names: dict[int, str] = {category["id"]: str(category["name"]) for category in content["categories"]}
            self.images: list[Annotation] = sorted(_checked(content["images"], path), key=lambda image: image["file_name"])
            self.of_image: dict[int, list[Annotation]] = defaultdict(list)
            self._sort(content["annotations"], path)
        except OSError as error:
            raise AuditError(f"{text(path)} cannot be read: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise AuditError(
                f"{text(path)} is no COCO file ({type(error).__name__}: {error}). It holds images, annotations and categories."
            ) from None
        self._of_place: dict[str, Annotation] = {}
        for image in self.images:
            name = image["file_name"]
            self._of_place[name] = image
            self._of_place.setdefault(os.path.basename(name), image)

    def _sort(self, annotations: list[Annotation], path: bytes) -> None:
        """By picture; those of pictures that the file does not have are left."""
        images, categories = {image["id"]: image for image in self.images}, set(self.names)
        for number, annotation in enumerate(annotations):
            image = images.get(annotation["image_id"])
            if image is None:
                continue
            try:
                coco_rules.check_annotation(annotation, categories, image)
            except coco_rules.WrongError as error:
                raise _wrong(path, "annotation", annotation, number, error) from None
            self.of_image[image["id"]].append(annotation)

    def items(self) -> Iterator[Item]:
        """All pictures of the file, relative to its folder; the class is that of the largest object."""
        for image in self.images:
            annotations = self.of_image[image["id"]]
            largest = max(annotations, key=lambda annotation: float(annotation.get("area", 0)), default=None)
            truth = None if largest is None else self.names[largest["category_id"]]
            place = os.path.join(self.folder, image["file_name"].encode())
            yield Item(place, truth, regions=self._regions(image, truth))

    def regions_of(self, item: Item) -> str | None:
        """Boxes and masks of an item's class, in JSON, None without any; the item is found by the end of its path."""
        parts = item.name.split("/")
        image = None
        for first in range(len(parts)):
            image = image or self._of_place.get("/".join(parts[first:]))
        return None if image is None else self._regions(image, item.truth)

    def _regions(self, image: Annotation, truth: str | None) -> str | None:
        """Those of the class where it is one of the file's, else all."""
        annotations = self.of_image[image["id"]]
        of_class = [annotation for annotation in annotations if _alike(self.names[annotation["category_id"]], truth or "")]
        chosen = [
            {key: annotation[key] for key in ("bbox", "segmentation") if annotation.get(key)}
            for annotation in of_class or annotations
        ]
        if not any(chosen):
            return None
        return json.dumps({"width": image["width"], "height": image["height"], "regions": chosen}, separators=(",", ":"))


def _checked(images: list[Any], path: bytes) -> list[Annotation]:
    known: set[Any] = set()
    for number, image in enumerate(images):
        try:
            coco_rules.check_image(image, known)
        except coco_rules.WrongError as error:
            raise _wrong(path, "image", image, number, error) from None
        known.add(image["id"])
    return images


def _wrong(path: bytes, kind: str, one: Any, number: int, error: Exception) -> AuditError:
    told = one.get("id") if isinstance(one, dict) else None
    which = f"{kind} {told}" if told is not None else f"the {kind} at place {number}, counted from 0,"
    return AuditError(f"In {text(path)} {which} {error}. Correct it, or take it out of the file.")


def _alike(name: str, other: str) -> bool:
    return name.replace("_", " ").casefold() == other.replace("_", " ").casefold()
