"""The arithmetic of an explanation in plain, slow numpy, for the tests to compare with.

Written for reading: a frame becomes a tensor (`tensor`), the tensor logits and
a class map (`explain`), the class map heat over the frame (`paint`). Frames
are height x width x 3 uint8, RGB.
"""

from math import ceil, floor
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating]

# Where a preprocessing takes red, green and blue from, what it divides by, then subtracts, then divides by again.
PREPROCESSINGS = {
    "torch": ([0, 1, 2], 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ([2, 1, 0], 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0)),
    "tf": ([0, 1, 2], 127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "lite": ([0, 1, 2], 128.0, (127 / 128, 127 / 128, 127 / 128), (1.0, 1.0, 1.0)),
}

# ITU-R BT.601's weights of red, green and blue, to all digits that MATLAB's rgb2gray has.
LUMA = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])

# Rows of the table of heat, and the last of them.
ROWS = 255
HOTTEST = ROWS - 1

# Below this share of its largest magnitude a map's range is rounding, and the map flat.
FLAT = 1e-6


def rounded(values: Floats) -> Floats:
    """The whole numbers of 0..255 nearest to `values`, halves upward."""
    return np.floor(np.clip(values, 0, 255) + 0.5)


def keys(distance: float) -> float:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = abs(distance)
    if x <= 1:
        return (1.5 * x - 2.5) * x * x + 1
    if x <= 2:
        return ((-0.5 * x + 2.5) * x - 4) * x + 2
    return 0.0


def mirrored(index: int, length: int) -> int:
    """The sample that stands for `index` outside 0..length: the border's samples are seen twice."""
    index %= 2 * length
    return index if index < length else 2 * length - 1 - index


def resized_axis(values: Floats, axis: int, length: int, scale: float) -> Floats:
    """`values` scaled to `length` samples along `axis`; the kernel is widened where it shrinks."""
    lines = np.moveaxis(values, axis, 0)
    narrow = min(scale, 1.0)
    reach = 2 / narrow
    result = np.zeros((length, *lines.shape[1:]))
    for i in range(length):
        centre = (i + 1) / scale + 0.5 * (1 - 1 / scale)  # counted from 1
        taps = range(floor(centre - reach), floor(centre - reach) + ceil(2 * reach) + 2)
        weights = np.array([narrow * keys(narrow * (centre - tap)) for tap in taps])
        weights /= weights.sum()
        for tap, weight in zip(taps, weights, strict=True):
            result[i] += weight * lines[mirrored(tap - 1, len(lines))]
    return np.moveaxis(result, 0, axis)


def resized(values: NDArray, height: int, width: int, scales: tuple[float, float]) -> NDArray:
    """`values` scaled to `height` x `width`, the smaller of the vertical and horizontal `scales` first.

    Bytes stay bytes, rounded after each of the two passes.
    """
    result = values.astype(np.float64)
    axes = [(scales[0], 0, height), (scales[1], 1, width)]
    for scale, axis, length in sorted(axes, key=lambda a: a[0]):
        result = resized_axis(result, axis, length, scale)
        if values.dtype == np.uint8:
            result = rounded(result)
    return result.astype(values.dtype) if values.dtype == np.uint8 else result


def tensor(frame: Bytes, preprocessing: str, side: int) -> NDArray[np.float32]:
    """1 x 3 x h x w: the shortest side scaled to `side`, the aspect ratio kept, and normalised."""
    height, width, _ = frame.shape
    scale = side / min(height, width)
    size = (side, ceil(width * scale)) if height <= width else (ceil(height * scale), side)
    small = resized(frame, *size, (scale, scale)).astype(np.float32)
    order, divisor, mean, deviation = PREPROCESSINGS[preprocessing]
    planes = [
        (small[..., source] / np.float32(divisor) - np.float32(mean[i])) / np.float32(deviation[i])
        for i, source in enumerate(order)
    ]
    return np.stack(planes)[None]


class Explained(NamedTuple):
    """What a network makes of a tensor."""

    ids: NDArray[np.int64]  # of the three best classes, best first
    scores: Floats  # theirs
    map: Floats  # the target's, h x w, signed


def explain(path: str, image: NDArray[np.float32], target: int | None) -> Explained:
    """The network's three best classes for `image`, and the class map of `target` (None: the best).

    The network ends in a mean over space and at most one dense layer.
    """
    network = onnx.load(path)
    mean = next(node for node in reversed(network.graph.node) if node.op_type == "GlobalAveragePool")
    network.graph.output.append(onnx.ValueInfoProto(name=mean.input[0]))
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    features = session.run([mean.input[0]], {session.get_inputs()[0].name: image})[0][0]

    logits = features.mean(axis=(1, 2))
    dense = dense_layer(network.graph)
    if dense is not None:
        weights, bias = dense
        logits = weights @ logits + bias
    order = sorted(range(len(logits)), key=lambda class_id: (-logits[class_id], class_id))
    powers = np.exp(logits - logits.max())
    ids = np.array(order[:3])
    class_id = ids[0] if target is None else target
    class_map = features[class_id] if dense is None else np.tensordot(weights[class_id], features, axes=1)
    return Explained(ids, (powers / powers.sum())[ids], class_map)


def dense_layer(graph: onnx.GraphProto) -> tuple[Floats, Floats] | None:
    """Weights (classes x channels) and bias of the last dense layer; None without one: each channel is a class."""
    layers = [node for node in graph.node if node.op_type in ("Gemm", "MatMul")]
    if not layers:
        return None
    layer = layers[-1]
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    is_transposed = any(attribute.name == "transB" and attribute.i for attribute in layer.attribute)
    weights = constants[layer.input[1]]
    weights = weights if is_transposed else weights.T
    bias = constants[layer.input[2]] if len(layer.input) > 2 else np.zeros(len(weights), np.float32)
    return weights, bias


def heat_table() -> Floats:
    """ROWS x 3: MATLAB's jet, darkened towards its cold end, 0..255."""
    rows = np.arange(1, ROWS + 1)
    red = np.minimum((rows - 96) / 64, (288 - rows) / 64)
    green = np.minimum((rows - 32) / 64, (224 - rows) / 64)
    blue = np.minimum((rows + 32) / 64, (160 - rows) / 64)
    jet = np.clip(np.stack([red, green, blue], axis=1), 0, 1)
    return jet * (np.arange(ROWS) / HOTTEST)[:, None] * 255


def stretched(values: Floats) -> Floats:
    """`values` brought to 0..1; zeros where they are all the same."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if low < high else np.zeros_like(values)


def is_flat(class_map: Floats) -> bool:
    return class_map.max() - class_map.min() <= FLAT * np.abs(class_map).max()


def paint(frame: Bytes, class_map: Floats, threshold: float) -> Bytes:
    """`frame` in gray under the heat of `class_map`, which is left out below `threshold`."""
    height, width, _ = frame.shape
    heat = np.zeros((height, width))
    class_map = class_map.astype(np.float64)
    if not is_flat(class_map):
        rows, columns = class_map.shape
        heat = stretched(resized(class_map, height, width, (height / rows, width / columns)))
    heat[heat < threshold] = 0
    index = np.minimum(rounded(heat * 255), HOTTEST).astype(int)
    gray = rounded(frame.astype(np.float64) @ LUMA)
    combined = gray[..., None] / 2 + heat_table()[index]
    return rounded(stretched(combined) * 255).astype(np.uint8)
