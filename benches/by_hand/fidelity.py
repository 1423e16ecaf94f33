"""Measures how well each method's map tells what the network's score hangs on: deletion and insertion.

    fidelity.py --inspect target/release/camoverlay-inspect [--write docs/methods.md] [--net NAME]... [PHOTO...]

As Petsiuk, Das and Saenko have it (RISE, BMVC 2018): pixels are taken out of the picture, the hottest first, and set to the
mean colour (deletion), or put into a picture blurred by a Gaussian of 5 pixels (insertion), two in a hundred at a time; the
class's score is averaged over the way. Low deletion and high insertion mean that the map ranks pixels as the network does.
Photos are cropped to squares of the network's size; the maps are camoverlay-inspect's, of the best class; ONNX Runtime does the
rest. Without PHOTO: those of examples/media, and of scikit-learn and matplotlib where they are installed.

needs: numpy onnx onnxruntime pillow, and scikit-learn and matplotlib for more photos
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageFilter

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracle"))

import oracle  # noqa: E402, the folder has just been named

Floats = NDArray[np.float32]

MEDIA = ("chelsea.png", "coffee.png")
# Photographs that Python packages bring.
PACKAGED = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "matplotlib": ("mpl-data/sample_data/grace_hopper.jpg",),
}
STEPS = 50
BLUR = 5
RANDOM = "(pixels at random)"
BEGIN, END = "<!-- fidelity: by make fidelity -->", "<!-- fidelity: end -->"


def photos() -> Iterator[Path]:
    """Those that are here."""
    for name in MEDIA:
        yield ROOT / "examples" / "media" / name
    for package, names in PACKAGED.items():
        found = find_spec(package)
        if found is None or found.origin is None:
            print(f"{package} is not installed: its photos are left out.", file=sys.stderr)
            continue
        for name in names:
            yield Path(found.origin).parent / name


def square(photo: Path, side: int) -> Image.Image:
    """The middle of a photo, `side` x `side` pixels."""
    with Image.open(photo) as image:
        image = image.convert("RGB")
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    box = (left, top, left + edge, top + edge)
    return image.resize((side, side), Image.Resampling.BICUBIC, box=box)


class Network:
    """A network of the catalogue, run by ONNX Runtime and explained by camoverlay-inspect."""

    def __init__(self, inspect: str, name: str, model: Path) -> None:
        self.command = [inspect, "--net", name, "--json"]
        report = json.loads(subprocess.run(self.command, check=True, capture_output=True, text=True).stdout)
        self.methods: list[str] = report["methods"]
        self.side: int = report["input-size"]
        self.preprocess: str = report["preprocess"]
        self.session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    def explain(self, photo: Path, method: str) -> dict:
        command = [*self.command, "--image", str(photo), "--method", method]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def tensor(self, image: Image.Image) -> Floats:
        return oracle.tensor(np.asarray(image), self.preprocess, self.side)[0]

    def scores(self, tensors: Floats, target: int) -> Floats:
        """The score of the class for each tensor."""
        name = self.session.get_inputs()[0].name
        scores = []
        for tensor in tensors:
            logits = self.session.run(None, {name: tensor[None]})[0].astype(np.float64).ravel()
            exponentials = np.exp(logits - logits.max())
            scores.append(exponentials[target] / exponentials.sum())
        return np.array(scores)


def along(network: Network, order: NDArray[np.int64], start: Floats, end: Floats, target: int) -> float:
    """The area under the class's score while the pixels of `start` become those of `end` in this order."""
    tensors = []
    for step in range(STEPS + 1):
        moved = order[: round(order.size * step / STEPS)]
        tensor = start.reshape(3, -1).copy()
        tensor[:, moved] = end.reshape(3, -1)[:, moved]
        tensors.append(tensor.reshape(start.shape))
    scores = network.scores(np.stack(tensors), target)
    return float((scores[:-1] + scores[1:]).sum() / (2 * STEPS))


def measure(network: Network, photo: Path, folder: Path) -> dict[str, tuple[float, float]]:
    """Deletion and insertion of one photo by each method."""
    image = square(photo, network.side)
    path = folder / "photo.png"
    image.save(path)
    sharp = network.tensor(image)
    blurred = network.tensor(image.filter(ImageFilter.GaussianBlur(BLUR)))
    mean = np.zeros_like(sharp)
    heats: dict[str, NDArray] = {}
    for method in network.methods:
        report = network.explain(path, method)
        target, label, score = report["target"]["id"], report["target"]["label"], report["target"]["score"]
        heat = np.reshape(report["map"], (report["map-height"], report["map-width"]))
        scales = (network.side / heat.shape[0], network.side / heat.shape[1])
        heats[method] = oracle.resized(heat, network.side, network.side, scales)
    print(f"{photo.name}: {label} {score:.2f}", file=sys.stderr, flush=True)
    assert abs(network.scores(sharp[None], target)[0] - score) < 1e-3, "not the picture that was explained"
    heats[RANDOM] = np.random.default_rng(1).random((network.side, network.side))
    found = {}
    for method, heat in heats.items():
        order = np.argsort(-heat.ravel(), kind="stable")
        found[method] = along(network, order, sharp, mean, target), along(network, order, blurred, sharp, target)
    return found


def table(results: dict[str, list[dict[str, tuple[float, float]]]]) -> str:
    """Means over the photos, a row for each method."""
    names = list(results)
    lines = ["| `method` | " + " | ".join(f"{name}: deletion ↓ | insertion ↑" for name in names) + " |"]
    lines.append("|---" * (1 + 2 * len(names)) + "|")
    methods = dict.fromkeys(method for name in names for method in results[name][0])
    for method in sorted(methods, key=lambda method: method == RANDOM):
        cells = []
        for name in names:
            pairs = [found[method] for found in results[name] if method in found]
            cells += [f"{mean:.3f}" for mean in np.mean(pairs, axis=0)] if pairs else ["", ""]
        lines.append(f"| {method if method == RANDOM else f'`{method}`'} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="*", type=Path)
    parser.add_argument("--inspect", required=True)
    parser.add_argument("--models", type=Path, default=ROOT / ".deps/share/camoverlay/models")
    parser.add_argument("--net", action="append")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    chosen = options.photos or list(photos())
    results: dict[str, list[dict[str, tuple[float, float]]]] = {}
    for name in options.net or ["squeezenet", "efficientnet-lite0"]:
        network = Network(options.inspect, name, options.models / f"{name}.onnx")
        with tempfile.TemporaryDirectory() as folder:
            results[name] = [measure(network, photo, Path(folder)) for photo in chosen]
    text = table(results) + f"\n\nMeans over {len(chosen)} photos: {', '.join(photo.name for photo in chosen)}."
    print(text)
    if options.write:
        page = options.write.read_text()
        replaced, count = re.subn(f"(?s)(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", lambda _: text + "\n", page)
        if count != 1:
            sys.exit(f"{options.write} has no place for the table: the lines {BEGIN} and {END} are missing.")
        options.write.write_text(replaced)


if __name__ == "__main__":
    main()
