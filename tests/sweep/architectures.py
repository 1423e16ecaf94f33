"""Compares camoverlay with automatic differentiation in PyTorch over classifiers of timm, torchvision and Transformers.

    architectures.py --inspect target/release/camoverlay-inspect [--rows out/architectures.jsonl]
                     [--write docs/architectures.md] [NAME...]
    architectures.py --export FOLDER NAME...

Each network gets random weights, is exported to ONNX by both of torch's exporters, and explains one photo. Of every module
in PyTorch the output A and its gradient G are kept, and camoverlay's map is looked for among their maps Σ_k G_k A_k: it
agrees with PyTorch if one of them is its own, after min-max, and Grad-CAM at the same module is too. Logits are compared
relative to their largest magnitude. Where that is missed, PyTorch computes in double precision what is right, and how far
its own single precision is from that; and ONNX Runtime runs the file as it is: what the exporter wrote may be another
network. With --rows what was done is kept there, and a second run goes on.

needs: torch torchvision timm transformers onnx onnxscript onnxruntime numpy pillow
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import timm
import torch
import torchvision
import transformers
from families import TIMM, TORCHVISION, transformers_models
from heads import Network, heads
from PIL import Image

PHOTO = Path(__file__).parents[2] / "examples" / "media" / "chelsea.png"
LOGITS, MAP = 1e-3, 1e-4  # tolerances
ROUNDINGS = 4  # how many times PyTorch's own rounding a map may be off, where that is more than the tolerance
LOOSE = 1e-3  # what a map may be off that is not counted as exact, and not as wrong
FLAT = 1e-2  # share of its largest value by which a map's values differ at least
EXPORTERS = ("script", "dynamo")
Array = np.ndarray


class Logits(torch.nn.Module):
    """A network of Transformers that returns its logits alone."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.model(pixel_values=pixel_values).logits


def builders() -> dict[str, Callable[[], tuple[torch.nn.Module, int]]]:
    """What makes each network, and its side in pixels."""

    def of_timm(name: str) -> tuple[torch.nn.Module, int]:
        # Those made for large pictures take smaller ones too, in a tenth of the time.
        side = timm.get_pretrained_cfg(name).to_dict()["input_size"][-1]
        if name.startswith("vit_") and side > 256:
            return timm.create_model(name, pretrained=False, img_size=224), 224
        return timm.create_model(name, pretrained=False), side

    def of_torchvision(name: str) -> tuple[torch.nn.Module, int]:
        settings = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        return torchvision.models.get_model(name, weights=None, **settings), 299 if name == "inception_v3" else 224

    def of_transformers(
        make: Callable[[], torch.nn.Module],
    ) -> tuple[torch.nn.Module, int]:
        model = make()
        size = model.config.image_size if hasattr(model.config, "image_size") else 224
        return Logits(model), size if isinstance(size, int) else size[0]

    found = {f"timm {name}": lambda name=name: of_timm(name) for name in TIMM}
    found |= {f"torchvision {name}": lambda name=name: of_torchvision(name) for name in TORCHVISION}
    found |= {f"transformers {name}": lambda make=make: of_transformers(make) for name, make in transformers_models().items()}
    found |= {f"resnet18, {name}": lambda make=make: (Network(make()), 224) for name, make in heads().items()}
    return found


def with_numbers(model: torch.nn.Module) -> torch.nn.Module:
    """The network with noise wherever it starts with a constant: layer scales and heads of zeros explain nothing."""
    torch.manual_seed(1)
    for module in model.modules():
        # What is overwritten keeps no gradient of its own.
        if hasattr(module, "inplace"):
            module.inplace = False
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.numel() < 2 or parameter.std() < 1e-8:
                parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(0.05 * torch.randn_like(buffer))
    return model.eval()


def picture(side: int, path: Path) -> torch.Tensor:
    photo = Image.open(PHOTO).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    photo.save(path)
    x = np.asarray(photo, np.float32) / 255
    x = (x - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32))


