"""Where the cells of a network's feature map look, by the arithmetic of its windows alone.

sight.py MODEL.onnx TENSOR HEIGHT WIDTH: prints {"offset": [vertical, horizontal], "stride": [...]} in pixels of an input of
that size; cell i looks at offset + stride * i, the first pixel's centre being 0.5. Of branches that meet, the one that sees
most counts. An empty TENSOR stands for tokens, which look at the patches that the first convolution cuts out.
"""

import json
import sys
from typing import NamedTuple

import onnx

# Operators with windows, and which of their inputs is the kernel.
WINDOWS = {"Conv": 1, "QLinearConv": 3, "MaxPool": 0, "AveragePool": 0}


class Axis(NamedTuple):
    cells: int
    size: float
    offset: float
    stride: float


def windowed(axis: Axis, kernel: int, stride: int, dilation: int, pads: tuple[int, int], same: str, ceil: bool) -> Axis:
    reach = (kernel - 1) * dilation
    cells = axis.cells
    if same.startswith("SAME"):
        made = -(-cells // stride)
        total = max((made - 1) * stride + reach + 1 - cells, 0)
        before = total // 2 if same == "SAME_UPPER" else total - total // 2
    else:
        before = pads[0]
        rest = cells + sum(pads) - reach - 1
        made = (-(-rest // stride) if ceil else rest // stride) + 1
    return Axis(
        made,
        axis.size + reach * axis.stride,
        axis.offset + (reach / 2 - before) * axis.stride,
        axis.stride * stride,
    )


def attributes(node: onnx.NodeProto) -> dict:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def axes_of(nodes: list, constants: dict, picture: str, tensor: str, size: list[int]) -> list[Axis]:
    """Where the cells of `tensor` look, vertically and horizontally; `constants` have a `shape`."""
    known: dict[str, list[Axis]] = {picture: [Axis(length, 1, 0.5, 1) for length in size]}
    for node in nodes:
        sources = [known[name] for name in node.input if name in known]
        if not sources:
            continue
        axes = max(sources, key=lambda axes: axes[0].size)
        if node.op_type in WINDOWS:
            told = attributes(node)
            kernel = told.get("kernel_shape") or list(constants[node.input[WINDOWS[node.op_type]]].shape[2:])
            pads = told.get("pads", [0, 0, 0, 0])
            axes = [
                windowed(
                    axes[i],
                    kernel[i],
                    told.get("strides", [1, 1])[i],
                    told.get("dilations", [1, 1])[i],
                    (pads[i], pads[i + 2]),
                    told.get("auto_pad", b"NOTSET").decode(),
                    bool(told.get("ceil_mode", 0)),
                )
                for i in (0, 1)
            ]
        known.update({name: axes for name in node.output})
    return known[tensor]


def main(path: str, tensor: str, size: list[int]) -> None:
    graph = onnx.load(path).graph
    constants = {initializer.name: onnx.numpy_helper.to_array(initializer) for initializer in graph.initializer}
    picture = next(value.name for value in graph.input if value.name not in constants)
    if not tensor:
        tensor = next(node for node in graph.node if node.op_type == "Conv").output[0]
    axes = axes_of(list(graph.node), constants, picture, tensor, size)
    print(json.dumps({"offset": [axis.offset for axis in axes], "stride": [axis.stride for axis in axes]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [int(length) for length in sys.argv[3:5]])
