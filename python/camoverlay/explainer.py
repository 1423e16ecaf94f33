"""A network, opened to explain pictures."""

from __future__ import annotations

import importlib.util
import logging
import operator
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, SupportsIndex, TypeAlias, cast, overload

import numpy as np
from numpy.typing import NDArray

from . import _core, arguments
from .errors import SettingsError
from .explanation import Class, Explanation
from .pictures import Image, is_batch, pixels

#: "top-1", "top-2" or "top-3", a class's number, or a label (its first name is enough; "#7" is always the number).
Target: TypeAlias = str | SupportsIndex

#: What a target may be, in a message.
_TARGETS = '"top-1", a label or the number of a class, or several of these'

StrPath: TypeAlias = str | os.PathLike[str]

_log = logging.getLogger("camoverlay")


class Layer(NamedTuple):
    """A layer that can be explained."""

    name: str
    """Of its tensor, as `layer` takes it."""
    operator: str
    """What makes it."""
    channels: int | None
    """Numbers of a cell, where they are known."""
    cells: tuple[int, int]
    """Rows and columns."""


class Explainer:
    """A network that explains pictures. Any number of threads may use one at the same time.

    Args:
        model: path of an ONNX classifier, or of a folder as Hugging Face's tools export it. It takes the place of `net`.
        net: a network of the catalogue; "squeezenet" comes with the package.
        labels: path of a label file, in place of the network's own labels.
        output: name, or index as a text, of the output that is explained; None: the one that holds logits.
        layer: the tensor or node whose feature map is explained, several joined by "+"; None: the last one with places.
        method: "auto", "cam", "gradcam", "hirescam", "gradcam++", "layercam", "eigencam", "xgradcam",
            "gradcam-elementwise", "eigengradcam", "finercam", "fem", "reciprocam" or "legrad".
        preprocess: "auto" (what the network's files say), "torch", "caffe", "tf", "lite", "unit" (0..1) or "raw" (0..255).
        mean: of the channels in 0..1, as training recipes write them, in place of `preprocess`'s.
        std: their deviation, likewise.
        color_order: "auto", "rgb", "bgr" or "gray".
        fit: how pictures fill the network's input: "auto", "shortest-side", "crop", "stretch" or "letterbox".
        crop_share: part of the shortest side that a crop leaves, 0.05..1.
        input_size: shortest side that is fed to the network, in pixels; None: the network's own. Larger: a finer map.
        threads: inside an operator; 0: as many as cores.
        batch_size: most pictures of one run of the network, where its head is affine in pooled features and its layers keep
            pictures apart; `explain_batch` makes use of it.
        memory_limit: bytes that the network may take; None: what the machine has.
        models_dir: folder of the catalogue's networks.
        ort_library: path of libonnxruntime; None: that of the package onnxruntime. A process has one.
        provider: who computes: "cpu", "openvino", "cuda", "tensorrt", ...; "auto": the fastest that gives the same classes.
        provider_library: path of a plugin provider's library.
        provider_options: handed on to the provider.
        precision: of the provider: "auto", "float32" or "reduced".

    Raises:
        LibraryError, NotFoundError, ReadError, FormatError, SettingsError: all of them `camoverlay.Error`.
    """

    def __init__(
        self,
        model: StrPath | None = None,
        *,
        net: str = "squeezenet",
        labels: StrPath | None = None,
        output: str | None = None,
        layer: str | None = None,
        method: str = "auto",
        preprocess: str = "auto",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        color_order: str = "auto",
        fit: str = "auto",
        crop_share: float | None = None,
        input_size: int | None = None,
        threads: int = 0,
        batch_size: int = 1,
        memory_limit: int | None = None,
        models_dir: StrPath | None = None,
        ort_library: StrPath | None = None,
        provider: str = "cpu",
        provider_library: StrPath | None = None,
        provider_options: Mapping[str, str] | None = None,
        precision: str = "auto",
    ) -> None:
        for name, setting in (
            ("net", net),
            ("method", method),
            ("preprocess", preprocess),
            ("color_order", color_order),
            ("fit", fit),
            ("provider", provider),
            ("precision", precision),
        ):
            arguments.text(name, setting)
        for name, part in (("output", output), ("layer", layer)):
            if part is not None:
                arguments.text(name, part)
        for name, place in (
            ("model", model),
            ("labels", labels),
            ("models_dir", models_dir),
            ("ort_library", ort_library),
            ("provider_library", provider_library),
        ):
            if place is not None:
                arguments.path(name, place)
        for name, numbers in (("mean", mean), ("std", std)):
            if numbers is not None:
                arguments.reals(name, numbers)
        if crop_share is not None:
            arguments.real("crop_share", crop_share)
        for name, number, least in (("threads", threads, 0), ("batch_size", batch_size, 1)):
            arguments.whole(name, number, least)
        for name, size in (("input_size", input_size), ("memory_limit", memory_limit)):
            if size is not None:
                arguments.whole(name, size, 1)
        if provider_options is not None:
            arguments.texts_by_name("provider_options", provider_options)
        settings: _core.Settings = {
            "model": model,
            "net": net,
            "labels": labels,
            "output": output,
            "layer": layer,
            "preprocess": preprocess,
            "mean": None if mean is None else list(mean),
            "std": None if std is None else list(std),
            "color_order": color_order,
            "fit": fit,
            "crop_share": crop_share,
            "input_size": input_size,
            "threads": threads,
            "batch_size": batch_size,
            "memory_limit": memory_limit,
            "models_dir": models_dir,
            "ort_library": ort_library,
            "provider": provider,
            "provider_library": provider_library,
            "provider_options": list((provider_options or {}).items()),
            "precision": precision,
            "search_roots": search_roots(),
        }
        self._core = _core.Explainer(settings, method)
        for warning in self._core.warnings:
            warnings.warn(warning, stacklevel=2)
        for notice in self._core.notices:
            _log.info("%s", notice)
        self._labels = tuple(self._core.labels)

    @overload
    def explain(
        self,
        image: Image,
        target: Target | Sequence[Target] = ...,
        *,
        method: str | None = ...,
        layer: str | None = ...,
        top_k: int = ...,
        features: bool = ...,
    ) -> Explanation: ...
    @overload
    def explain(
        self,
        image: Sequence[Image],
        target: Target | Sequence[Target] = ...,
        *,
        method: str | None = ...,
        layer: str | None = ...,
        top_k: int = ...,
        features: bool = ...,
    ) -> list[Explanation]: ...
    def explain(
        self,
        image: Image | Sequence[Image],
        target: Target | Sequence[Target] = "top-1",
        *,
        method: str | None = None,
        layer: str | None = None,
        top_k: int = 3,
        features: bool = False,
    ) -> Explanation | list[Explanation]:
        """Explains one picture, or each of several.

        Python's other threads go on meanwhile; the picture must not be written to.

        Args:
            image: an array of numpy, height x width (gray) or height x width x 3 or 4 (RGB, RGBA) of uint8, or a picture of
                PIL, which is turned as its EXIF orientation says. Several of them, in a list or an array of four axes,
                are explained as `explain_batch` does.
            target: what is explained: "top-1", "top-2", "top-3", a class's number, or its label; several of them give as
                many maps, of one run of the network unless another provider than "cpu" differentiates it.
            method: how the map is made; None: as the explainer was told.
            layer: the layer that is explained; None: as the explainer was told. Another one is another network in memory.
            top_k: number of classes in `Explanation.top`.
            features: whether pooled features are wanted.

        Raises:
            SettingsError, RunError: of the picture, the target, the method or the layer.
        """
        if is_batch(image):
            images = cast(Sequence[Image], image)
            return self.explain_batch(images, target, method=method, layer=layer, top_k=top_k, features=features)
        arrays = [pixels(cast(Image, image))]
        return self._explain(arrays, [_targets(target)], method, layer, top_k, features)[0]

    def explain_batch(
        self,
        images: Sequence[Image] | NDArray[np.uint8],
        target: Target | Sequence[Target] = "top-1",
        *,
        targets: Sequence[Target | Sequence[Target]] | None = None,
        method: str | None = None,
        layer: str | None = None,
        top_k: int = 3,
        features: bool = False,
    ) -> list[Explanation]:
        """Explains several pictures, as `explain` does one. Pictures that follow each other and become tensors of one size
        share a run of the network, as many as `batch_size` allows.

        Args:
            images: the pictures, of any sizes.
            target: what is explained of each of them.
            targets: the same for each picture by itself, in place of `target`.

        Raises:
            SettingsError, RunError: of the first picture with which something is wrong.
        """
        arrays = [pixels(image) for image in images]
        if targets is None:
            each = [_targets(target)] * len(arrays)
        else:
            each = [_targets(one) for one in targets]
        if len(each) != len(arrays):
            raise SettingsError(f"There are targets for {len(each)} pictures of {len(arrays)}. Give some for each picture.")
        return self._explain(arrays, each, method, layer, top_k, features)

    def _explain(
        self,
        arrays: list[NDArray[np.uint8]],
        targets: list[list[str]],
        method: str | None,
        layer: str | None,
        top_k: int,
        features: bool,
    ) -> list[Explanation]:
        for name, setting in (("method", method), ("layer", layer)):
            if setting is not None:
                arguments.text(name, setting)
        arguments.whole("top_k", top_k, 0)
        answers = self._core.explain(arrays, targets, method, layer, top_k, features)
        for words in dict.fromkeys(words for answer in answers for words in answer.ambiguities):
            warnings.warn(words, stacklevel=3)
        return [
            Explanation(
                maps=answer.maps,
                targets=tuple(Class(*one) for one in answer.targets),
                top=tuple(Class(*one) for one in answer.top),
                logits=answer.logits,
                method=answer.method,
                size=array.shape[:2],
                features=answer.features,
                hot_features=answer.hot_features,
            )
            for array, answer in zip(arrays, answers, strict=True)
        ]

    @property
    def name(self) -> str:
        """The network's name."""
        return self._core.name

    @property
    def path(self) -> Path:
        """The network's file."""
        return self._core.path

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' whole labels, by number."""
        return self._labels

    def class_of(self, label: str) -> int | None:
        """The class that `label` means: its whole label, WordNet's number, or the first name of its label; None: no class's."""
        return self._core.class_of(label)

    def scaled_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to which a picture of `width` x `height` is scaled for the network, before anything is cut off it.

        Whoever decodes pictures at reduced size needs no more pixels than that.
        """
        arguments.whole("width", width, 1)
        arguments.whole("height", height, 1)
        return self._core.scaled_size(width, height)

    @property
    def input_size(self) -> int:
        """The shortest side that the network is fed, in pixels."""
        return self._core.input_size

    @property
    def batch_size(self) -> int:
        """Most pictures of one run: 1 unless more were asked for, and the network can."""
        return self._core.batch_size

    def layers(self) -> list[Layer]:
        """The layers that can be explained, in the order of the network's graph."""
        return [Layer(*one) for one in self._core.layers()]

    @property
    def layer(self) -> str:
        """The tensor whose feature map is explained."""
        return self._core.layer

    @property
    def method(self) -> str:
        """The method by which maps are made unless another is asked for."""
        return self._core.method

    @property
    def methods(self) -> list[str]:
        """The methods that suit the network."""
        return self._core.methods

    @property
    def provider(self) -> str:
        """Who computes."""
        return self._core.provider

    def __repr__(self) -> str:
        return f"<camoverlay.Explainer of {self.name}: {self._core.input}; {self.method} at {self.layer!r}>"


