"""The extension, in Rust. What programs use is the package around it."""

from os import PathLike
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

class Settings(TypedDict):
    model: str | PathLike[str] | None
    net: str
    labels: str | PathLike[str] | None
    output: str | None
    layer: str | None
    preprocess: str
    mean: list[float] | None
    std: list[float] | None
    color_order: str
    fit: str
    crop_share: float | None
    input_size: int | None
    threads: int
    batch_size: int
    memory_limit: int | None
    models_dir: str | PathLike[str] | None
    ort_library: str | PathLike[str] | None
    provider: str
    provider_library: str | PathLike[str] | None
    provider_options: list[tuple[str, str]]
    precision: str
    search_roots: list[Path]

class Answer:
    @property
    def maps(self) -> NDArray[np.float32]: ...
    @property
    def targets(self) -> list[tuple[int, str, float]]: ...
    @property
    def top(self) -> list[tuple[int, str, float]]: ...
    @property
    def logits(self) -> NDArray[np.float32]: ...
    @property
    def method(self) -> str: ...
    @property
    def features(self) -> NDArray[np.float32] | None: ...
    @property
    def hot_features(self) -> NDArray[np.float32] | None: ...
    @property
    def ambiguities(self) -> list[str]: ...

class Explainer:
    def __new__(cls, settings: Settings, method: str) -> Explainer: ...
    def explain(
        self,
        images: list[NDArray[np.uint8]],
        targets: list[list[str]],
        method: str | None,
        layer: str | None,
        top_k: int,
        features: bool,
    ) -> list[Answer]: ...
    def layers(self) -> list[tuple[str, str, int | None, tuple[int, int]]]: ...
    def class_of(self, label: str) -> int | None: ...
    def scaled_size(self, width: int, height: int) -> tuple[int, int]: ...
    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> list[str]: ...
    @property
    def input_size(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def layer(self) -> str: ...
    @property
    def methods(self) -> list[str]: ...
    @property
    def method(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def input(self) -> str: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def notices(self) -> list[str]: ...

def overlay(
    image: NDArray[np.uint8],
    map: NDArray[np.float32],
    threshold: float,
    colormap: str,
    blend: str,
    opacity: float,
) -> NDArray[np.uint8]: ...
def boxes(map: NDArray[np.float32], size: tuple[int, int], level: float) -> list[list[int]]: ...
