"""What arguments must be; a mistake is told in a sentence that names it."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Mapping, Sequence
from typing import SupportsIndex

import numpy as np

from .errors import SettingsError

#: Longest value that a message repeats.
_LONGEST = 60


def shown(value: object) -> str:
    """A value as a message repeats it."""
    told = repr(value)
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 3]}…"


def wrong(name: str, value: object, expected: str) -> SettingsError:
    """What to raise for a value that is not what is expected."""
    return SettingsError(f"{name} is {shown(value)}. Give {expected}.")


def text(name: str, value: object) -> None:
    """Checks for a text that has an encoding.

    Raises:
        SettingsError: it is none.
    """
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise wrong(name, value, "a text")


def path(name: str, value: object) -> None:
    """Checks for a path that says something.

    Raises:
        SettingsError: it is none.
    """
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value) or not isinstance(os.fspath(value), str):
        raise wrong(name, value, "a path")


def whole(name: str, value: object, least: int) -> None:
    """Checks for a whole number of 64 bits from `least` on.

    Raises:
        SettingsError: it is none.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, SupportsIndex) or isinstance(value, np.ndarray):
        raise wrong(name, value, f"a whole number from {least} on")
    if not least <= operator.index(value) < 1 << 63:
        raise wrong(name, value, f"a whole number from {least} on")


def real(name: str, value: object) -> None:
    """Checks for a finite number.

    Raises:
        SettingsError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)) or not math.isfinite(value):
        raise wrong(name, value, "a number")


def reals(name: str, value: object) -> None:
    """Checks for several numbers.

    Raises:
        SettingsError: they are none.
    """
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, (str, bytes)):
        raise wrong(name, value, "a number for each channel, such as [0.485, 0.456, 0.406]")
    for one in value:
        real(name, one)


def texts_by_name(name: str, value: object) -> None:
    """Checks for texts by name.

    Raises:
        SettingsError: they are none.
    """
    if not isinstance(value, Mapping):
        raise wrong(name, value, 'texts by name, such as {"device_id": "0"}')
    for key, one in value.items():
        text(name, key)
        text(f"{name}[{key!r}]", one)
