"""Targets, methods, layers, batches, threads, and what is told of mistakes."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from conftest import TREE, Pixels, graph, network

import camoverlay
from camoverlay import Explainer


def test_targets_in_every_spelling(squeezenet: Explainer, cat: Pixels) -> None:
    by_rank = squeezenet.explain(cat, "top-2")
    assert by_rank.target == by_rank.top[1]
    for spelling in (by_rank.target.id, np.int64(by_rank.target.id), by_rank.target.label, f"#{by_rank.target.id}"):
        assert np.array_equal(squeezenet.explain(cat, spelling).map, by_rank.map)
    assert squeezenet.class_of(by_rank.target.label) == by_rank.target.id
    assert squeezenet.class_of("no such thing") is None


def test_several_targets_of_one_picture(squeezenet: Explainer, cat: Pixels) -> None:
    several = squeezenet.explain(cat, ["top-1", 967, "top-3"], top_k=5, features=True)
    assert several.maps.shape == (3, *several.map.shape)
    assert [one.id for one in several.targets] == [several.top[0].id, 967, several.top[2].id]
    assert len(several.top) == 5
    assert several.hot_features is not None
    for number, target in enumerate(several.targets):
        alone = squeezenet.explain(cat, target.id, features=True)
        assert np.array_equal(alone.map, several.maps[number])
        assert alone.target == target
        assert alone.hot_features is not None
        assert np.array_equal(alone.hot_features[0], several.hot_features[number])
    # A channel is a class here: pooled features are the logits.
    assert several.features is not None
    assert several.features == pytest.approx(several.logits, abs=1e-4)
    assert squeezenet.explain(cat).features is None


def test_every_method_that_suits(squeezenet: Explainer, cat: Pixels) -> None:
    assert "legrad" not in squeezenet.methods
    for method in squeezenet.methods:
        explanation = squeezenet.explain(cat, method=method)
        assert explanation.method == method
        assert np.isfinite(explanation.map).all()
    for name in ("keras-vgg", "torch-dynamo-convnext"):
        explainer = Explainer(graph(name), threads=1)
        for method in explainer.methods:
            assert explainer.explain(cat, method=method).method == method
        # Which takes a network of its own.
        assert explainer.explain(cat, method="reciprocam").method == "reciprocam"
        assert Explainer(graph(name), method="reciprocam").method == "reciprocam"


def test_layers(squeezenet: Explainer, cat: Pixels) -> None:
    layers = squeezenet.layers()
    assert squeezenet.layer in [layer.name for layer in layers]
    other = next(layer for layer in reversed(layers) if layer.name != squeezenet.layer and layer.operator == "Concat")
    explanation = squeezenet.explain(cat, layer=other.name, features=True)
    assert explanation.features is not None
    assert explanation.features.shape == (other.channels,)
    opened = Explainer(layer=other.name, threads=1)
    assert opened.layer == other.name
    assert np.array_equal(opened.explain(cat).map, explanation.map)
    # And back at its own.
    assert np.array_equal(squeezenet.explain(cat, layer="auto").map, squeezenet.explain(cat).map)


@pytest.mark.parametrize("name", ["squeezenet", "efficientnet-lite0"])
def test_batches_are_what_each_picture_is(name: str, cat: Pixels, coffee: Pixels) -> None:
    single, several = Explainer(network(name), threads=1), Explainer(network(name), threads=1, batch_size=4)
    assert (single.batch_size, several.batch_size) == (1, 4)
    pictures = [cat, cat[:, ::-1], coffee, cat[::-1], coffee[..., 0], cat[:200, :200]]
    targets: list[camoverlay.Target | list[camoverlay.Target]] = ["top-1", ["top-1", 7], "top-2", [3], [1, 2, 3], "espresso"]
    together = several.explain_batch(pictures, targets=targets, features=True)
    for picture, target, explanation in zip(pictures, targets, together, strict=True):
        alone = single.explain(picture, target, features=True)
        assert alone.hot_features is not None
        assert explanation.hot_features is not None
        assert np.array_equal(alone.maps, explanation.maps)
        assert np.array_equal(alone.logits, explanation.logits)
        assert np.array_equal(alone.hot_features, explanation.hot_features)
        assert (alone.top, alone.targets, alone.size) == (explanation.top, explanation.targets, explanation.size)
    for batch in (np.stack([cat, cat[::-1]]), [cat, cat[::-1]], (cat, cat[::-1])):
        first, second = several.explain(cast(list[Pixels], batch), "top-1")
        assert np.array_equal(first.map, single.explain(cat).map)
        assert np.array_equal(second.map, single.explain(cat[::-1]).map)
    assert several.explain_batch([]) == []
    with pytest.raises(camoverlay.SettingsError, match="targets for 1 pictures of 2"):
        several.explain_batch([cat, coffee], targets=["top-1"])
    with pytest.raises(camoverlay.SettingsError, match="names none"):
        several.explain_batch([cat, coffee], targets=["top-1", "no such thing"])


def test_many_threads_may_ask_one(squeezenet: Explainer, cat: Pixels, coffee: Pixels) -> None:
    pictures = [cat, coffee, cat[:, ::-1], coffee[::-1]]
    expected = [squeezenet.explain(picture, ["top-1", 285]) for picture in pictures]
    other = Explainer(network("efficientnet-lite0"), threads=1)
    of_other = [other.explain(picture) for picture in pictures]

    def ask(number: int) -> bool:
        at = number % len(pictures)
        explanation = squeezenet.explain(pictures[at], ["top-1", 285])
        return (
            np.array_equal(explanation.maps, expected[at].maps)
            and np.array_equal(explanation.overlay(pictures[at]), expected[at].overlay(pictures[at]))
            and np.array_equal(other.explain(pictures[at]).map, of_other[at].map)
        )

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(ask, range(48)))


def test_other_threads_go_on(cat: Pixels) -> None:
    """While one thread is in a run of some hundred milliseconds, this one counts; with the lock held it could not."""
    explainer = Explainer(input_size=1200, threads=1)
    begun, done = threading.Event(), threading.Event()

    def explain() -> None:
        begun.set()
        explainer.explain(cat)
        done.set()

    thread = threading.Thread(target=explain)
    thread.start()
    begun.wait()
    start, rounds = time.perf_counter(), 0
    while not done.is_set():
        rounds += 1
        time.sleep(0.001)
    took = time.perf_counter() - start
    thread.join()
    assert took > 0.05, "The run is too short to tell."
    assert rounds > 5, f"{rounds} rounds in {took:.2f} s"


def test_two_explainers_work_at_the_same_time(cat: Pixels) -> None:
    """Runs of two threads overlap: each begins before the other's ends."""
    explainers = [Explainer(input_size=900, threads=1), Explainer(network("efficientnet-lite0"), input_size=900, threads=1)]
    times: list[list[tuple[float, float]]] = [[], []]
    barrier = threading.Barrier(2)

    def explain(number: int) -> None:
        barrier.wait()
        for _ in range(4):
            start = time.perf_counter()
            explainers[number].explain(cat)
            times[number].append((start, time.perf_counter()))

    threads = [threading.Thread(target=explain, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    overlapping = [(a, b) for a in times[0] for b in times[1] if max(a[0], b[0]) < min(a[1], b[1])]
    assert overlapping, times


def _explain_in_child(queue: multiprocessing.Queue[str]) -> None:
    try:
        Explainer(threads=1).explain(np.zeros((30, 30, 3), np.uint8))
        queue.put("explained")
    except camoverlay.Error as error:
        queue.put(f"{type(error).__name__}: {error}")


@pytest.mark.parametrize(("method", "words"), [("spawn", "explained"), ("fork", "RunError: This process was forked")])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes(squeezenet: Explainer, method: str, words: str) -> None:
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_explain_in_child, args=(queue,))  # type: ignore[attr-defined]
    process.start()
    assert queue.get(timeout=60).startswith(words)
    process.join(30)
    assert process.exitcode == 0


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"model": "/no/such/file.onnx"}, camoverlay.NotFoundError, "/no/such/file.onnx"),
        ({"net": "resnet18"}, camoverlay.NotFoundError, "models_dir"),
        ({"net": "alexnet"}, camoverlay.SettingsError, "squeezenet"),
        ({"model": __file__}, camoverlay.ReadError, "not a complete ONNX model"),
        ({"model": "/dev/null"}, camoverlay.ReadError, "/dev/null"),
        ({"method": "grad-cam"}, camoverlay.SettingsError, "gradcam"),
        ({"method": "legrad"}, camoverlay.SettingsError, "does not suit"),
        ({"layer": "no such"}, camoverlay.SettingsError, "Explainer.layers lists"),
        ({"labels": "/no/labels.txt"}, camoverlay.NotFoundError, "/no/labels.txt"),
        ({"labels": __file__}, camoverlay.SettingsError, "1000 classes"),
        ({"preprocess": "imagenet"}, camoverlay.SettingsError, "auto, torch, caffe"),
        ({"color_order": "rbg"}, camoverlay.SettingsError, "auto, rgb, bgr, gray"),
        ({"fit": "cover"}, camoverlay.SettingsError, "letterbox"),
        ({"precision": "half"}, camoverlay.SettingsError, "float32"),
        ({"provider": "abacus"}, camoverlay.Error, "abacus"),
        ({"input_size": 5000}, camoverlay.SettingsError, "4096"),
        ({"input_size": 4}, camoverlay.Error, "input_size"),
        ({"mean": [1.0, 2.0]}, camoverlay.Error, "mean"),
        ({"output": "no such"}, camoverlay.SettingsError, "has no output"),
        ({"memory_limit": 1000}, camoverlay.Error, "memory_limit"),
    ],
)
def test_what_cannot_be_opened_is_told(arguments: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        Explainer(**arguments)  # type: ignore[arg-type]
    assert isinstance(caught.value, camoverlay.Error)
    assert words in str(caught.value)
    # A sentence on what is wrong and one on what to do.
    assert str(caught.value).count(".") >= 2
    assert str(caught.value).endswith(".")


def test_python_finds_its_own_kinds_of_errors() -> None:
    with pytest.raises(FileNotFoundError):
        Explainer("/no/such/file.onnx")
    with pytest.raises(ValueError):
        Explainer(method="x")
    with pytest.raises(OSError):
        Explainer(__file__)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"threads": -1}, "threads is -1. Give a whole number from 0 on."),
        ({"threads": "two"}, "threads is 'two'. Give a whole number"),
        ({"threads": 2.0}, "threads is 2.0."),
        ({"threads": True}, "threads is True."),
        ({"threads": 1 << 80}, "threads is 1208"),
        ({"input_size": -4}, "input_size is -4. Give a whole number from 1 on."),
        ({"batch_size": None}, "batch_size is None."),
        ({"memory_limit": "1GB"}, "memory_limit is '1GB'."),
        ({"net": 3}, "net is 3. Give a text."),
        ({"net": None}, "net is None."),
        ({"method": None}, "method is None."),
        ({"layer": ["a"]}, "layer is ['a']."),
        ({"output": 0}, "output is 0. Give a text."),
        ({"output": "\ud800"}, "output is"),
        ({"model": 3}, "model is 3. Give a path."),
        ({"model": ""}, "model is ''. Give a path."),
        ({"labels": b"labels.txt"}, "labels is b'labels.txt'."),
        ({"mean": "abc"}, "mean is 'abc'. Give a number for each channel"),
        ({"mean": 0.5}, "mean is 0.5."),
        ({"std": [0.5, "x", 0.5]}, "std is 'x'. Give a number."),
        ({"std": [0.5, float("nan"), 0.5]}, "std is nan."),
        ({"crop_share": "all"}, "crop_share is 'all'."),
        ({"provider_options": "x"}, "provider_options is 'x'. Give texts by name"),
        ({"provider_options": {"a": 1}}, "provider_options['a'] is 1. Give a text."),
    ],
)
def test_values_of_other_types_are_told(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(camoverlay.SettingsError) as caught:
        Explainer(**arguments)  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.parametrize("target", [None, 285.0, True, b"tabby", [285, None], [b"tabby"], "tabby\ud800", np.array([1.5])])
def test_targets_of_other_types_are_told(squeezenet: Explainer, target: object) -> None:
    with pytest.raises(camoverlay.SettingsError, match="target is"):
        squeezenet.explain(np.zeros((8, 8, 3), np.uint8), target)  # type: ignore[call-overload]


def test_targets_may_be_numbers_of_numpy(squeezenet: Explainer) -> None:
    image = np.arange(48 * 48 * 3, dtype=np.uint8).reshape(48, 48, 3)
    several = squeezenet.explain(image, np.array([281, 285]))
    assert [found.id for found in several.targets] == [281, 285]
    assert squeezenet.explain(image, np.int64(281)).target.id == 281


def test_a_label_that_classes_share_is_told(squeezenet: Explainer) -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.warns(UserWarning, match="crane"):
        found = squeezenet.explain(image, "crane")
    assert "crane" in found.target.label


def test_what_memory_cannot_hold_is_told(squeezenet: Explainer) -> None:
    huge = np.broadcast_to(np.uint8(5), (1 << 20, 1 << 20, 3))
    with pytest.raises(camoverlay.SettingsError, match="more than there is memory"):
        squeezenet.explain(huge)
    with pytest.raises(camoverlay.SettingsError, match="more than there is memory"):
        squeezenet.explain(np.zeros((8, 8, 3), np.uint8)).overlay(huge)


@pytest.mark.parametrize(("sizes", "words"), [((0, 5), "width is 0"), ((5, -1), "height is -1"), ((5.0, 5), "width is 5.0")])
def test_sizes_that_are_none_are_told(squeezenet: Explainer, sizes: tuple[int, int], words: str) -> None:
    with pytest.raises(camoverlay.SettingsError, match=words):
        squeezenet.scaled_size(*sizes)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": "no such thing"}, "names none"),
        ({"target": -1}, "-1"),
        ({"target": 1000}, "0 to 999"),
        ({"target": "top-9"}, "top-1, top-2 and top-3"),
        ({"target": []}, "There is no target"),
        ({"method": "x"}, "is not known"),
        ({"method": "legrad"}, "does not suit"),
        ({"layer": "no such"}, "no such"),
    ],
)
def test_what_cannot_be_asked_is_told(squeezenet: Explainer, cat: Pixels, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(camoverlay.Error, match=words):
        squeezenet.explain(cat, **arguments)  # type: ignore[call-overload]
    # It goes on as before.
    assert squeezenet.explain(cat).target.id == 285


def test_warnings_of_a_networks_files_are_pythons(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(network("squeezenet").read_bytes())
    (tmp_path / "preprocessor_config.json").write_text("{", encoding="utf-8")
    with pytest.warns(UserWarning, match="preprocessor_config.json"):
        explainer = Explainer(tmp_path)
    assert explainer.path == tmp_path / "model.onnx"


def test_onnxruntime_that_is_missing_is_told(tmp_path: Path) -> None:
    """In a process of its own, since a process has one."""
    script = "import camoverlay; camoverlay.Explainer(ort_library='/no/libonnxruntime.so')"
    environment = {**os.environ, "PYTHONPATH": ""}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert result.returncode == 1
    assert "LibraryError" in result.stderr
    assert "/no/libonnxruntime.so" in result.stderr
    assert "onnxruntime 1.22 or newer" in result.stderr


def test_the_network_inside_is_the_one_of_the_catalogue(squeezenet: Explainer) -> None:
    import hashlib

    digest = hashlib.sha256(squeezenet.path.read_bytes()).hexdigest()
    assert TREE not in squeezenet.path.parents or ".deps/wheel-python" in str(squeezenet.path)
    told = squeezenet.path.with_name("squeezenet.onnx.sha256").read_text().split()
    assert told == [digest, "squeezenet.onnx"]
    assert f'sha256 = "{digest}"' in (TREE / "models" / "catalogue.toml").read_text()
    assert "BSD LICENSE" in squeezenet.path.with_name("squeezenet.onnx.licence.txt").read_text()
    assert len(squeezenet.labels) == 1000
    assert squeezenet.input_size == 227
