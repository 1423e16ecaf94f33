"""Runs a network file on the photos of examples/media before it is installed."""

from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from archives import Failure

MEDIA = Path(__file__).resolve().parent.parent / "examples" / "media"
PHOTOS = ("chelsea.png", "coffee.png")
TOLERANCE = 0.02  # of a score; resizing differs a little between libraries

# Colour order, divisor, mean and deviation (after the divisor, in the network's own order).
PREPROCESS = {
    "torch": ("RGB", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ("BGR", 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0)),
    "lite": ("RGB", 128.0, (127 / 128,) * 3, (1.0, 1.0, 1.0)),
}


def tensor(photo: Path, preprocess: str, side: int) -> np.ndarray:
    """1 x 3 x h x w float32; the shortest side of `photo` scaled to `side` pixels."""
    picture = Image.open(photo).convert("RGB")
    scale = side / min(picture.size)
    size = [side if length == min(picture.size) else int(np.ceil(length * scale)) for length in picture.size]
    order, divisor, mean, deviation = PREPROCESS[preprocess]
    x = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float32)
    x = x[..., ::-1] if order == "BGR" else x
    x = (x / divisor - np.array(mean, np.float32)) / np.array(deviation, np.float32)
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32)


def top(session: onnxruntime.InferenceSession, x: np.ndarray) -> tuple[int, float]:
    """The first class of the tensor `x` and its softmax score."""
    (logits,) = session.run(["logits"], {"input": x})
    scores = np.exp(logits[0] - logits[0].max())
    scores /= scores.sum()
    return int(scores.argmax()), float(scores.max())


def check(network: dict, model: bytes) -> None:
    """Print what `model` sees in the photos; raise Failure where the catalogue's entry `network` says otherwise."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for photo in PHOTOS:
        found, score = top(session, tensor(MEDIA / photo, network["preprocess"], network["input-size"]))
        print(f"  {photo}: class {found}, score {score:.3f}", flush=True)
        expected, expected_score = network.get("check", {}).get(photo, (found, score))
        if found != expected or abs(score - expected_score) > TOLERANCE:
            raise Failure(
                f"{network['name']} sees class {found} ({score:.3f}) in {photo}, not class {expected} "
                f"({expected_score:.3f}), so its file is not installed.\n"
                "Something in its source, the conversion or the catalogue has changed: compare models/catalogue.toml."
            )
