"""Image processors of Transformers and data configurations of timm beside one network.

Most pictures have the network's size already, so that nothing is left of scaling and cropping, which camoverlay does in
its own way; what the processors do to their numbers is all that counts. Where they stretch pictures by the bicubic filter,
camoverlay does the same, and the whole photo goes through both.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import timm
import transformers
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torchvision import transforms

SIDE = 96
PHOTO = Path(__file__).parents[2] / "examples" / "media" / "chelsea.png"
TOLERANCE = 1e-4  # of the largest logit
STRETCHED = 2e-3  # the same, where both round to bytes after each pass, in another order
CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}

@dataclass
class Processor:
    """A processor of Transformers by its class, with other settings than its own."""

    kind: str
    settings: dict
    is_stretched: bool = False

    def __call__(self, folder: Path, photo: Image.Image) -> np.ndarray:
        processor = getattr(transformers, self.kind)(**self.settings)
        processor.save_pretrained(folder)
        if self.is_stretched:
            return processor(photo, return_tensors="np")["pixel_values"]
        plain = {"do_resize": False, "return_tensors": "np"}
        if hasattr(processor, "do_center_crop"):
            plain["do_center_crop"] = False
        return processor(photo, **plain)["pixel_values"]


@dataclass
class Timm:
    """A network of timm by its name: its configuration, as for a hub."""

    name: str
    is_stretched = False

    def __call__(self, folder: Path, photo: Image.Image) -> np.ndarray:
        net = timm.create_model(self.name, pretrained=False, num_classes=3)
        timm.models.save_for_hf(net, folder)
        config = timm.data.resolve_model_data_config(net)
        steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize(config["mean"], config["std"])])
        return steps(photo)[None].numpy()


# What is called makes of a picture 1 x 3 x height x width, and leaves its description in the folder.
Case = Processor | Timm

CASES: dict[str, Case] = {
    "vit-stretched": Processor("ViTImageProcessor", {"size": {"height": 112, "width": 80}, "resample": 3}, is_stretched=True),
    "vit-enlarged": Processor("ViTImageProcessor", {"size": {"height": 384, "width": 384}, "resample": 3}, is_stretched=True),
    "convnext-stretched": Processor(
        "ConvNextImageProcessor", {"size": {"shortest_edge": 384}, "resample": 3, **CLIP}, is_stretched=True
    ),
    "vit": Processor("ViTImageProcessor", {}),
    "vit-255": Processor("ViTImageProcessor", {"do_rescale": False, "image_mean": [127.0] * 3, "image_std": [64.0] * 3}),
    "vit-plain": Processor("ViTImageProcessor", {"do_normalize": False}),
    "vit-raw": Processor("ViTImageProcessor", {"do_normalize": False, "do_rescale": False}),
    "vit-factor": Processor("ViTImageProcessor", {"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [1.0] * 3}),
    "deit": Processor("DeiTImageProcessor", {}),
    "beit": Processor("BeitImageProcessor", {}),
    "clip": Processor("CLIPImageProcessor", {}),
    "convnext": Processor("ConvNextImageProcessor", {"size": {"shortest_edge": 224}, **CLIP}),
    "levit": Processor("LevitImageProcessor", {}),
    "mobilenet-v1": Processor("MobileNetV1ImageProcessor", {}),
    "mobilenet-v2": Processor("MobileNetV2ImageProcessor", {}),
    "mobilevit": Processor("MobileViTImageProcessor", {}),
    "mobilevit-rgb": Processor("MobileViTImageProcessor", {"do_flip_channel_order": False}),
    "efficientnet": Processor("EfficientNetImageProcessor", {}),
    "efficientnet-no-top": Processor("EfficientNetImageProcessor", {"include_top": False}),
    "efficientnet-offset": Processor(
        "EfficientNetImageProcessor",
        {"rescale_offset": True, "rescale_factor": 1 / 127.5, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5] * 3},
    ),
    "poolformer": Processor("PoolFormerImageProcessor", {}),
    "efficientformer": Processor("EfficientFormerImageProcessor", {}),
    "bit": Processor("BitImageProcessor", {}),
    "siglip": Processor("SiglipImageProcessor", {}),
    "perceiver": Processor("PerceiverImageProcessor", {}),
    "timm-resnet18": Timm("resnet18"),
    "timm-mixer": Timm("mixer_s32_224"),
    "timm-efficientnet-lite": Timm("tf_efficientnet_lite0"),
    "timm-inception": Timm("inception_v3"),
}


def network(path: Path, side: int | str) -> None:
    """Three classes of the picture's channels, that tell apart what is done to each of them."""
    random = np.random.default_rng(1)
    weights = {"kernel": random.normal(size=(4, 3, 1, 1)), "dense": random.normal(size=(4, 3))}
    nodes = [
        helper.make_node("Conv", ["pixels", "kernel"], ["convolved"]),
        helper.make_node("Relu", ["convolved"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["row"]),
        helper.make_node("MatMul", ["row", "dense"], ["logits"]),
    ]
    shape = ["N", 3, side, side if isinstance(side, int) else "other"]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def check(case: Case, program: Path, folder: Path) -> None:
    photo = Image.open(PHOTO).convert("RGB")
    if not case.is_stretched:
        photo = photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    photo.save(folder / "photo.png")
    network(folder / "model.onnx", "any" if case.is_stretched else SIDE)
    pixels = case(folder, photo)
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"pixels": pixels.astype(np.float32)})
    command = [str(program), str(folder), "--image", str(folder / "photo.png"), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    found = {entry["id"]: entry["logit"] for entry in report["top"]}
    largest = np.abs(wanted).max()
    worst = max(abs(found[index] - value) for index, value in enumerate(wanted[0]))
    tolerance = STRETCHED if case.is_stretched else TOLERANCE
    assert worst <= tolerance * largest, f"logits {found} instead of {wanted[0]}: {report['normalization']}"
    # The sizes are those of larger networks.
    others = [warning for warning in report["warnings"] if "the size that the network takes" not in warning]
    assert not others, others
