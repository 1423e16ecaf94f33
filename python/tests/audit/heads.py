"""Networks for tests: SqueezeNet's layers under a linear head that is fitted to pictures."""

from __future__ import annotations

import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = "fire9/concat"
MEAN = np.array([103.939, 116.779, 123.68], np.float32)


def fit_head(squeezenet: pathlib.Path, pictures: pathlib.Path, out: pathlib.Path) -> list[str]:
    """Fits the classes of a folder of class folders, writes the network to `out`, and returns the classes.

    The logistic regression is on the mean of SqueezeNet's last features, as the network then computes it."""
    model = onnx.load(squeezenet)
    nodes = list(model.graph.node)
    last = next(index for index, node in enumerate(nodes) if FEATURES in node.output)
    del model.graph.node[last + 1 :]
    model.graph.node.extend(
        [
            helper.make_node("GlobalAveragePool", [FEATURES], ["pool"]),
            helper.make_node("Flatten", ["pool"], ["pooled"]),
        ]
    )
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["N", 512]))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    classes = sorted(folder.name for folder in pictures.iterdir())
    features, truth = [], []
    for path in sorted(pictures.rglob("*.jpg")):
        pixels = np.asarray(Image.open(path).convert("RGB").resize((227, 227)), np.float32)[:, :, ::-1] - MEAN
        features.append(session.run(None, {model.graph.input[0].name: pixels.transpose(2, 0, 1)[None]})[0][0])
        truth.append(classes.index(path.parent.name))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    pipeline.fit(np.array(features), truth)
    scaler, regression = pipeline[0], pipeline[1]
    weight = (regression.coef_ / scaler.scale_).astype(np.float32)
    bias = (regression.intercept_ - (regression.coef_ * scaler.mean_ / scaler.scale_).sum(1)).astype(np.float32)
    unused = {"conv10/kernel", "conv10/bias"}
    kept = [tensor for tensor in model.graph.initializer if tensor.name not in unused]
    del model.graph.initializer[:]
    model.graph.initializer.extend(
        [*kept, numpy_helper.from_array(weight, "head/weight"), numpy_helper.from_array(bias, "head/bias")]
    )
    model.graph.node.append(helper.make_node("Gemm", ["pooled", "head/weight", "head/bias"], ["logits"], transB=1))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(classes)]))
    del model.metadata_props[:]
    for key, value in {"name": "fitted", "preprocess": "caffe", "input_size": "227", "labels": "\n".join(classes)}.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    onnx.save(model, out)
    return classes
