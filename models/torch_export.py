#!/usr/bin/env python3
"""Exports a torchvision classifier as ONNX; runs under a Python that has torch and torchvision.

    torch_export.py BUILDER MODEL.onnx SAMPLES.npz [WEIGHTS.pth]

BUILDER is torchvision's name of the network. The weights are torchvision's own (downloaded by torchvision and kept
where it keeps them) or those of a state dict. SAMPLES gets inputs and torch's own logits, for comparison.
"""

import inspect
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision

SIZES = ((1, 224, 224), (2, 225, 301))  # batch, height, width


def state_dict(builder: str, file: str | None) -> dict:
    if file is not None:
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except OSError as error:
            sys.exit(f"{file} cannot be read: {error.strerror}.\nGive a state dict of torchvision's {builder}.")
        except Exception:  # torch raises what its unpickler met
            sys.exit(f"{file} is not a state dict.\nGive a state dict of torchvision's {builder}, a .pth file.")
    weights = torchvision.models.get_model_weights(builder).IMAGENET1K_V1
    try:
        return weights.get_state_dict(progress=True)
    except OSError as error:
        place = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[-1]
        sys.exit(
            f"torchvision could not download the weights of {builder} ({error}).\n"
            f"Fetch {weights.url} on a machine that can, put it at {place} and try again, or give it as WEIGHTS."
        )


def network(builder: str, file: str | None) -> torch.nn.Module:
    """The network in evaluation mode, without the auxiliary classifiers that only training needs."""
    options = {}
    if builder == "googlenet":  # torchvision's weights were trained on inputs scaled otherwise; it rescales inside
        options = {"aux_logits": False, "transform_input": True, "init_weights": False}
    model = torchvision.models.get_model(builder, weights=None, **options)
    tensors = {name: tensor for name, tensor in state_dict(builder, file).items() if not name.startswith("aux")}
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        sys.exit(f"The weights do not fit {builder}: {reason}\nGive a state dict of torchvision's own {builder}.")
    return model.eval()


def main(builder: str, model_file: str, samples_file: str, weights_file: str | None = None) -> None:
    model = network(builder, weights_file)
    options = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(
        model,
        torch.zeros(1, 3, 224, 224),
        model_file,
        opset_version=13,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "N", 2: "H", 3: "W"}, "logits": {0: "N"}},
        **options,
    )
    generator, samples = torch.Generator().manual_seed(0), {}
    for index, (batch, height, width) in enumerate(SIZES):
        x = torch.randn(batch, 3, height, width, generator=generator)
        with torch.no_grad():
            samples[f"input{index}"], samples[f"logits{index}"] = x.numpy(), model(x).numpy()
    np.savez(samples_file, **samples)


if __name__ == "__main__":
    main(*sys.argv[1:])
