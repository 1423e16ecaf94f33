"""Three-class networks, red, green and blue, whose metadata says one thing or another."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

METADATA: dict[str, dict[str, str]] = {
    "plain": {"preprocess": "unit"},
    "silent": {},
    "labels-too-few": {"preprocess": "unit", "labels": "red\ngreen"},
    "preprocess-misspelt": {"preprocess": "Unit ", "labels": "red\ngreen\nblue"},
    "preprocess-unknown": {"preprocess": "magic", "labels": "red\ngreen\nblue"},
    "size-zero": {"preprocess": "unit", "input_size": "0", "labels": ""},
    "size-huge": {"preprocess": "unit", "imgsz": "[1000000, 1000000]"},
    "ultralytics": {
        "author": "Ultralytics",
        "task": "classify",
        "imgsz": "[64, 64]",
        "names": "{0: 'red', 1: 'green', 2: \"robin's egg\"}",
        "labels": "",
        "preprocess": "",
    },
    "paddle": {"preprocess": "unit", "character": "red\ngreen\nblue"},
}


def network(metadata: dict[str, str]) -> onnx.ModelProto:
    colours = 10 * np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
    nodes = [
        helper.make_node("Conv", ["input", "colours"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(colours, "colours")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    helper.set_model_props(model, metadata)
    return model


for name, metadata in METADATA.items():
    onnx.save(network(metadata), Path(sys.argv[1]) / f"{name}.onnx")
