"""How far heat is drawn from where cells look: with placement=frame and with placement=receptive-field.

placement.py [--random] PHOTO... -- MODEL.onnx:PREPROCESSING:SIDE...: where a cell looks is the centre of the squared gradients of what
it says for the best class (its class map's value there) with respect to the picture, by torch. Prints a row of
docs/heat.md's table for each network: mean distance, in pixels of a picture of 224, over all photos and all cells that are
not at the border. With --random the kernels are drawn anew (He), so that what is measured is the architecture's and not what
its weights have learnt. Networks of convolutions, pools and concatenations with a mean over space and at most one dense layer.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "oracle"))

from sight import axes_of  # noqa: E402, the folder has just been named

PREPROCESSINGS = {
    "torch": ([0, 1, 2], 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ([2, 1, 0], 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0)),
    "lite": ([0, 1, 2], 128.0, (127 / 128, 127 / 128, 127 / 128), (1.0, 1.0, 1.0)),
}


class Network:
    """An ONNX graph, run by torch up to the mean over space."""

    def __init__(self, path: str) -> None:
        graph = onnx.load(path).graph
        self.nodes = list(graph.node)
        self.constants = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant":
                value = onnx.helper.get_attribute_value(node.attribute[0])
                self.constants[node.output[0]] = torch.from_numpy(onnx.numpy_helper.to_array(value).copy())
        self.input = next(value.name for value in graph.input if value.name not in self.constants)
        dense = [node for node in self.nodes if node.op_type in ("Gemm", "MatMul")]
        self.weights = self.bias = None
        if dense:
            weights = self.constants[dense[-1].input[1]]
            told = {a.name: onnx.helper.get_attribute_value(a) for a in dense[-1].attribute}
            self.weights = weights if told.get("transB") else weights.T
            self.bias = self.constants[dense[-1].input[2]] if len(dense[-1].input) > 2 else 0.0

    def forget(self) -> None:
        """Draws all kernels anew."""
        torch.manual_seed(1)
        for node in self.nodes:
            if node.op_type == "Conv":
                kernel = self.constants[node.input[1]]
                torch.nn.init.kaiming_normal_(kernel)
                if len(node.input) > 2:
                    self.constants[node.input[2]].zero_()

    def features(self, picture: torch.Tensor) -> tuple[torch.Tensor, str]:
        """The map before the mean over space, and its name."""
        values = dict(self.constants)
        values[self.input] = picture
        for node in self.nodes:
            if node.op_type == "Constant":
                continue
            if node.op_type == "GlobalAveragePool":
                return values[node.input[0]], node.input[0]
            told = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            inputs = [values.get(name) for name in node.input]
            values[node.output[0]] = run(node.op_type, inputs, told)
        raise SystemExit("There is no mean over space.")

    def class_map(self, features: torch.Tensor) -> torch.Tensor:
        """What each cell says for the best class."""
        pooled = features.mean((2, 3))[0]
        if self.weights is None:
            return features[0, int(pooled.argmax())]
        best = int((self.weights @ pooled + self.bias).argmax())
        return torch.einsum("k,kij->ij", self.weights[best], features[0])


def padded(x: torch.Tensor, kernel: list[int], told: dict, filler: float) -> torch.Tensor:
    """`x` with the padding of a window around it."""
    pads = list(told.get("pads", [0, 0, 0, 0]))
    strides, dilations = told.get("strides", [1, 1]), told.get("dilations", [1, 1])
    same = told.get("auto_pad", b"NOTSET").decode()
    for axis in (0, 1):
        length, reach = x.shape[2 + axis], (kernel[axis] - 1) * dilations[axis] + 1
        if same.startswith("SAME"):
            total = max((-(-length // strides[axis]) - 1) * strides[axis] + reach - length, 0)
            small = total // 2
            pads[axis], pads[axis + 2] = (small, total - small) if same == "SAME_UPPER" else (total - small, small)
        elif told.get("ceil_mode", 0):
            rest = (length + pads[axis] + pads[axis + 2] - reach) % strides[axis]
            pads[axis + 2] += (strides[axis] - rest) % strides[axis]
    return F.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=filler)


def run(kind: str, inputs: list, told: dict) -> torch.Tensor:
    x = inputs[0]
    match kind:
        case "Conv":
            x = padded(x, list(inputs[1].shape[2:]), told, 0.0)
            bias = inputs[2] if len(inputs) > 2 else None
            return F.conv2d(x, inputs[1], bias, told.get("strides", 1), 0, told.get("dilations", 1), told.get("group", 1))
        case "MaxPool":
            x = padded(x, told["kernel_shape"], told, float("-inf"))
            return F.max_pool2d(x, told["kernel_shape"], told.get("strides", 1))
        case "AveragePool":
            x = padded(x, told["kernel_shape"], told, 0.0)
            return F.avg_pool2d(x, told["kernel_shape"], told.get("strides", 1))
        case "Relu":
            return x.relu()
        case "Clip":
            low = inputs[1] if len(inputs) > 1 else told.get("min")
            high = inputs[2] if len(inputs) > 2 else told.get("max")
            return x.clamp(float(low), float(high))
        case "Add":
            return x + inputs[1]
        case "Concat":
            return torch.cat(inputs, told["axis"])
        case "LRN":
            return F.local_response_norm(x, told["size"], told["alpha"], told["beta"], told["bias"])
        case "BatchNormalization":
            return F.batch_norm(x, inputs[3], inputs[4], inputs[1], inputs[2], False, 0.0, told.get("epsilon", 1e-5))
        case "Dropout" | "Identity":
            return x
    raise SystemExit(f"{kind} is not known here.")


def picture(path: str, preprocessing: str, side: int) -> torch.Tensor:
    photo = Image.open(path).convert("RGB")
    edge = min(photo.size)
    left, top = (photo.width - edge) // 2, (photo.height - edge) // 2
    small = photo.crop((left, top, left + edge, top + edge)).resize((side, side), Image.Resampling.BICUBIC)
    order, divisor, mean, deviation = PREPROCESSINGS[preprocessing]
    values = np.asarray(small, np.float32)[..., order] / np.float32(divisor)
    values = (values - np.float32(mean)) / np.float32(deviation)
    return torch.from_numpy(values.transpose(2, 0, 1)[None].copy())


def measured(network: Network, photos: list[str], preprocessing: str, side: int) -> tuple[float, float]:
    """Mean distance with either placement, in pixels of 224."""
    distances: list[tuple[float, float]] = []
    at = torch.arange(side, dtype=torch.float64) + 0.5
    for photo in photos:
        image = picture(photo, preprocessing, side).requires_grad_()
        features, name = network.features(image)
        class_map = network.class_map(features)
        rows, columns = class_map.shape
        down, across = axes_of(network.nodes, network.constants, network.input, name, [side, side])
        cells = [(i, j) for i in range(1, rows - 1) for j in range(1, columns - 1)]
        for i, j in cells:
            gradient = torch.autograd.grad(class_map[i, j], image, retain_graph=True)[0]
            mass = gradient[0].double().square().sum(0)
            if mass.sum() == 0:
                continue
            centre = np.array([float((mass.sum(1) @ at) / mass.sum()), float((mass.sum(0) @ at) / mass.sum())])
            tile = np.array([(i + 0.5) * side / rows, (j + 0.5) * side / columns])
            sight = np.array([down.offset + down.stride * i, across.offset + across.stride * j])
            scale = 224 / side
            distances.append(tuple(float(np.linalg.norm(place - centre)) * scale for place in (tile, sight)))
    mean = np.mean(distances, axis=0)
    return float(mean[0]), float(mean[1])


def main() -> None:
    split = sys.argv.index("--")
    is_random = sys.argv[1] == "--random"
    photos = sys.argv[1 + is_random : split]
    torch.set_num_threads(1)
    print("| network | `frame` | `receptive-field` |\n|---|---|---|")
    for spec in sys.argv[split + 1 :]:
        path, preprocessing, side = spec.rsplit(":", 2)
        network = Network(path)
        if is_random:
            network.forget()
        today, placed = measured(network, photos, preprocessing, int(side))
        print(f"| {Path(path).stem} | {today:.1f} | {placed:.1f} |", flush=True)


main()
