"""Measures how well each method's map tells what the network's score hangs on: deletion and insertion.

    fidelity.py --inspect target/release/camoverlay-inspect [--write docs/methods.md] [--net NAME]... [PHOTO...]

As Petsiuk, Das and Saenko have it (RISE, BMVC 2018): pixels are taken out of the picture, the hottest first, and set to the
mean colour (deletion), or put into a picture blurred by a Gaussian of 5 pixels (insertion), two in a hundred at a time; the
class's score is averaged over the way. Low deletion and high insertion mean that the map ranks pixels as the network does.
Photos are cropped to squares of the network's size; the maps are camoverlay-inspect's, of the best class; ONNX Runtime does the
rest. Maps of random values, as many as the map has cells, and the picture's centre, where photographers put things, stand
beside them. Without PHOTO: those of
scikit-image, scikit-learn, matplotlib and Debian's opencv-doc in which all three networks see something that is there.

needs: numpy onnx onnxruntime pillow, and scikit-image, scikit-learn, matplotlib and the Debian package opencv-doc for the photos
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

# Photographs that Python packages bring.
PACKAGED = {
    "skimage": ("data/chelsea.png", "data/coffee.png", "data/motorcycle_left.png"),
    "sklearn": ("datasets/images/china.jpg",),
    "matplotlib": ("mpl-data/sample_data/grace_hopper.jpg",),
}
OPENCV_DOC = Path("/usr/share/doc/opencv-doc/examples/data")
OPENCV = ("apple.jpg", "butterfly.jpg", "fruits.jpg", "leuvenA.jpg", "squirrel_cls.jpg")
NETWORKS = ("squeezenet", "efficientnet-lite0", "efficientnet-lite2")
STEPS = 50
BLUR = 5
RANDOM = "(random map)"
RANDOM_MAPS = 5
CENTRE = "(the centre first)"
BEGIN, END = "<!-- fidelity: by make fidelity -->", "<!-- fidelity: end -->"


def photos() -> Iterator[Path]:
    """Those that are here."""
    for package, names in PACKAGED.items():
        found = find_spec(package)
        if found is None or found.origin is None:
            print(f"{package} is not installed: its photos are left out.", file=sys.stderr)
            continue
        for name in names:
            yield Path(found.origin).parent / name
    if not OPENCV_DOC.is_dir():
        print("The Debian package opencv-doc is not installed: its photos are left out.", file=sys.stderr)
        return
    for name in OPENCV:
        yield OPENCV_DOC / name


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
        shape = (report["map-height"], report["map-width"])
        scales = (network.side / shape[0], network.side / shape[1])
        heats[method] = oracle.resized(np.reshape(report["map"], shape), network.side, network.side, scales)
    print(f"{photo.name}: {label} {score:.2f}", file=sys.stderr, flush=True)
    assert abs(network.scores(sharp[None], target)[0] - score) < 1e-3, "not the picture that was explained"
    away = np.arange(network.side) - (network.side - 1) / 2
    heats[CENTRE] = -np.hypot(away[:, None], away[None, :])

    def areas(heat: NDArray) -> tuple[float, float]:
        order = np.argsort(-heat.ravel(), kind="stable")
        return along(network, order, sharp, mean, target), along(network, order, blurred, sharp, target)

    found = {method: areas(heat) for method, heat in heats.items()}
    values = np.random.default_rng(1).random((RANDOM_MAPS, *shape))
    each = [areas(oracle.resized(one, network.side, network.side, scales)) for one in values]
    found[RANDOM] = tuple(np.mean(each, axis=0))
    return found


def table(results: dict[str, list[dict[str, tuple[float, float]]]]) -> str:
    """Means over the photos, a row for each method."""
    names = list(results)
    lines = ["| `method` | " + " | ".join(f"{name}: deletion ↓ | insertion ↑" for name in names) + " |"]
    lines.append("|---" * (1 + 2 * len(names)) + "|")
    methods = dict.fromkeys(method for name in names for method in results[name][0])
    for method in sorted(methods, key=[RANDOM, CENTRE].__contains__):
        cells = []
        for name in names:
            pairs = [found[method] for found in results[name] if method in found]
            cells += [f"{mean:.3f}" for mean in np.mean(pairs, axis=0)] if pairs else ["", ""]
        lines.append(f"| {method if method in (RANDOM, CENTRE) else f'`{method}`'} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def photo_table(photos: list[Path], results: dict[str, list[dict[str, tuple[float, float]]]]) -> str:
    """Insertion less deletion of each photo, and on how many `cam` and `hirescam` beat what knows nothing of the network."""
    columns = ("cam", RANDOM, CENTRE)
    lines = ["| insertion less deletion | " + " | ".join(f"{name}: `cam` | random | centre" for name in results) + " |"]
    lines.append("|---" * (1 + 3 * len(results)) + "|")
    gains = {name: [{key: ins - out for key, (out, ins) in found.items()} for found in results[name]] for name in results}
    for row, photo in enumerate(photos):
        cells = [f"{gains[name][row][column]:.3f}" for name in results for column in columns]
        lines.append(f"| {photo.name} | " + " | ".join(cells) + " |")
    for method in ("cam", "hirescam"):
        cells = [""] * (3 * len(results))
        for number, name in enumerate(results):
            for place, other in enumerate((RANDOM, CENTRE)):
                beaten = sum(gain[method] > gain[other] for gain in gains[name])
                cells[3 * number + 1 + place] = f"{beaten} of {len(photos)}"
        lines.append(f"| `{method}` is better on | " + " | ".join(cells) + " |")
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
    for name in options.net or NETWORKS:
        network = Network(options.inspect, name, options.models / f"{name}.onnx")
        with tempfile.TemporaryDirectory() as folder:
            results[name] = [measure(network, photo, Path(folder)) for photo in chosen]
    text = table(results) + f"\n\nMeans over {len(chosen)} photos, which are:\n\n" + photo_table(chosen, results)
    print(text)
    if options.write:
        page = options.write.read_text()
        replaced, count = re.subn(f"(?s)(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", lambda _: text + "\n", page)
        if count != 1:
            sys.exit(f"{options.write} has no place for the table: the lines {BEGIN} and {END} are missing.")
        options.write.write_text(replaced)


if __name__ == "__main__":
    main()
