"""The GStreamer plugin that comes with the package."""

from __future__ import annotations

import ctypes
from pathlib import Path

from .errors import LibraryError

#: The oldest GStreamer that the plugin runs with.
OLDEST = (1, 22)

_FILE = "libgstcamoverlay.so"
_FOLDER = Path(__file__).parent / "lib" / "gstreamer-1.0"


def plugin_folder() -> Path:
    """The folder of the plugin, for GST_PLUGIN_PATH.

    Raises:
        LibraryError: where GStreamer is missing or older than 1.22, or the plugin does not load, or this package was built
            without it.
    """
    needed = ".".join(str(number) for number in OLDEST)
    found = _gstreamer()
    if found is None:
        raise LibraryError(
            f"GStreamer is not installed, and the plugin needs {needed} or newer: install it from your distribution "
            "(Debian: gstreamer1.0-plugins-base)."
        )
    if found < OLDEST:
        version = ".".join(str(number) for number in found)
        raise LibraryError(f"GStreamer is {version}, and the plugin needs {needed} or newer: update it with your distribution.")
    if not (_FOLDER / _FILE).is_file():
        raise LibraryError(f"This package was built without {_FILE}: build it with `make wheel` in the source tree.")
    try:
        ctypes.CDLL(str(_FOLDER / _FILE))
    except OSError as error:
        raise LibraryError(
            f"The plugin does not load ({error}): install what is missing from your distribution (Debian: "
            "gstreamer1.0-plugins-base libpangocairo-1.0-0)."
        ) from None
    return _FOLDER


def plugin_file() -> Path:
    """The plugin's file.

    Raises:
        LibraryError: as `plugin_folder` does.
    """
    return plugin_folder() / _FILE


def _gstreamer() -> tuple[int, int] | None:
    """Major and minor version of the GStreamer that the system's loader finds; None for none."""
    try:
        library = ctypes.CDLL("libgstreamer-1.0.so.0")
    except OSError:
        return None
    numbers = [ctypes.c_uint() for _ in range(4)]
    library.gst_version(*map(ctypes.byref, numbers))
    return numbers[0].value, numbers[1].value
