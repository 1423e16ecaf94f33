"""Writes self-describing ONNX classifiers, the same bytes every time.

Every network has one input `input` (N x 3 x H x W, float32; N, H and W are free), one output `logits`
(N x classes) and its last feature map named `last_activation`. Opset 13; metadata keys name, source, licence,
preprocess, input_size and labels (one label a line).
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 7  # the first one that goes with opset 13
FEATURES = "last_activation"


class Graph:
    """A graph built layer by layer; each method takes and returns the names of tensors."""

    def __init__(self, name: str):
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, operator: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: np.ndarray) -> str:
        values = np.ascontiguousarray(values)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def convolution(self, x: str, name: str, kernel: np.ndarray, bias: np.ndarray, output: str = "", **attributes):
        """`kernel` is (output channels, input channels / group, height, width); `bias` has one value a channel."""
        weights = [self.constant(f"{name}/kernel", kernel), self.constant(f"{name}/bias", bias)]
        return self.node("Conv", [x, *weights], output or name, kernel_shape=kernel.shape[2:], **attributes)

    def mean_over_space(self, output: str) -> str:
        """The mean of each channel of the last feature map, N x C."""
        pooled = self.node("GlobalAveragePool", [FEATURES], "pool")
        return self.node("Flatten", [pooled], output, axis=1)

    def dense(self, x: str, weights: np.ndarray, bias: np.ndarray, output: str) -> str:
        """`weights` is (outputs, inputs)."""
        inputs = [x, self.constant("dense/weights", weights), self.constant("dense/bias", bias)]
        return self.node("Gemm", inputs, output, transB=1)

    def serialize(self, classes: int, channels: int, metadata: dict[str, str]) -> bytes:
        """The checked ONNX file; `channels` is the number of channels of the last feature map."""
        free = lambda name, dims: helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [free("input", ["N", 3, "H", "W"])],
            [free("logits", ["N", classes])],
            self.weights,
            value_info=[free(FEATURES, ["N", channels, "h", "w"])],
        )
        model = helper.make_model(
            graph,
            producer_name="camoverlay",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)
