"""Tiny transformers as real exporters write them, with the maps that PyTorch's automatic differentiation makes.

    make_transformers.py [NAME...]   (needs what make recipes-python installs)

Writes tests/graphs/transformers/NAME.onnx and NAME.json: the logits, the target, and for each tapped layer the name of its
tensor, the rows and columns of its tokens, and the maps Σ_k G_k A_k (hirescam), Σ_k mean(G_k) A_k (gradcam), of what each
token adds to the score (reciprocam) and of what it gains in attention (legrad), with the largest magnitudes as their scale; and the
logits where every cell's token is that of one of them (uniform). The weights are random; the picture is a photo's middle.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import timm
import torch
import transformers
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions
from PIL import Image

HERE = Path(__file__).parent
FOLDER = HERE / "transformers"
PHOTO = HERE.parents[1] / "examples" / "media" / "chelsea.png"
SMALL = {"embed_dim": 24, "depth": 3, "num_heads": 2, "num_classes": 7, "patch_size": 8}

Array = np.ndarray


class Logits(torch.nn.Module):
    """A network of Transformers that returns its logits alone."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.model(pixel_values=pixel_values).logits


def vit(**settings: Any) -> torch.nn.Module:
    return timm.models.vision_transformer.VisionTransformer(**{"img_size": 64, **SMALL, **settings})


def hugging_face_vit() -> torch.nn.Module:
    config = transformers.ViTConfig(
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=48,
        num_labels=7,
        image_size=64,
        patch_size=8,
    )
    return Logits(transformers.ViTForImageClassification(config))


# Network, height and width, exporter, and the modules that are tapped, each with the tokens before its cells.
Case = tuple[Callable[[], torch.nn.Module], tuple[int, int], str, dict[str, int]]
CASES: dict[str, Case] = {
    "vit": (vit, (64, 64), "script", {"blocks.2.norm1": 1, "blocks.0.norm1": 1, "blocks.1": 1}),
    "vit-oblong": (lambda: vit(img_size=(48, 80)), (48, 80), "dynamo", {"blocks.2.norm1": 1}),
    "vit-registers": (lambda: vit(reg_tokens=3), (64, 64), "dynamo", {"blocks.2.norm1": 4}),
    "vit-mean": (lambda: vit(class_token=False, global_pool="avg"), (64, 64), "script", {"norm": 0, "blocks.1.norm2": 0}),
    "vit-map": (
        lambda: vit(class_token=False, global_pool="map", num_classes=5),
        (64, 64),
        "dynamo",
        {"norm": 0},
    ),
    "swin": (
        lambda: timm.models.swin_transformer.SwinTransformer(
            img_size=64, patch_size=4, embed_dim=12, depths=(2, 2), num_heads=(2, 2), window_size=4, num_classes=7
        ),
        (64, 64),
        "script",
        {"norm": 0, "layers.0": 0},
    ),
    "xcit": (
        lambda: timm.models.xcit.Xcit(
            img_size=64, patch_size=8, embed_dim=24, depth=2, num_heads=2, num_classes=7, cls_attn_layers=1
        ),
        (64, 64),
        "script",
        {"blocks.1.norm1": 0},
    ),
    "optimised": (hugging_face_vit, (64, 64), "optimised", {"model.vit.encoder.layer.2.layernorm_before": 1}),
}


def picture(name: str, height: int, width: int) -> torch.Tensor:
    photo = Image.open(PHOTO).convert("RGB").crop((120, 40, 120 + 3 * width, 40 + 3 * height))
    photo = photo.resize((width, height), Image.Resampling.BICUBIC)
    photo.save(FOLDER / name)
    x = (np.asarray(photo, np.float32) / 255 - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32))


def export(model: torch.nn.Module, image: torch.Tensor, path: Path, exporter: str) -> None:
    if exporter == "dynamo":
        torch.onnx.export(model, (image,), str(path), input_names=["x"], output_names=["y"], dynamo=True, external_data=False)
        # Where in PyTorch's code each node comes from is half of the file.
        made = onnx.load(path)
        for node in made.graph.node:
            del node.metadata_props[:]
        onnx.save(made, path)
        return
    torch.onnx.export(model, (image,), str(path), input_names=["x"], output_names=["y"], dynamo=False, opset_version=17)
    if exporter == "optimised":
        made = optimizer.optimize_model(
            str(path), model_type="vit", num_heads=2, hidden_size=24, optimization_options=FusionOptions("vit")
        )
        made.save_model_to_file(str(path))


def tensors(path: Path, image: torch.Tensor) -> dict[str, Array]:
    """Every tensor of the file."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    names = [name for node in model.graph.node for name in node.output if name]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        onnx.save(model, file.name)
        session = onnxruntime.InferenceSession(file.name, settings, providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: image.numpy()}), strict=True))


def scores_alone(model: torch.nn.Module, image: torch.Tensor, tap: str, prefix: int, target: int) -> Array:
    """ReciproCAM: the target's score where one cell of the tap is left and what stands for no place, less that of no cell."""
    kept = -1

    def mask(_module: Any, _inputs: Any, output: Any) -> Any:
        whole = output[0] if isinstance(output, tuple) else output
        tokens = whole.reshape(-1, whole.shape[-1])
        is_kept = torch.arange(len(tokens)) - prefix
        masked = (tokens * ((is_kept < 0) | (is_kept == kept))[:, None]).reshape(whole.shape)
        return (masked, *output[1:]) if isinstance(output, tuple) else masked

    found = []
    handle = model.get_submodule(tap).register_forward_hook(mask)
    with torch.no_grad():
        for kept in range(-1, cells_of(model, image, tap) - prefix):
            found.append(float(model(image)[0].double().softmax(0)[target]))
    handle.remove()
    return np.array(found[1:]) - found[0]


