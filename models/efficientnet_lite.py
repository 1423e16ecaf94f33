"""EfficientNet-Lite from PyTorch state dicts (Tan and Le, 2019, arXiv:1905.11946; Lite: no squeeze-and-excitation,
ReLU6 for swish).

TensorFlow's "same" padding depends on the input's size, so the convolutions carry auto_pad=SAME_UPPER, which is the
same rule, and any height and width are right. Batch normalisation is folded into the convolutions.
"""

import numpy as np

import state_dict
from onnx_writer import FEATURES, Graph

EPSILON = 1e-3
# Stages after the stem: blocks in Lite0, stride of the first one. Deeper variants have more blocks, except in the
# first and the last stage.
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
DEPTH = {16: 1.0, 18: 1.1, 21: 1.2}  # by the number of blocks: Lite0, Lite1, Lite2


def _strides(blocks: int) -> list[int]:
    """The stride of each of `blocks` blocks."""
    strides = []
    for index, (repeats, stride) in enumerate(STAGES):
        if 0 < index < len(STAGES) - 1:
            repeats = int(np.ceil(repeats * DEPTH[blocks]))
        strides += [stride] + [1] * (repeats - 1)
    return strides


def convert(weights: bytes, metadata: dict[str, str]) -> bytes:
    """`weights` is a .pth file; returns an ONNX file."""
    tensors = state_dict.read(weights)
    graph = Graph("efficientnet-lite")

    def convolution(x: str, name: str, normalisation: str, stride: int = 1) -> str:
        kernel = tensors[f"{name}.weight"].astype(np.float64)
        norm = lambda part: tensors[f"{normalisation}.{part}"].astype(np.float64)
        gain = norm("weight") / np.sqrt(norm("running_var") + EPSILON)
        bias = norm("bias") - norm("running_mean") * gain
        depthwise = kernel.shape[1] == 1
        return graph.convolution(
            x,
            name,
            (kernel * gain[:, None, None, None]).astype(np.float32),
            bias.astype(np.float32),
            strides=[stride, stride],
            auto_pad="SAME_UPPER",
            group=kernel.shape[0] if depthwise else 1,
        )

    zero, six = (graph.constant(name, np.array(value, np.float32)) for name, value in (("zero", 0), ("six", 6)))

    def relu6(x: str, output: str = "") -> str:
        return graph.node("Clip", [x, zero, six], output or f"{x}/relu6")

    blocks = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("_blocks."))
    x = relu6(convolution("input", "_conv_stem", "_bn0", stride=2))
    channels = tensors["_conv_stem.weight"].shape[0]
    for index, stride in enumerate(_strides(blocks)):
        block, start, entering = f"_blocks.{index}", x, channels
        if f"{block}._expand_conv.weight" in tensors:
            x = relu6(convolution(x, f"{block}._expand_conv", f"{block}._bn0"))
        x = relu6(convolution(x, f"{block}._depthwise_conv", f"{block}._bn1", stride))
        x = convolution(x, f"{block}._project_conv", f"{block}._bn2")
        channels = tensors[f"{block}._project_conv.weight"].shape[0]
        if stride == 1 and channels == entering:
            x = graph.node("Add", [x, start], f"{block}/sum")
    relu6(convolution(x, "_conv_head", "_bn1"), FEATURES)
    dense, bias = tensors["_fc.weight"], tensors["_fc.bias"]
    graph.dense(graph.mean_over_space("mean"), dense, bias, "logits")
    return graph.serialize(*dense.shape, metadata)
