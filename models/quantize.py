#!/usr/bin/env python3
"""Makes a network that computes in 8 bits of one that computes in 32, and installs it if it agrees with that.

    quantize.py --inspect camoverlay-inspect [--force] NETWORK.onnx QUANTIZED.onnx PICTURE-OR-FOLDER ...

Half of the pictures tell the ranges of the values, as the network itself wants its pictures; the others, or where there are
few all, are shown to both networks: how often the best class is the same, how far scores are off, how alike maps are.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from archives import Failure, write_atomically
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
MOST = 200
"""Pictures that are taken, spread over those that there are: more tell nothing new."""
FEW = 40
"""Up to so many pictures serve to tell the ranges and to check alike."""
LEAST_AGREEMENT = 0.95
SCORES = 100
"""Classes whose scores are compared."""


@dataclass
class Agreement:
    """How a network agrees with another on pictures."""

    pictures: int
    same: int
    """Pictures whose best class is the same."""
    score: float
    """The largest difference of a score."""
    map: float
    """The mean correlation of the maps of the same class."""
    least_map: float
    """The least of these."""

    def __str__(self) -> str:
        share = 100 * self.same / self.pictures
        return (
            f"the same best class on {self.same} of {self.pictures} pictures ({share:.1f} %), scores off by {self.score:.3f} at most, "
            f"correlation of maps {self.map:.4f} on average and {self.least_map:.4f} at least"
        )


def pictures(places: list[Path]) -> list[Path]:
    """The pictures at `places`, files and folders with all that is in them."""
    found = []
    for place in places:
        if not place.exists():
            raise Failure(f"There is no {place}.\nQUANTIZE= takes a folder of pictures like those that the network will see.")
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        found += [file for file in files if file.suffix.lower() in PICTURES and file.is_file()]
    if not found:
        names = " ".join(str(place) for place in places)
        raise Failure(f"There are no pictures in {names}.\nIt takes {', '.join(sorted(PICTURES))}, some dozens or more.")
    step = max(1, len(found) / MOST)
    return [found[int(i * step)] for i in range(min(MOST, len(found)))]


def inspect(program: str, network: Path, *more: str) -> dict:
    """What camoverlay-inspect says of a network.

    Raises Failure with its words where it refuses.
    """
    done = subprocess.run([program, str(network), *more, "--json"], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(done.stderr.strip())
    return json.loads(done.stdout)


def tensor(picture: Path, told: dict, channels_last: bool) -> np.ndarray:
    """1 x channels x height x width float32, or channels last, as the network wants the picture."""
    normal = told["normalization"]
    width, height = told["fixed-width"], told["fixed-height"]
    with Image.open(picture) as image:
        gray = normal["order"] == "gray"
        image = image.convert("L" if gray else "RGB")
    scale = max((width or told["input-size"]) / image.width, (height or told["input-size"]) / image.height)
    if width is None or height is None:
        width, height = (max(side, round(length * scale)) for side, length in zip((width or 1, height or 1), image.size, strict=True))
    values = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    values = values.reshape(height, width, -1)
    values = values[..., ::-1] if normal["order"] == "bgr" else values
    values = (values / normal["divisor"] - np.array(normal["mean"])) / np.array(normal["std"])
    values = np.repeat(values, len(normal["mean"]) // values.shape[2], axis=2)
    values = values if channels_last else values.transpose(2, 0, 1)
    return np.ascontiguousarray(values[None], np.float32)


class Reader(CalibrationDataReader):
    """Shows the calibration one picture after the other."""

    def __init__(self, name: str, shown: list[Path], told: dict, channels_last: bool) -> None:
        self.name = name
        self.tensors = (tensor(picture, told, channels_last) for picture in shown)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture, as the network's inputs."""
        values = next(self.tensors, None)
        return None if values is None else {self.name: values}


def behind(graph: onnx.GraphProto, features: str) -> list[str]:
    """Names of the nodes that follow from the feature map: the head, which costs nothing and of which maps are made."""
    known, nodes = {features}, []
    for node in graph.node:
        if known & set(node.input):
            known |= set(node.output)
            nodes.append(node.name)
    return nodes


def quantized(program: str, network: Path, shown: list[Path], folder: Path) -> onnx.ModelProto:
    """The network with all before its head in 8 bits: unsigned activations, and weights by channels."""
    told = inspect(program, network)
    prepared, written = folder / "prepared.onnx", folder / "quantized.onnx"
    # Joins batch normalisation with convolutions, which are to be quantised as one.
    quant_pre_process(str(network), str(prepared), skip_symbolic_shape=True)
    model = onnx.load(str(prepared))
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    onnx.save(model, str(prepared))
    features = inspect(program, prepared)["features"]
    shape = next(given for given in model.graph.input if given.name == told["input"]).type.tensor_type.shape.dim
    channels_last = len(shape) == 4 and shape[3].dim_value in (1, 3)
    quantize_static(
        str(prepared),
        str(written),
        Reader(told["input"], shown, told, channels_last),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=behind(model.graph, features),
    )
    result, original = onnx.load(str(written)), onnx.load(str(network), load_external_data=False)
    del result.metadata_props[:]
    result.metadata_props.extend(original.metadata_props)
    return result


def agreement(program: str, right: Path, other: Path, shown: list[Path]) -> Agreement:
    """How `other` agrees with `right`."""
    same, score, maps = 0, 0.0, []
    for picture in shown:
        asked = ("--image", str(picture), "--top-k", str(SCORES))
        one = inspect(program, right, *asked)
        target = f"#{one['target']['id']}"
        two = inspect(program, other, *asked, "--target", target)
        same += one["top"][0]["id"] == two["top"][0]["id"]
        scores = [{best["id"]: best["score"] for best in seen["top"]} for seen in (one, two)]
        score = max([score, *(abs(scores[0][k] - scores[1][k]) for k in scores[0].keys() & scores[1].keys())])
        values = [np.array(seen["map"], np.float64).ravel() for seen in (one, two)]
        if all(value.std() > 0 for value in values):
            maps.append(float(np.corrcoef(*values)[0, 1]))
    return Agreement(len(shown), same, score, float(np.mean(maps or [np.nan])), min(maps, default=float("nan")))


def main(arguments: list[str]) -> None:
    """What the module's words say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inspect", required=True)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("network", type=Path)
    parser.add_argument("quantized", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    found = pictures(options.pictures)
    told, shown = (found, found) if len(found) <= FEW else (found[::2], found[1::2])
    with tempfile.TemporaryDirectory() as temporary:
        model = quantized(options.inspect, options.network, told, Path(temporary))
        tried = Path(temporary) / options.quantized.name
        onnx.save(model, str(tried))
        agreed = agreement(options.inspect, options.network, tried, shown)
        print(f"{options.quantized.name}, of {len(told)} pictures: {agreed}", flush=True)
        if agreed.same < LEAST_AGREEMENT * agreed.pictures and not options.force:
            raise Failure(
                f"That is less than {100 * LEAST_AGREEMENT:.0f} % of the pictures, so it is not installed.\n"
                "Give more pictures, or such as the network was trained on; FORCE=1 installs it all the same."
            )
        write_atomically(options.quantized, tried.read_bytes())
    size = [path.stat().st_size / 2**20 for path in (options.network, options.quantized)]
    print(f"  {options.quantized} ({size[1]:.1f} MiB, of {size[0]:.1f}): model={options.quantized}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failure as failure:
        sys.exit(f"{failure}")
