#!/usr/bin/env python3
"""Makes a network that computes in 8 bits of one that computes in 32, and installs it if it agrees with that.

    quantize.py --inspect camoverlay-inspect [--force] NETWORK.onnx QUANTIZED.onnx PICTURE-OR-FOLDER ...

Half of the pictures tell the ranges of the values, as the network itself wants its pictures; the others, or where there are
few all, are shown to both networks: how often the best class is the same, how far scores are off, how alike maps are. Where
they do not agree, the first convolutions, whose few channels suffer most, stay as they are.
"""

import argparse
import json
import logging
import re
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
from PIL import Image, ImageOps

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
MOST = 120
"""Pictures that are taken, spread over those that there are: more tell nothing new."""
FEW = 40
"""Up to so many pictures serve to tell the ranges and to check alike."""
LEAST_AGREEMENT = 0.95
SURE = 0.5
"""The score of a best class that is no matter of chance."""
STEMS = (0, 1, 3)
"""First convolutions that are left as they are, one number after the other until the networks agree."""
TURNS = 2
"""How often each network is timed."""
SCORES = 100
"""Classes whose scores are compared."""


@dataclass
class Agreement:
    """How a network agrees with another on pictures."""

    pictures: int
    same: int
    """Pictures whose best class is the same."""
    sure: int
    """Pictures of whose class the network that the other is made of is sure."""
    sure_same: int
    """Those of them whose best class is the same."""
    score: float
    """The largest difference of a score."""
    map: float
    """The mean correlation of the maps of the same class."""
    least_map: float
    """The least of these."""

    def is_enough(self) -> bool:
        """Whether the network may stand for the other."""
        return self.same >= LEAST_AGREEMENT * self.pictures

    def __str__(self) -> str:
        share = 100 * self.same / self.pictures
        return (
            f"the same best class on {self.same} of {self.pictures} pictures ({share:.1f} %), "
            f"{self.sure_same} of the {self.sure} with a score of {SURE} and more; scores off by {self.score:.3f} at most, "
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


def inspect(program: str, network: Path, *more: str) -> dict | list:
    """What camoverlay-inspect says of a network.

    Raises Failure with its words where it refuses.
    """
    done = subprocess.run([program, str(network), *more, "--json"], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(done.stderr.strip())
    return json.loads(done.stdout)


def fitted(image: Image.Image, told: dict) -> Image.Image:
    """The picture as large as the network takes it: scaled, cropped or with borders, as camoverlay-inspect told its fit."""
    width, height, bicubic = told["fixed-width"], told["fixed-height"], Image.Resampling.BICUBIC
    if width is not None and height is not None:
        covers = re.search(r"covers (\d+) x (\d+)", told["fit"])
        if covers is not None:
            across, down = map(int, covers.groups())
            left, top = (across - width) // 2, (down - height) // 2
            return ImageOps.fit(image, (across, down), bicubic).crop((left, top, left + width, top + height))
        if "whole" in told["fit"]:
            return ImageOps.pad(image, (width, height), bicubic)
        return image.resize((width, height), bicubic)
    scale = told["input-size"] / min(image.size)
    if width is not None or height is not None:
        scale = width / image.width if height is None else height / image.height
    return image.resize([max(1, round(length * scale)) for length in image.size], bicubic)


def tensor(picture: Path, told: dict, channels_last: bool) -> np.ndarray:
    """1 x channels x height x width float32, or channels last, as the network wants the picture."""
    normal = told["normalization"]
    with Image.open(picture) as image:
        image = fitted(image.convert("L" if normal["order"] == "gray" else "RGB"), told)
    values = np.asarray(image, np.float32)
    values = values.reshape(image.height, image.width, -1)
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


def before(graph: onnx.GraphProto, convolutions: int) -> list[str]:
    """Names of the nodes up to the last of so many first convolutions."""
    nodes: list[str] = []
    for node in graph.node:
        if node.op_type == "Conv":
            convolutions -= 1
        if convolutions < 0:
            break
        nodes.append(node.name)
    return nodes


def behind(graph: onnx.GraphProto, features: str) -> list[str]:
    """Names of the nodes that follow from the feature map: the head, which costs nothing and of which maps are made."""
    known, nodes = {features}, []
    for node in graph.node:
        if known & set(node.input):
            known |= set(node.output)
            nodes.append(node.name)
    return nodes


class Quantizer:
    """Makes networks of 8 bits of one network by one set of pictures."""

    def __init__(self, program: str, network: Path, shown: list[Path], folder: Path) -> None:
        self.shown, self.folder = shown, folder
        self.told = inspect(program, network)
        self.metadata = onnx.load(str(network), load_external_data=False).metadata_props
        # Joins batch normalisation with convolutions, which are to be quantised as one.
        self.prepared = folder / "prepared.onnx"
        quant_pre_process(str(network), str(self.prepared), skip_symbolic_shape=True)
        model = onnx.load(str(self.prepared))
        for index, node in enumerate(model.graph.node):
            node.name = node.name or f"{node.op_type}_{index}"
        onnx.save(model, str(self.prepared))
        self.graph = model.graph
        self.head = behind(model.graph, inspect(program, self.prepared)["features"])
        shape = next(given for given in model.graph.input if given.name == self.told["input"]).type.tensor_type.shape.dim
        self.channels_last = len(shape) == 4 and shape[3].dim_value in (1, 3)

    def make(self, stem: int) -> Path:
        """The network, all between its first `stem` convolutions and its head in 8 bits.

        Weights are by channels and signed, values unsigned. Raises Failure with ONNX Runtime's words where it cannot.
        """
        written = self.folder / f"quantized-{stem}.onnx"
        try:
            quantize_static(
                str(self.prepared),
                str(written),
                Reader(self.told["input"], self.shown, self.told, self.channels_last),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                calibrate_method=CalibrationMethod.MinMax,
                nodes_to_exclude=before(self.graph, stem) + self.head,
                # One picture with a value out of all proportion would cost the others their steps.
                extra_options={"CalibMovingAverage": True},
            )
        except Exception as error:  # noqa: BLE001 - its libraries raise what they like
            raise Failure(f"The network cannot be quantised: {error}") from error
        model = onnx.load(str(written))
        del model.metadata_props[:]
        model.metadata_props.extend(self.metadata)
        onnx.save(model, str(written))
        return written


def views(program: str, network: Path, shown: list[Path], targets: list[int] | None) -> list[dict]:
    """What the network makes of each picture, and for which class: its best, or that in `targets`."""
    asked = ["top-1"] * len(shown) if targets is None else [f"#{target}" for target in targets]
    shared = ("--top-k", str(SCORES), "--target")
    return [inspect(program, network, "--image", str(one), *shared, target) for one, target in zip(shown, asked, strict=True)]


def agreement(right: list[dict], other: list[dict]) -> Agreement:
    """How what one network sees agrees with what another sees."""
    score, maps = 0.0, []
    for one, two in zip(right, other, strict=True):
        scores = [{best["id"]: best["score"] for best in seen["top"]} for seen in (one, two)]
        score = max([score, *(abs(scores[0][k] - scores[1][k]) for k in scores[0].keys() & scores[1].keys())])
        values = [np.array(seen["map"], np.float64).ravel() for seen in (one, two)]
        if all(value.std() > 0 for value in values):
            maps.append(float(np.corrcoef(*values)[0, 1]))
    bests = [(one["top"][0], two["top"][0]) for one, two in zip(right, other, strict=True)]
    same = [one["id"] == two["id"] for one, two in bests]
    sure = [is_same for is_same, (one, _) in zip(same, bests, strict=True) if one["score"] >= SURE]
    mean, least = float(np.mean(maps or [np.nan])), min(maps, default=float("nan"))
    return Agreement(len(right), sum(same), len(sure), sum(sure), score, mean, least)


def times(program: str, networks: list[Path]) -> list[dict[str, float]]:
    """Milliseconds of a run of each network by the providers that are installed: the least of turns that they take."""
    least: list[dict[str, float]] = [{} for _ in networks]
    for _ in range(TURNS):
        for network, found in zip(networks, least, strict=True):
            for provider in inspect(program, network, "--providers"):
                if "time" in provider:
                    name = provider["provider"]
                    found[name] = min(provider["time"], found.get(name, provider["time"]))
    return least


def main(arguments: list[str]) -> None:
    """What the module's words say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inspect", required=True)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("network", type=Path)
    parser.add_argument("quantized", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    # It advises to prepare networks, which is done.
    logging.disable(logging.WARNING)
    found = pictures(options.pictures)
    told, shown = (found, found) if len(found) <= FEW else (found[::2], found[1::2])
    with tempfile.TemporaryDirectory() as temporary:
        quantizer = Quantizer(options.inspect, options.network, told, Path(temporary))
        right = views(options.inspect, options.network, shown, None)
        targets = [seen["target"]["id"] for seen in right]
        best: tuple[Agreement, Path] | None = None
        for stem in STEMS:
            tried = quantizer.make(stem)
            agreed = agreement(right, views(options.inspect, tried, shown, targets))
            left = f", the first {stem} convolutions as they were" if stem > 0 else ""
            print(f"  8 bits by {len(told)} pictures{left}: {agreed}", flush=True)
            if best is None or agreed.same > best[0].same:
                best = (agreed, tried)
            if agreed.is_enough():
                break
        agreed, tried = best
        if not agreed.is_enough() and not options.force:
            raise Failure(
                f"That is less than {100 * LEAST_AGREEMENT:.0f} % of the pictures, so it is not installed.\n"
                "Give more pictures, or such as the network was trained on; FORCE=1 installs it all the same."
            )
        write_atomically(options.quantized, tried.read_bytes())
    both = times(options.inspect, [options.network, options.quantized])
    for provider in both[0].keys() & both[1].keys():
        print(f"  a run by {provider} takes {both[1][provider]:.1f} ms, of {both[0][provider]:.1f}", flush=True)
    size = [path.stat().st_size / 2**20 for path in (options.network, options.quantized)]
    print(f"  {options.quantized} ({size[1]:.1f} MiB, of {size[0]:.1f}): model={options.quantized}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failure as failure:
        sys.exit(f"{failure}")
