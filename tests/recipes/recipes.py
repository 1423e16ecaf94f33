"""Runs the exports of docs/recipes.md as they stand, and asks camoverlay-inspect what it makes of them.

    recipes.py --inspect target/debug/camoverlay-inspect [--keep FOLDER] [NAME...]

No weights are fetched: each recipe gets a stand-in of its library's own network with random ones. Whatever a recipe makes
must open without a warning, with the preprocessing and the labels that its library tells. Then image processors of
Transformers and data configurations of timm, of all kinds, stand beside a network: the logits that camoverlay gets for a
picture must be those that ONNX Runtime gets for what the library itself makes of the picture.

needs: what requirements.txt says
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import processors

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "recipes.md"
PHOTO = ROOT / "examples" / "media" / "chelsea.png"
BLOCK = re.compile(r"<!-- recipe: (\S+) -->\n```(\w+)\n(.*?)```", re.DOTALL)

# What asks for weights from the network, and what does not.
WITHOUT_WEIGHTS = {
    "pretrained=True": "pretrained=False",
    "weights=weights": "weights=None",
    'weights="imagenet"': "weights=None",
}
OFFLINE = {"HF_HUB_OFFLINE": "1", "YOLO_OFFLINE": "true", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

TRANSFORMERS = """
from transformers import ConvNextImageProcessor, ResNetConfig, ResNetForImageClassification
names = {0: "cat", 1: "dog", 2: "bird"}
config = ResNetConfig(depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 64, 64], embedding_size=16, layer_type="basic",
                      id2label=names, label2id={name: index for index, name in names.items()})
ResNetForImageClassification(config).eval().save_pretrained("microsoft/resnet-18")
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
ConvNextImageProcessor(size={"shortest_edge": 224}, crop_pct=0.875, resample=3, image_mean=mean,
                       image_std=std).save_pretrained("microsoft/resnet-18")
"""
FASTAI = """
import os
import numpy as np
from fastai.vision.all import ImageDataLoaders, PILImage, Resize, resnet18, vision_learner
for name in ("cat", "dog"):
    os.makedirs(f"pictures/{name}")
    for index in range(8):
        noise = np.random.randint(0, 255, (64, 64, 3), dtype=np.uint8)
        PILImage.create(noise).save(f"pictures/{name}/{index}.png")
data = ImageDataLoaders.from_folder("pictures", valid_pct=0.25, item_tfms=Resize(64), bs=4, num_workers=0)
vision_learner(data, resnet18, pretrained=False, concat_pool=False).export("../export.pkl")
"""
ULTRALYTICS = """
from ultralytics import YOLO
YOLO("yolo11n-cls.yaml").save("yolo11n-cls.pt")
"""
SAVED_MODEL = """
import keras
net = keras.applications.MobileNetV2(weights=None)
net.export("saved_model")
"""


@dataclass
class Recipe:
    """What a recipe starts from and what must come of it."""

    product: str
    preprocess: str
    classes: int
    first_label: str
    prepare: str = ""
    options: list[str] = field(default_factory=list)
    notices: int = 0


RECIPES: dict[str, Recipe] = {
    "transformers": Recipe("resnet-18", "torch", 3, "cat", TRANSFORMERS, notices=1),
    "timm": Recipe("mobilenetv3.onnx", "torch", 1000, "tench, Tinca tinca", notices=1),
    "torchvision": Recipe("resnet18.onnx", "torch", 1000, "tench"),
    "fastai": Recipe("fastai.onnx", "torch", 2, "cat", FASTAI),
    "ultralytics": Recipe("yolo11n-cls.onnx", "unit", 1000, "0", ULTRALYTICS),
    "keras": Recipe("mobilenetv2.onnx", "tf", 1000, "class 0"),
    "tf2onnx": Recipe("network.onnx", "tf", 1000, "class 0", SAVED_MODEL, ["--preprocess", "tf"]),
}


def blocks() -> dict[str, tuple[str, str]]:
    """The language and the text of each recipe."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return {name: (language, code) for name, language, code in BLOCK.findall(text)}


def call(command: list[str], folder: Path) -> None:
    """Runs `command` in `folder`, without a way to the network; its words are shown where it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | OFFLINE | {"PATH": path}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if result.returncode:
        raise AssertionError(f"{command[0]} failed: {(result.stdout + result.stderr)[-2000:]}")


def run(language: str, code: str, folder: Path) -> None:
    for asked, instead in WITHOUT_WEIGHTS.items():
        code = code.replace(asked, instead)
    program = {"python": [sys.executable, "-c"], "sh": ["sh", "-euc"]}[language]
    call([*program, code], folder)


def inspect(program: Path, network: Path, *options: str) -> dict:
    """What camoverlay-inspect says of the photo."""
    command = [str(program), str(network), "--image", str(PHOTO), "--json", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if result.returncode:
        raise AssertionError(result.stderr.strip())
    return json.loads(result.stdout)


def check(name: str, block: tuple[str, str], program: Path, folder: Path) -> None:
    recipe = RECIPES[name]
    if recipe.prepare:
        run("python", recipe.prepare, folder)
    run(*block, folder)
    report = inspect(program, folder / recipe.product, "--top-k", str(recipe.classes), *recipe.options)
    labels = {entry["id"]: entry["label"] for entry in report["top"]}
    found = (report["preprocess"], report["classes"], labels[0], report["warnings"], len(report["notices"]))
    wanted = (recipe.preprocess, recipe.classes, recipe.first_label, [], recipe.notices)
    assert found == wanted, f"{found} instead of {wanted}: {report['notices']}"


def attempt(name: str, work: Callable[[], None]) -> bool:
    try:
        work()
    except (AssertionError, subprocess.TimeoutExpired) as error:
        print(f"FAILED {name}: {error}", flush=True)
        return False
    print(f"ok     {name}", flush=True)
    return True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--inspect", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="where what is made stays")
    options = parser.parse_args()
    program = options.inspect.resolve()
    found = blocks()
    if set(found) != set(RECIPES):
        sys.exit(f"{DOCUMENT} has the recipes {sorted(found)}, and here are {sorted(RECIPES)}.")
    cases = processors.CASES
    with tempfile.TemporaryDirectory() as scratch:
        root = (options.keep or Path(scratch)).resolve()
        results = []
        for name in options.names or [*found, *cases]:
            folder = root / name
            folder.mkdir(parents=True)
            work = (
                (lambda: check(name, found[name], program, folder))  # noqa: B023
                if name in found
                else (lambda: processors.check(cases[name], program, folder))  # noqa: B023
            )
            results.append(attempt(name, work))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