def export(model: torch.nn.Module, image: torch.Tensor, path: Path, exporter: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings: dict[str, Any] = {
            "input_names": ["input"],
            "output_names": ["logits"],
            "dynamo": exporter == "dynamo",
        }
        if exporter == "script":
            settings["opset_version"] = 17
        torch.onnx.export(model, (image,), str(path), **settings)


def inspect(program: str, model: Path, image: Path, *options: str) -> dict[str, Any] | str:
    command = [
        program,
        str(model),
        "--image",
        str(image),
        "--preprocess",
        "torch",
        "--json",
        *options,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(result.stdout) if result.returncode == 0 else result.stderr.strip()


def min_max(values: Array) -> Array:
    """From 0 to 1; less where the values differ by next to nothing, of which rounding would be made a map."""
    values = np.asarray(values, np.float64)
    return (values - values.min()) / max(values.max() - values.min(), FLAT * np.abs(values).max(), 1e-300)


def kept_outputs(model: torch.nn.Module, image: torch.Tensor, target: int | None) -> tuple[Array, dict[str, tuple]]:
    """The logits, and for each module the output A and its gradient of the target's logit (the best one's)."""
    kept: dict[str, torch.Tensor] = {}
    handles = []
    for name, module in model.named_modules():

        def keep(_module: Any, _inputs: Any, output: Any, name: str = name) -> None:
            tensor = output[0] if isinstance(output, tuple | list) and output else output
            if isinstance(tensor, torch.Tensor) and tensor.requires_grad:
                tensor.retain_grad()
                kept[name] = tensor

        handles.append(module.register_forward_hook(keep))
    try:
        x = image.clone().requires_grad_(True)
        logits = model(x)[0]
        best = int(logits.argmax()) if target is None else target
        logits[best].backward()
    finally:
        for handle in handles:
            handle.remove()
    pairs = {name: (t.detach().numpy(), t.grad.numpy()) for name, t in kept.items() if t.grad is not None}
    return logits.detach().numpy(), pairs


def cells_of(a: Array, g: Array, height: int, width: int) -> Iterator[tuple[Array, Array]]:
    """A and G as cells x channels, in each layout in which they may have height x width cells."""
    count = height * width
    if a.ndim == 4 and a.shape[2:] == (height, width):
        yield a[0].reshape(a.shape[1], -1).T, g[0].reshape(a.shape[1], -1).T
    if a.ndim == 4 and a.shape[1:3] == (height, width):
        yield a[0].reshape(count, -1), g[0].reshape(count, -1)
    if a.ndim == 3 and a.shape[1] >= count and a.shape[0] == 1:
        prefix = a.shape[1] - count
        yield a[0, prefix:], g[0, prefix:]
    if a.ndim == 4 and a.shape[2] >= count and a.shape[0] == 1:  # heads x tokens x values
        a, g = (t[0, :, t.shape[2] - count :].transpose(1, 0, 2).reshape(count, -1) for t in (a, g))
        yield a, g
        return
    if a.ndim == 3 and a.shape[2] == count and a.shape[0] == 1:
        yield a[0].T, g[0].T


def closest(ours: dict[str, Array], pairs: dict[str, tuple], height: int, width: int) -> tuple[float, float, str]:
    """How far HiResCAM and Grad-CAM are from those at the module that is nearest, and its name."""
    best = (np.inf, np.inf, "")
    for name, (a, g) in pairs.items():
        for cells, gradient in cells_of(a, g, height, width):
            hires = (cells.astype(np.float64) * gradient).sum(1)
            grad = cells.astype(np.float64) @ gradient.astype(np.float64).mean(0)
            for is_sorted in (False, True):
                order = (lambda v: np.sort(v.ravel())) if is_sorted else np.ravel
                errors = [
                    np.abs(min_max(order(ours[kind])) - min_max(order(theirs))).max()
                    for kind, theirs in (("hirescam", hires), ("gradcam", grad))
                    if kind in ours
                ]
                far = max(errors)
                # Of equal values in another order only where nothing agrees in its place: tokens kept in blocks.
                if far < max(best[:2]) * (0.1 if is_sorted else 1.0):
                    best = (
                        errors[0],
                        errors[-1],
                        name + (" (in blocks)" if is_sorted else ""),
                    )
    return best


def as_exported(path: Path, image: torch.Tensor) -> Array:
    """The logits that ONNX Runtime computes with the file as it is."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: image.numpy()})[0][0]


def relative(ours: Array, theirs: Array) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def in_double(
    model: torch.nn.Module,
    image: torch.Tensor,
    target: int,
    maps: dict[str, Array],
    pairs: dict[str, tuple],
) -> tuple[float, float, str, float]:
    """As `closest`, next to PyTorch in double precision; last how far its single precision is from that."""
    height, width = maps["hirescam"].shape
    _, exact = kept_outputs(model.double(), image.double(), target)
    hires, grad, module = closest(maps, exact, height, width)
    name = module.removesuffix(" (in blocks)")
    own = [
        np.abs(min_max((a.astype(np.float64) * g).sum(1)) - min_max((b * h).sum(1))).max()
        for (a, g), (b, h) in zip(
            cells_of(*pairs[name], height, width),
            cells_of(*exact[name], height, width),
            strict=True,
        )
    ]
    return hires, grad, module, float(min(own))


def sweep(name: str, build: Callable, program: str, folder: Path, exporter: str) -> dict[str, Any]:
    photo, path = folder / "photo.png", folder / "network.onnx"
    # Each of the two ways in which timm writes attention.
    timm.layers.set_fused_attn(exporter == "dynamo")
    torch.manual_seed(0)
    model, side = build()
    model = with_numbers(model)
    image = picture(side, photo)
    row: dict[str, Any] = {"name": name, "exporter": exporter, "side": side}
    try:
        export(model, image, path, exporter)
    except Exception as error:  # noqa: BLE001 - exporters raise anything
        return row | {
            "verdict": "not exported",
            "note": f"{type(error).__name__}: {error}".splitlines()[0][:100],
        }
    report = inspect(program, path, photo, "--top-k", "100000", "--method", "hirescam")
    if isinstance(report, str):
        return row | {
            "verdict": "refused",
            "note": report.removeprefix(f"{path} cannot be explained: ").replace(str(path), path.name)[:160],
        }
    logits, pairs = kept_outputs(model, image, None)
    target = int(logits.argmax())
    ours = np.empty_like(logits)
    for entry in report["top"]:
        ours[entry["id"]] = entry["logit"]
    height, width = report["map-height"], report["map-width"]
    row |= {
        "logits": relative(ours, logits),
        "map": f"{width} x {height}",
        "head": report["head"],
        "places": report["places"],
        "features": report["features"],
    }
    if row["logits"] > LOGITS:
        exported = as_exported(path, image)
        if relative(exported, logits) > LOGITS and relative(ours, exported) <= LOGITS:
            return row | {
                "verdict": "exported as another",
                "note": "ONNX Runtime gives these logits for the file too",
            }
        return row | {"verdict": "wrong", "note": "logits"}
    maps = {"hirescam": np.reshape(report["map"], (height, width))}
    made = inspect(program, path, photo, "--target", f"#{target}", "--method", "gradcam")
    if not isinstance(made, str):
        maps["gradcam"] = np.reshape(made["map"], (height, width))
    hires, grad, module = closest(maps, pairs, height, width)
    verdict = "ok"
    if max(hires, grad) > MAP:
        hires, grad, module, rounding = in_double(model, image, target, maps, pairs)
        row["rounding"] = rounding
        most = max(hires, grad)
        if most <= MAP:
            verdict = "ok"
        elif most <= ROUNDINGS * rounding:
            verdict = "ok but for rounding"
        else:
            verdict = "within 1e-3" if most <= LOOSE else "undecided"
    return row | {
        "hirescam": hires,
        "gradcam": grad,
        "module": module,
        "verdict": verdict,
    }


def table(rows: list[dict[str, Any]]) -> str:
    columns = [
        "network",
        "exporter",
        "pixels",
        "map",
        "places",
        "logits",
        "hirescam",
        "gradcam",
        "as in PyTorch at",
        "",
    ]
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        head = [row["name"], row["exporter"], str(row["side"])]
        if "note" in row:
            cells = [
                *head,
                "",
                "",
                "",
                "",
                "",
                row["note"].replace("|", "/"),
                row["verdict"],
            ]
        else:
            numbers = [f"{row[c]:.0e}" for c in ("logits", "hirescam", "gradcam")]
            verdict = row["verdict"]
            if "rounding" in row:
                verdict += f" (PyTorch's own: {row['rounding']:.0e})"
            cells = [*head, row["map"], row["places"], *numbers, row["module"], verdict]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary(rows: list[dict[str, Any]]) -> str:
    verdicts = [row["verdict"] for row in rows]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    exported = [verdict for verdict in verdicts if verdict not in ("not exported", "exported as another")]
    exact = sum(verdict.startswith("ok") for verdict in exported)
    networks = len({row["name"] for row in rows})
    return f"{networks} networks, {len(rows)} rows: {counts}. Of {len(exported)} exported ones {exact} agree ({100 * exact / max(len(exported), 1):.1f} %)"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--inspect", default="camoverlay-inspect")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--export", type=Path, help="write the networks' files there, and do nothing else")
    options = parser.parse_args()
    all_of_them = builders()
    names = [n for n in all_of_them if not options.names or any(part in n for part in options.names)]
    if options.export:
        unknown = [name for name in options.names if name not in all_of_them]
        if unknown:
            parser.error(f"there is no network named {', '.join(unknown)}")
        options.export.mkdir(parents=True, exist_ok=True)
        for name in options.names:
            model, side = all_of_them[name]()
            path = options.export / f"{name.split(maxsplit=1)[-1]}.onnx"
            export(with_numbers(model), torch.zeros(1, 3, side, side), path, "script")
        return 0
    done: dict[tuple[str, str], dict[str, Any]] = {}
    if options.rows and options.rows.exists():
        kept = [json.loads(line) for line in options.rows.read_text().splitlines()]
        done = {(row["name"], row["exporter"]): row for row in kept}
    rows = []
    for name, exporter in [(name, exporter) for name in names for exporter in EXPORTERS]:
        if (name, exporter) in done:
            rows.append(done[name, exporter])
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                row = sweep(name, all_of_them[name], options.inspect, Path(folder), exporter)
            except Exception as error:  # noqa: BLE001 - one network must not end the sweep
                note = f"{type(error).__name__}: {error}"[:120]
                row = {
                    "name": name,
                    "exporter": exporter,
                    "side": 0,
                    "verdict": "failed",
                    "note": note,
                }
        rows.append(row)
        print(f"{time.monotonic() - start:5.1f} s", row, file=sys.stderr, flush=True)
        if options.rows:
            with options.rows.open("a") as file:
                print(json.dumps(row), file=file)
        gc.collect()
    print(table(rows), summary(rows), sep="\n\n")
    if options.write:
        options.write.write_text(
            "# Architectures next to automatic differentiation\n\n"
            "Classifiers of timm, torchvision and Transformers with random weights, exported by both of torch's exporters "
            f"(`make architectures`; torch {torch.__version__}, timm {timm.__version__}, Transformers "
            f"{transformers.__version__}, ONNX Runtime {onnxruntime.__version__}). Largest differences: of the logits "
            "relative to their largest magnitude, of the maps after min-max. The module is the one in PyTorch at whose output "
            "the maps agree; “in blocks”: it keeps its tokens in another order than the picture's. “But for rounding”: "
            f"random weights leave so little of a map that single precision shows, at most {ROUNDINGS} times what PyTorch's "
            "own single precision differs from its double. Where a map's values differ by less than a hundredth of the largest "
            "one, that hundredth is taken for their range. “Exported as another”: ONNX Runtime computes other logits with "
            "the file than PyTorch with the network, and so does camoverlay.\n\n"
            f"{summary(rows)}.\n\n" + table(rows) + "\n"
        )
    return int(any(row["verdict"] in ("wrong", "failed") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