def logits_of_cell(model: torch.nn.Module, image: torch.Tensor, tap: str, prefix: int, cell: int) -> Array:
    """The logits where each cell of the tap is as one of them; what stands for no place is left."""

    def spread(_module: Any, _inputs: Any, output: Any) -> Any:
        whole = output[0] if isinstance(output, tuple) else output
        tokens = whole.reshape(-1, whole.shape[-1]).clone()
        tokens[prefix:] = tokens[prefix + cell]
        return (tokens.reshape(whole.shape), *output[1:]) if isinstance(output, tuple) else tokens.reshape(whole.shape)

    handle = model.get_submodule(tap).register_forward_hook(spread)
    with torch.no_grad():
        logits = model(image)[0].double().numpy()
    handle.remove()
    return logits


def cells_of(model: torch.nn.Module, image: torch.Tensor, tap: str) -> int:
    """Tokens of a tap, those that stand for no place among them."""
    found: list[int] = []

    def count(_module: Any, _inputs: Any, output: Any) -> None:
        whole = output[0] if isinstance(output, tuple) else output
        found.append(whole.numel() // whole.shape[-1])

    handle = model.get_submodule(tap).register_forward_hook(count)
    with torch.no_grad():
        model(image)
    handle.remove()
    return found[0]


def gains(model: torch.nn.Module, image: torch.Tensor, tap: str, prefix: int, target: int) -> Array | None:
    """LeGrad, of the attention in the tap's block and behind it; none where there are no such blocks."""
    blocks = getattr(model, "blocks", None)
    if not tap.endswith("norm1") or blocks is None or not all(hasattr(block.attn, "attn_drop") for block in blocks):
        return None
    kept: list[torch.Tensor] = []

    def keep(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
        output.retain_grad()
        kept.append(output)

    handles = []
    for block in list(blocks)[int(tap.split(".")[1]) :]:
        block.attn.fused_attn = False
        handles.append(block.attn.attn_drop.register_forward_hook(keep))
    model(image.clone().requires_grad_(True))[0, target].backward()
    for handle in handles:
        handle.remove()
    if not kept or any(weights.ndim != 4 or weights.shape[-1] != cells_of(model, image, tap) for weights in kept):
        return None
    layers = [weights.grad.double().clamp(min=0).mean((0, 1, 2)) for weights in kept]
    return torch.stack(layers).mean(0).numpy()[prefix:]


def make(name: str) -> None:
    build, (height, width), exporter, taps = CASES[name]
    timm.layers.set_fused_attn(exporter == "dynamo")
    torch.manual_seed(7)
    model = build().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(3.0)
            else:
                parameter.add_(0.2 * torch.randn_like(parameter))
    image = picture(f"{height}x{width}.png", height, width)
    path = FOLDER / f"{name}.onnx"
    export(model, image, path, exporter)
    kept: dict[str, torch.Tensor] = {}
    hooks = []
    for tap in taps:

        def keep(_module: Any, _inputs: Any, output: Any, tap: str = tap) -> None:
            kept[tap] = output[0] if isinstance(output, tuple) else output
            kept[tap].retain_grad()

        hooks.append(model.get_submodule(tap).register_forward_hook(keep))
    logits = model(image.clone().requires_grad_(True))[0]
    target = int(logits.argsort(descending=True)[1])
    logits[target].backward()
    for hook in hooks:
        hook.remove()
    case: dict[str, Any] = {
        "image": f"{height}x{width}.png",
        "logits": logits.tolist(),
        "target": target,
        "taps": {},
        "maps": {},
        "scale": {},
        "uniform": {},
        "vanishing": [],
    }
    found = tensors(path, image)
    for tap, prefix in taps.items():
        a, g = kept[tap].detach().double().numpy(), kept[tap].grad.double().numpy()
        same = [
            key for key, value in found.items() if value.shape == a.shape and np.abs(value - a).max() < 2e-3 * np.abs(a).max()
        ]
        a, g = a.reshape(-1, a.shape[-1])[prefix:], g.reshape(-1, g.shape[-1])[prefix:]
        cells = len(a)
        columns = round((cells * width / height) ** 0.5)
        grid = [cells // columns, columns]
        hires, grad = a * g, a * g.mean(0)
        case["taps"][tap] = {"grid": grid, "onnx": {"tensor": same[0]}}
        case["maps"][tap] = {
            "hirescam": hires.sum(1).reshape(grid).tolist(),
            "gradcam": grad.sum(1).reshape(grid).tolist(),
        }
        case["scale"][tap] = {
            "hirescam": float(np.abs(hires).sum(1).max()),
            "gradcam": float(np.abs(grad).sum(1).max()),
        }
        cell = 2 * cells // 3
        case["uniform"][tap] = {"cell": cell, "logits": logits_of_cell(model, image, tap, prefix, cell).tolist()}
        others = {
            "reciprocam": scores_alone(model, image, tap, prefix, target),
            "legrad": gains(model, image, tap, prefix, target),
        }
        for method, found_map in others.items():
            if found_map is not None:
                case["maps"][tap][method] = found_map.reshape(grid).tolist()
                case["scale"][tap][method] = float(np.abs(found_map).max())
        if np.abs(hires.sum(1)).max() < 1e-4 * np.abs(hires).sum(1).max():
            case["vanishing"].append(f"{tap} hirescam")
    (FOLDER / f"{name}.json").write_text(json.dumps(case) + "\n")
    print(name, path.stat().st_size, {tap: made["onnx"]["tensor"] for tap, made in case["taps"].items()})


for wanted in sys.argv[1:] or CASES:
    make(wanted)
