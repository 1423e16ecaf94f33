"""What the tests share. A test that misses something says so, and fails in CI, as those of the crates do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import camoverlay

TREE = Path(__file__).resolve().parents[2]
MEDIA = TREE / "examples" / "media"
SHARED = TREE.parent / "shared"

Pixels = NDArray[np.uint8]


def missing(what: str, why: str) -> None:
    """Leave the test out, with a line in the list that scripts/test.sh reads out."""
    line = f"SKIPPED: {what}: {why}"
    if os.environ.get("CI") == "true":
        pytest.fail(line)
    if path := os.environ.get("CAMOVERLAY_TEST_SKIPS"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    pytest.skip(line)


def network(name: str) -> Path:
    """A network that set-up installs."""
    return TREE / ".deps" / "share" / "camoverlay" / "models" / f"{name}.onnx"


def graph(name: str) -> Path:
    """A tiny network as an exporter wrote it."""
    return TREE / "tests" / "graphs" / f"{name}.onnx"


def read(name: str) -> Pixels:
    with Image.open(MEDIA / name) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="session")
def cat() -> Pixels:
    return read("chelsea.png")


@pytest.fixture(scope="session")
def coffee() -> Pixels:
    return read("coffee.png")


@pytest.fixture(scope="session")
def squeezenet() -> Iterator[camoverlay.Explainer]:
    yield camoverlay.Explainer(threads=1)
