"""Explains what an image classifier looks at: class activation maps of ONNX networks.

>>> import camoverlay
>>> from PIL import Image
>>> explainer = camoverlay.Explainer(net="squeezenet")
>>> photo = Image.open("cat.jpg")
>>> explanation = explainer.explain(photo)
>>> explanation.top[0].label
'Egyptian cat'
>>> Image.fromarray(explanation.overlay(photo)).save("why.png")
"""

from importlib.metadata import version

from .errors import Error, FormatError, LibraryError, NotFoundError, ReadError, RunError, SettingsError
from .explainer import Explainer, Layer, Target
from .explanation import Box, Class, Explanation

__version__ = version("camoverlay")

__all__ = [
    "Box",
    "Class",
    "Error",
    "Explainer",
    "Explanation",
    "FormatError",
    "Layer",
    "LibraryError",
    "NotFoundError",
    "ReadError",
    "RunError",
    "SettingsError",
    "Target",
]
