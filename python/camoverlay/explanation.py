"""What a picture was explained with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core, arguments
from .errors import SettingsError
from .pictures import Image, pixels


class Class(NamedTuple):
    """What the network says of one class."""

    id: int
    """Its number, counted from 0."""
    label: str
    """Its label."""
    score: float
    """Its probability, 0..1."""


class Box(NamedTuple):
    """A box around a connected part of the picture that is hot, in pixels of the picture."""

    x: int
    y: int
    width: int
    height: int
    pixels: int
    """How many pixels in it are hot."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a network decides as it does on one picture. It holds no picture and no network, and can be pickled."""

    maps: NDArray[np.float32]
    """Targets x rows x columns: how much each cell speaks for a target (positive) or against it, in units of its logit."""
    targets: tuple[Class, ...]
    """The classes that are explained, in the order in which they were asked for."""
    top: tuple[Class, ...]
    """The best classes, best first."""
    size: tuple[int, int]
    """Height and width of the picture."""
    method: str
    """How the maps were made, never "auto"; of a frame of a video, as it was asked for."""
    logits: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32), repr=False)
    """One value a class, before softmax or logistic function; none of a frame of a video."""
    features: NDArray[np.float32] | None = field(default=None, repr=False)
    """One value a channel of the layer that is explained, the mean over all cells, if it was asked for."""
    hot_features: NDArray[np.float32] | None = field(default=None, repr=False)
    """Targets x channels: the same, with cells weighted by what is positive of the target's map."""

    @property
    def map(self) -> NDArray[np.float32]:
        """Rows x columns: the map of the first target."""
        return self._map(0)

    @property
    def target(self) -> Class:
        """The first class that is explained."""
        return self.targets[0]

    def overlay(
        self,
        image: Image,
        *,
        threshold: float = 0.2,
        colormap: str = "jet",
        blend: str = "darkened",
        opacity: float = 1.0,
        target: int = 0,
    ) -> NDArray[np.uint8]:
        """A copy of the picture under its heat, height x width x 3 bytes, or 4 where `image` has alpha.

        Args:
            image: the picture that was explained, or another of its shape in any size.
            threshold: map values, stretched to 0..1 over the picture, below which there is no heat.
            colormap: "jet", "turbo", "viridis", "inferno", "cividis" or "gray".
            blend: "darkened" (over darkened gray), "colour" (over the picture's own colours), "contour" or "mask".
            opacity: share of the heat that is shown, 0..1.
            target: which of the targets.

        Raises:
            SettingsError: for values that are not among these.
        """
        for name, setting in (("colormap", colormap), ("blend", blend)):
            arguments.text(name, setting)
        for name, number in (("threshold", threshold), ("opacity", opacity)):
            arguments.real(name, number)
        return _core.overlay(pixels(image), self._map(target), threshold, colormap, blend, opacity)

    def boxes(self, level: float = 0.5, *, target: int = 0) -> list[Box]:
        """Boxes around what is hot, the largest first.

        Args:
            level: share between the map's minimum (0) and maximum (1) over the picture from which on it is hot.
            target: which of the targets.

        Raises:
            SettingsError: for a level that is no share, or a target that there is not.
        """
        arguments.real("level", level)
        return [Box(*box) for box in _core.boxes(self._map(target), self.size, level)]

    def _map(self, target: int) -> NDArray[np.float32]:
        arguments.whole("target", target, -len(self.targets))
        if not -len(self.targets) <= target < len(self.targets):
            raise SettingsError(
                f"There is no target {target} among {len(self.targets)}. Give a number from 0 to {len(self.targets) - 1}."
            )
        found: NDArray[np.float32] = self.maps[target]
        return found
