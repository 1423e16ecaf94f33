"""Writes classifiers that fail on bright pictures, or on all: faulty_models.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BRIGHT = 0.8
"""Mean of the input, which is 0 to 1, from which on a picture is bright."""


def tensor(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def scalar(name, kind):
    return helper.make_tensor_value_info(name, kind, [])


def classifier(nodes, constants, factor="factor"):
    """Conv, ReLU times `factor`, a scalar that `nodes` make of the mean of the input, pool. `is_bright` is there for them."""
    weights = np.random.default_rng(7).normal(size=(10, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
            helper.make_node("Greater", ["mean", "bright"], ["is_bright"]),
            *nodes,
            helper.make_node("Conv", ["input", "weights"], ["conv"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["conv"], ["rectified"]),
            helper.make_node("Mul", ["rectified", factor], ["features"]),
            helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["logits"]),
        ],
        "classifier",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [
            tensor("weights", weights),
            tensor("bright", np.float32(BRIGHT)),
            tensor("one", np.float32(1)),
            *constants,
        ],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    helper.set_model_props(model, {"preprocess": "unit"})
    return model


def not_a_number():
    """The square root of what is negative for bright pictures."""
    return classifier(
        [
            helper.make_node("Sub", ["bright", "mean"], ["rest"]),
            helper.make_node("Sqrt", ["rest"], ["factor"]),
        ],
        [],
    )


def failing():
    """An index behind the end for bright pictures."""
    return classifier(
        [
            helper.make_node("Cast", ["is_bright"], ["index"], to=TensorProto.INT64),
            helper.make_node("Gather", ["ones", "index"], ["factor"]),
        ],
        [tensor("ones", np.ones(1, np.float32))],
    )


def endless(condition="is_bright"):
    """A loop that begins where `condition` is true, and never ends."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["goes_on"]),
            helper.make_node("Mul", ["value", "value"], ["next"]),
        ],
        "body",
        [scalar("turn", TensorProto.INT64), scalar("going", TensorProto.BOOL), scalar("value", TensorProto.FLOAT)],
        [scalar("goes_on", TensorProto.BOOL), scalar("next", TensorProto.FLOAT)],
    )
    loop = helper.make_node("Loop", ["", condition, "one"], ["factor"], body=body)
    return classifier([loop], [tensor("always", np.bool_(True))])


def long_operator(condition="is_bright", boxes=30_000):
    """One operator that takes seconds where `condition` is true, and next to no memory."""
    return classifier(
        [
            helper.make_node("Cast", [condition], ["bit"], to=TensorProto.INT64),
            helper.make_node("Mul", ["bit", "boxes"], ["more"]),
            helper.make_node("Add", ["more", "one_box"], ["count"]),
            helper.make_node("Concat", ["one_box", "count", "four"], ["box_shape"], axis=0),
            helper.make_node("Concat", ["one_box", "one_box", "count"], ["score_shape"], axis=0),
            helper.make_node("Expand", ["box", "box_shape"], ["all_boxes"]),
            helper.make_node("Expand", ["score", "score_shape"], ["all_scores"]),
            helper.make_node("NonMaxSuppression", ["all_boxes", "all_scores", "boxes", "overlap"], ["selected"]),
            helper.make_node("Size", ["selected"], ["size"]),
            helper.make_node("Cast", ["size"], ["number"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["number", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "one"], ["factor"]),
        ],
        [
            tensor("always", np.bool_(True)),
            tensor("boxes", np.array([boxes])),
            tensor("one_box", np.array([1])),
            tensor("four", np.array([4])),
            tensor("box", np.array([[[0, 0, 1, 1]]], np.float32)),
            tensor("score", np.ones((1, 1, 1), np.float32)),
            tensor("overlap", np.array([1], np.float32)),
            tensor("zero", np.float32(0)),
        ],
    )


def main(folder):
    folder = Path(folder)
    for name, model in {
        "nan-when-bright": not_a_number(),
        "failing-when-bright": failing(),
        "endless-when-bright": endless(),
        "endless": endless("always"),
        "long-when-bright": long_operator(),
        "long": long_operator("always"),
    }.items():
        onnx.save(model, folder / f"{name}.onnx")


main(*sys.argv[1:])
