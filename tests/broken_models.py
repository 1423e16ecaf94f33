"""Writes small ONNX files that a classifier overlay must refuse or survive: broken_models.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def classifier(classes, *, weights=None, channels=3, tail=("pool",), opset=13, operator="Conv"):
    """conv 3x3, ReLU and what `tail` names; dynamic batch, height and width."""
    if weights is None:
        weights = np.random.default_rng(7).normal(size=(classes, channels, 3, 3))
    nodes = [
        helper.make_node(operator, ["input", "weights"], ["conv"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["features"]),
    ]
    outputs = ["N", classes, "H", "W"]
    if "pool" in tail:
        nodes += [
            helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["logits"]),
        ]
        outputs = ["N", classes]
    else:
        nodes[-1].output[0] = "logits"
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", channels, "H", "W"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, outputs)],
        [numpy_helper.from_array(weights.astype(np.float32), "weights")],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])


def two_outputs():
    """The classifier of ten classes, behind an embedding of its four channels."""
    model = classifier(4)
    graph = model.graph
    graph.node[-1].output[0] = "embedding"
    graph.node.append(helper.make_node("MatMul", ["embedding", "dense"], ["logits"]))
    dense = np.random.default_rng(8).normal(size=(4, 10)).astype(np.float32)
    graph.initializer.append(numpy_helper.from_array(dense, "dense"))
    graph.output[0].type.tensor_type.shape.dim[1].dim_value = 10
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 4])
    graph.output.insert(0, embedding)
    return model


def one_class():
    """A single logit and its softmax, which is 1 whatever is shown."""
    model = classifier(1)
    model.graph.node[-1].output[0] = "logit"
    model.graph.node.append(helper.make_node("Softmax", ["logit"], ["logits"]))
    return model


def main(folder):
    folder = Path(folder)
    save = lambda name, model: onnx.save(model, folder / name)
    good = classifier(10)
    save("ten-classes.onnx", good)
    save("one-class.onnx", one_class())
    save("no-pool.onnx", classifier(10, tail=()))
    save("two-channels.onnx", classifier(10, channels=2))
    save("not-a-number.onnx", classifier(10, weights=np.full((10, 3, 3, 3), np.nan)))
    save("flat.onnx", classifier(10, weights=np.zeros((10, 3, 3, 3))))
    save("unknown-operator.onnx", classifier(10, operator="Frobnicate"))
    save("two-outputs.onnx", two_outputs())
    data = good.SerializeToString()
    (folder / "truncated.onnx").write_bytes(data[: len(data) * 2 // 3])
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "text.onnx").write_text("This is no network.\n" * 100)


main(*sys.argv[1:])