def search_roots() -> list[Path]:
    """Where ONNX Runtime and the networks of the catalogue are looked for."""
    roots = [Path(__file__).parent]
    folder = _onnxruntime()
    return roots if folder is None else [folder, *roots]


def onnxruntime_library() -> Path | None:
    """The library in the package onnxruntime; None where there is none."""
    folder = _onnxruntime()
    return None if folder is None else next(iter(sorted(folder.glob("libonnxruntime.so.1.*"))), None)


def _onnxruntime() -> Path | None:
    """The folder of the library in the package onnxruntime, which is not imported for that."""
    spec = importlib.util.find_spec("onnxruntime")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "capi"


def _targets(target: Target | Sequence[Target]) -> list[str]:
    """One or several targets, as the extension spells them.

    Raises:
        SettingsError: for none.
    """
    asked = target.tolist() if isinstance(target, np.ndarray) else target
    if isinstance(asked, (str, SupportsIndex)):
        return [_target(asked)]
    if isinstance(asked, (bytes, bytearray)) or not isinstance(asked, Iterable):
        raise arguments.wrong("target", asked, _TARGETS)
    texts = [_target(one) for one in asked]
    if not texts:
        raise SettingsError('There is no target. Give one, such as "top-1".')
    return texts


def _target(target: Target) -> str:
    if isinstance(target, str):
        arguments.text("target", target)
        return target
    if isinstance(target, (bool, np.bool_)) or not isinstance(target, SupportsIndex):
        raise arguments.wrong("target", target, _TARGETS)
    return f"#{operator.index(target)}"
