"""Networks that the user's own torchvision exports: found, exported, described, compared with torch."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from archives import Failure
from onnx_writer import FEATURES

EXPORTER = Path(__file__).resolve().parent / "torch_export.py"
TOLERANCE = 1e-3  # of the logits, relative to the largest


def _python() -> str:
    """A Python that has torch and torchvision."""
    named = os.environ.get("TORCH_PYTHON")
    for python in [named] if named else ["python3", "/usr/bin/python3"]:
        try:
            found = subprocess.run([python, "-c", "import torch, torchvision"], capture_output=True)
        except OSError:
            continue
        if found.returncode == 0:
            return python
    raise Failure(
        "No Python with torch and torchvision was found.\n"
        "Install them (Debian: apt-get install python3-torchvision), or name one: TORCH_PYTHON=/path/to/python3."
    )


def _describe(model: onnx.ModelProto, classes: int, metadata: dict[str, str]) -> bytes:
    """Name the last feature map, add the metadata."""
    (pool,) = (node for node in model.graph.node if node.op_type == "GlobalAveragePool")
    tap = pool.input[0]
    for node in model.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == tap:
                    names[index] = FEATURES
    del model.graph.value_info[:]
    (logits,) = model.graph.output
    logits.CopyFrom(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes]))
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _compare(model: bytes, samples: Path) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with np.load(samples) as arrays:
        for index in range(len(arrays) // 2):
            x, expected = arrays[f"input{index}"], arrays[f"logits{index}"]
            (found,) = session.run(["logits"], {"input": x})
            difference = float(np.abs(found - expected).max() / np.abs(expected).max())
            print(f"  {'x'.join(map(str, x.shape))}: differs from torch by {difference:.1e}", flush=True)
            if not difference <= TOLERANCE:
                raise Failure(
                    "The exported network does not compute what torch computes, so it is not installed.\n"
                    "Try another version of torch."
                )


def convert(network: dict, classes: int, metadata: dict[str, str], weights: str | None) -> bytes:
    """The ONNX file of `network` (an entry of the catalogue); `weights` is a state dict, or None for torchvision's."""
    with tempfile.TemporaryDirectory() as folder:
        exported, samples = Path(folder) / "exported.onnx", Path(folder) / "samples.npz"
        command = [_python(), EXPORTER, network["source"]["member"], exported, samples]
        done = subprocess.run(command + ([weights] if weights else []))
        if done.returncode != 0:
            raise Failure(
                f"{network['name']} could not be exported: the reason is above.\n"
                f"With a file of weights: make model NET={network['nick']} WEIGHTS=file.pth"
            )
        model = _describe(onnx.load(exported), classes, metadata)
        _compare(model, samples)
    return model
