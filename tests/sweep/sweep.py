"""Compares camoverlay with torch, torchcam and pytorch-grad-cam over torchvision's classifiers.

    sweep.py --inspect target/release/camoverlay-inspect [--quick] [--write docs/sweep.md] [NAME...]
    sweep.py --export FOLDER NAME...      only writes FOLDER/NAME.onnx

Each network gets random weights, is exported to ONNX, and explains one picture. Compared are the
logits (relative to their largest magnitude) and the maps after min-max: torchcam's CAM where a
single dense layer follows the mean, and nine methods of pytorch-grad-cam, Finer-CAM among them with
the classes and weights of its paper. ReciproCAM, which neither has, is compared with torch running the
head on one cell after the other.

needs: torch torchvision torchcam grad-cam numpy pillow
"""

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from networks import NETWORKS, QUICK, build
from PIL import Image
from pytorch_grad_cam import (
    FEM,
    EigenCAM,
    EigenGradCAM,
    FinerCAM,
    GradCAM,
    GradCAMElementWise,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    XGradCAM,
)
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchcam.methods import CAM

PHOTO = Path(__file__).parents[2] / "examples" / "media" / "chelsea.png"
METHODS = {
    "gradcam": GradCAM,
    "hirescam": HiResCAM,
    "gradcam++": GradCAMPlusPlus,
    "layercam": LayerCAM,
    "eigencam": EigenCAM,
    "xgradcam": XGradCAM,
    "gradcam-elementwise": GradCAMElementWise,
    "eigengradcam": EigenGradCAM,
    "fem": FEM,
}
LOGITS, MAP = 1e-3, 1e-4  # tolerances
BORDERLINE = 1e-4  # how near to FEM's bound a feature may lie on either side of it in one library or the other


def picture(height, width, path):
    """A crop of the photo of this size, written to `path`, as torch takes it."""
    photo = Image.open(PHOTO).convert("RGB").resize((width, height), Image.BICUBIC)
    photo.save(path)
    x = np.asarray(photo, np.float32) / 255
    x = (x - np.array([0.485, 0.456, 0.406], np.float32)) / np.array([0.229, 0.224, 0.225], np.float32)
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32))


def export(model, image, free, path, opset):
    axes = {2: "height", 3: "width"} if free else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # In eval mode torch replaces attention by an operator that it cannot export.
        model.train("MultiheadAttention" in {type(m).__name__ for m in model.modules()})
        torch.onnx.export(
            model, image, str(path), opset_version=opset, input_names=["input"],
            output_names=["logits"], dynamic_axes={"input": axes} if axes else None,
            training=torch.onnx.TrainingMode.PRESERVE,
        )
        model.eval()


def inspect(program, model, image, *options):
    command = [program, str(model), "--image", str(image), "--preprocess", "torch", "--json", *options]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    return json.loads(result.stdout) if result.returncode == 0 else result.stderr.strip()


def min_max(values):
    values = np.asarray(values, np.float64)
    return (values - values.min()) / (values.max() - values.min())


def difference(ours, theirs):
    """Largest difference of two maps after min-max."""
    theirs = np.asarray(theirs, np.float64).squeeze()
    return np.abs(min_max(np.reshape(ours, theirs.shape)) - min_max(theirs)).max()


def grad_cam(kind, network, image, target):
    """The raw map of pytorch-grad-cam, before its ReLU and its resize."""
    with kind(model=network, target_layers=[network.tap]) as cam:
        x = image.clone().requires_grad_(True)
        logits = cam.activations_and_grads(x)
        targets = [ClassifierOutputTarget(target)]
        network.zero_grad()
        sum(t(output) for t, output in zip(targets, logits)).backward()
        holder = cam.activations_and_grads
        activations, gradients = holder.activations[0].numpy(), holder.gradients[0].numpy()
        return cam.get_cam_image(x, network.tap, targets, activations, gradients, False)


def fem_as(ours: list[float], theirs: np.ndarray, network: torch.nn.Module, image: torch.Tensor) -> np.ndarray:
    """FEM's map as pytorch-grad-cam has it, but for up to three features that lie at their bound but for rounding: on which side
    of it they fall is not told by the formula, so that they are counted as camoverlay counts them."""
    with torch.no_grad():
        a = network.features(image)[0].double().numpy()
    bounds = a.mean((1, 2), keepdims=True) + 2 * a.std((1, 2), keepdims=True)
    is_near = (np.abs(a - bounds) <= BORDERLINE * np.abs(bounds)) & (a.std((1, 2), keepdims=True) > 0)
    # What each feature that is near would change.
    changes = [(-1 if a[i, y, x] > bounds[i, 0, 0] else 1) * a[i] / a[i].size for i, y, x in np.argwhere(is_near)]
    ours = np.reshape(ours, theirs.shape)
    for _ in range(3):
        # Nothing is normalised in this formula, so that what one feature adds is seen in the bare difference.
        theirs = min([theirs, *(theirs + change for change in changes)], key=lambda other: np.abs(ours - other).max())
    return theirs


def class_weights(network: torch.nn.Module) -> np.ndarray:
    """What tells each class apart, one row a class: its row of the dense layer or, where it has a channel of its own, its kernel."""
    layers = [m for m in network.modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d))]
    return layers[-1].weight.detach().flatten(1).double().numpy()


