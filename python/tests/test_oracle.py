"""Numbers and pictures next to plain numpy and ONNX Runtime: the oracle, and the reference beside the tree where that is."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import SHARED, TREE, Pixels, missing, network

from camoverlay import Explainer


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def assert_alike(picture: Pixels, expected: Pixels) -> None:
    """As the crates' tests of golden pictures: a thousandth of the samples may be off, by few levels."""
    difference = np.abs(picture.astype(int) - expected)
    assert np.mean(difference > 0) <= 1e-3
    assert difference.max() <= 4


CASES = [("squeezenet", "caffe", 227), ("efficientnet-lite0", "lite", 224)]


@pytest.mark.parametrize(("name", "preprocess", "side"), CASES)
@pytest.mark.parametrize("target", [None, 967])
def test_the_oracle_says_the_same(cat: Pixels, name: str, preprocess: str, side: int, target: int | None) -> None:
    oracle = module(TREE / "tests" / "oracle" / "oracle.py")
    picture = cat[::2, ::2]
    expected = oracle.explain(str(network(name)), oracle.tensor(picture, preprocess, side), target)
    explanation = Explainer(network(name), threads=1).explain(picture, "top-1" if target is None else target, features=True)
    assert [one.id for one in explanation.top] == list(expected.ids)
    assert [one.score for one in explanation.top] == pytest.approx(list(expected.scores), abs=1e-3)
    assert explanation.map == pytest.approx(expected.map, abs=2e-3 * float(np.abs(expected.map).max()))
    assert_alike(explanation.overlay(picture), oracle.paint(picture, explanation.map, 0.2))


@pytest.mark.parametrize(("name", "preprocess", "side"), CASES)
def test_pooled_features_are_the_networks(cat: Pixels, name: str, preprocess: str, side: int) -> None:
    import onnx
    import onnxruntime

    oracle = module(TREE / "tests" / "oracle" / "oracle.py")
    model = onnx.load(network(name))
    pool = next(node for node in reversed(model.graph.node) if node.op_type == "GlobalAveragePool")
    model.graph.output.append(onnx.ValueInfoProto(name=pool.input[0]))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    picture = cat[::2, ::2]
    tensor = oracle.tensor(picture, preprocess, side)
    features = session.run([pool.input[0]], {session.get_inputs()[0].name: tensor})[0][0].astype(np.float64)
    explanation = Explainer(network(name), threads=1).explain(picture, ["top-1", 967], features=True)
    most = float(np.abs(features).max())
    assert explanation.features == pytest.approx(features.mean((1, 2)), abs=1e-3 * most)
    assert explanation.hot_features is not None
    for class_map, hot in zip(explanation.maps, explanation.hot_features, strict=True):
        weights = np.maximum(class_map, 0).astype(np.float64)
        assert hot == pytest.approx((features * weights).sum((1, 2)) / weights.sum(), abs=1e-3 * most)


@pytest.mark.parametrize(("model", "preprocess", "side"), [("resnet18", "torch", 224), ("googlenet", "caffe", 224)])
def test_the_reference_says_the_same(cat: Pixels, coffee: Pixels, model: str, preprocess: str, side: int) -> None:
    file, script = SHARED / "models" / f"{model}.onnx", SHARED / "oracle" / "reference.py"
    if not file.exists() or not script.exists():
        missing(f"the reference's {model}", f"{file} and {script} are not there")
    reference = module(script)
    labels = SHARED / "models" / "imagenet_labels.txt"
    explainer = Explainer(file, labels=labels, preprocess=preprocess, threads=1)
    for picture in (cat, coffee[::2, ::2]):
        tensor, _ = reference.net_input(picture, preprocess, side)
        ids, scores, class_map, logits = reference.explain(str(file), tensor)
        explanation = explainer.explain(picture)
        assert [one.id for one in explanation.top] == list(ids)
        assert [one.score for one in explanation.top] == pytest.approx(list(scores), abs=1e-3)
        assert explanation.logits == pytest.approx(logits, abs=1e-2)
        assert explanation.map == pytest.approx(class_map, abs=2e-3 * float(np.abs(class_map).max()))
        assert_alike(explanation.overlay(picture), reference.camshow(picture, explanation.map))
