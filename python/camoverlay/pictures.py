"""Pictures of numpy and PIL, as the extension takes them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from .errors import ReadError, SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    Image: TypeAlias = NDArray[np.uint8] | PilImage
else:
    Image: TypeAlias = Any

#: Modes of PIL that hold more than eight bits a channel, or numbers that are no colours.
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def is_pil(image: object) -> TypeGuard[PilImage]:
    """Whether it is a picture of PIL, which is not imported for that."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def pixels(image: Image) -> NDArray[np.uint8]:
    """The picture as height x width x 1 (gray), 3 (RGB) or 4 (RGBA) bytes, upright.

    A picture of PIL is turned as its EXIF orientation says.

    Raises:
        SettingsError: for what is no picture, or has no 8 bits a channel.
        ReadError: for a picture of PIL that is damaged or closed.
    """
    if is_pil(image):
        return _of_pil(image)
    if isinstance(image, (str, bytes)) or not hasattr(image, "__array__"):
        raise SettingsError(
            f"A picture cannot be made of {type(image).__name__}. Give an array of numpy, or open the file with PIL.Image.open."
        )
    array = np.asarray(image)
    if array.dtype != np.uint8:
        raise SettingsError(
            f"The picture's values are {array.dtype}. Give uint8 from 0 to 255; of values from 0 to 1 that is "
            "(255 * image).round().astype(numpy.uint8)."
        )
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim == 3 and array.shape[2] in (1, 3, 4):
        return array
    shape = " x ".join(str(side) for side in array.shape) or "no axes"
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        raise SettingsError(f"An array of {shape} has its channels first. Give image.transpose(1, 2, 0).")
    raise SettingsError(f"An array of {shape} is no picture. Give height x width, or height x width x 3 or 4.")


def _of_pil(image: PilImage) -> NDArray[np.uint8]:
    try:
        return _decoded(image)
    except (OSError, ValueError, SyntaxError) as error:
        if isinstance(error, SettingsError):
            raise
        raise ReadError(f"The picture cannot be decoded: {error}. Give another one, or one that is open and whole.") from error


def _decoded(image: PilImage) -> NDArray[np.uint8]:
    from PIL import ImageOps

    if image.mode in _DEEP_MODES:
        raise SettingsError(
            f"A picture of mode {image.mode} has more than 8 bits a channel. Scale it to 0..255 and give it as uint8."
        )
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "La":
        upright = upright.convert("LA")
    has_alpha = upright.mode in ("RGBA", "LA", "PA", "RGBa")
    return np.asarray(upright.convert("RGBA" if has_alpha else "RGB"))


def is_batch(images: Image | Sequence[Image]) -> bool:
    """Whether these are several pictures: a list or tuple, or an array of four axes."""
    if isinstance(images, (list, tuple)):
        return True
    return not is_pil(images) and getattr(images, "ndim", 0) == 4
