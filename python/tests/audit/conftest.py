"""Data sets that several tests share."""

from __future__ import annotations

import pathlib

import pytest

import camoverlay

from . import heads, photos
from .harness import Planted, audit


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("planted")
    photos.make_set(folder / "fit", 40, "fit")
    photos.make_set(folder / "audit", 40, "audit")
    squeezenet = camoverlay.Explainer(net="squeezenet", threads=1).path
    heads.fit_head(squeezenet, folder / "fit", folder / "fitted.onnx")
    audit("run", folder / "audit", "--model", folder / "fitted.onnx", "--out", folder / "run")
    return Planted(folder / "audit", folder / "fitted.onnx", folder / "run")


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Five pictures each of four classes."""
    folder = tmp_path_factory.mktemp("few") / "pictures"
    photos.make_set(folder, 5, classes=["Egyptian_cat", "espresso", "Pekinese", "missile"])
    return folder


@pytest.fixture(scope="session")
def few_run(few: pathlib.Path) -> pathlib.Path:
    """The run on those."""
    audit("run", few, "--out", few.parent / "run", "--maps", "predicted")
    return few.parent / "run"