def finer_cam(network: torch.nn.Module, image: torch.Tensor, target: int) -> tuple[list[int], np.ndarray]:
    """The classes that the target is compared with, and the raw map of pytorch-grad-cam's FinerCAM for them."""
    rows = class_weights(network)
    cosines = rows @ rows[target] / (np.linalg.norm(rows, axis=1) * np.linalg.norm(rows[target]))
    others = [int(c) for c in np.argsort(-cosines, kind="stable") if c != target][:3]
    raw = {}

    class Raw(GradCAM):
        """Keeps the map as it is before ReLU and resize."""

        def get_cam_image(self, *arguments: object) -> np.ndarray:
            raw["map"] = super().get_cam_image(*arguments)
            return raw["map"]

    def difference_of_logits(output: torch.Tensor) -> torch.Tensor:
        return output[target] - 0.6 * output[others].mean()

    finer = FinerCAM(network, [network.tap], base_method=Raw)
    finer(image.clone().requires_grad_(True), targets=[difference_of_logits])
    finer.base_cam.activations_and_grads.release()
    return others, raw["map"]


def recipro_cam(network: torch.nn.Module, image: torch.Tensor, target: int) -> np.ndarray:
    """The score of the target for each cell of the feature map alone, the others being zero."""
    with torch.no_grad():
        features = network.features(image)
        _, _, height, width = features.shape
        masks = torch.eye(height * width).reshape(-1, 1, height, width)
        scores = torch.cat([network.head(features * mask).softmax(1)[:, target] for mask in masks.split(16)])
    return scores.double().numpy().reshape(height, width)


def torch_cam(network, image, target):
    name = next(n for n, m in network.named_modules() if n.startswith("head.") and isinstance(m, torch.nn.Linear))
    with CAM(network, target_layer="tap", fc_layer=name) as cam:
        with torch.no_grad():
            scores = network(image)
        return cam(target, scores, normalized=False)[0].numpy()


def sweep(name, program, folder, opset):
    """One row of the table: name, head, map, errors by column, verdict."""
    cut, height, width, free = NETWORKS[name]
    photo, path = folder / "photo.png", folder / "network.onnx"
    image = picture(height, width, photo)
    model = build(name, image)
    export(model, image, free, path, opset)
    size = ["--input-size", str(height)] if free else []
    report = inspect(program, path, photo, "--top-k", "1000", *size)
    if isinstance(report, str):
        return {"name": name, "note": report, "ok": False}
    with torch.no_grad():
        expected = model(image)[0].numpy()
    network = cut(model).eval()
    with torch.no_grad():
        assert np.allclose(network(image)[0].numpy(), expected, atol=1e-4), "the cut changes the network"
    logits = np.empty_like(expected)
    for entry in report["top"]:
        logits[entry["id"]] = entry["logit"]
    target = int(expected.argmax())
    row = {
        "name": name,
        "head": report["head"],
        "map": f"{report['map-width']} x {report['map-height']}",
        "logits": float(np.abs(logits - expected).max() / np.abs(expected).max()),
    }
    ok = row["logits"] <= LOGITS and report["target"]["id"] == target
    maps = {method: lambda kind=kind: grad_cam(kind, network, image, target) for method, kind in METHODS.items()}
    if network.dense:
        maps["cam"] = lambda: torch_cam(network, image, target)
    if report["head"].startswith("mean over space") and "several" not in report["head"]:
        others, finer = finer_cam(network, image, target)
        maps |= {"finercam": lambda: finer, "reciprocam": lambda: recipro_cam(network, image, target)}
    for method, reference in maps.items():
        ours = inspect(program, path, photo, "--target", str(target), "--method", method, *size)
        if isinstance(ours, str):
            return row | {"note": f"{method}: {ours}", "ok": False}
        theirs = np.asarray(reference(), np.float64)
        if method == "fem":
            theirs = fem_as(ours["map"], theirs, network, image)
        row[method] = difference(ours["map"], theirs)
        if method in ("eigencam", "eigengradcam"):  # the sign of a principal component is free
            row[method] = min(row[method], difference(ours["map"], -theirs))
        if method == "finercam":
            ok = ok and [term["id"] for term in ours["explained"]] == [target, *others]
        ok = ok and row[method] <= MAP
    return row | {"ok": bool(ok)}


def export_all(names, folder, opset):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        _, height, width, free = NETWORKS[name]
        with tempfile.TemporaryDirectory() as photo:
            image = picture(height, width, Path(photo) / "photo.png")
        export(build(name, image), image, free, folder / f"{name}.onnx", opset)
        print(folder / f"{name}.onnx", flush=True)


COLUMNS = ["logits", "cam", *METHODS, "finercam", "reciprocam"]


def table(rows):
    lines = ["| network | head | map | " + " | ".join(COLUMNS) + " | |", "|---" * (len(COLUMNS) + 4) + "|"]
    for row in rows:
        verdict = "ok" if row["ok"] else "**fails**"
        if "note" in row and "head" not in row:
            cells = ["refused: " + row["note"].split("feature map, ")[-1].split(". ")[0]] + [""] * (len(COLUMNS) + 1)
        else:
            cells = [row["head"], row["map"]]
            cells += [f"{row[c]:.0e}" if c in row else "" for c in COLUMNS]
        lines.append(f"| {row['name']} | " + " | ".join(cells) + f" | {verdict} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--inspect")
    parser.add_argument("--export", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--opset", type=int, default=13)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    names = options.names or (QUICK if options.quick else list(NETWORKS))
    if options.export:
        return export_all(names, options.export, options.opset)
    if not options.inspect:
        parser.error("--inspect is needed")
    rows = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            row = sweep(name, options.inspect, Path(folder), options.opset)
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    text = table(rows)
    print(text)
    if options.write:
        options.write.write_text(
            "# camoverlay next to torch, torchcam and pytorch-grad-cam\n\n"
            "Largest differences: of the logits relative to their largest magnitude, of the maps after min-max. Random\n"
            f"weights, opset {options.opset}, torch {torch.__version__}; made by `make sweep`.\n\n" + text + "\n"
        )
    failed = [row["name"] for row in rows if not row["ok"]]
    print(f"{len(rows) - len(failed)} passed, {len(failed)} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
