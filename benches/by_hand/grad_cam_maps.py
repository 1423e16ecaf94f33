"""Class maps as one gets them from pytorch-grad-cam on the CPU, of timm's networks.

    grad_cam_maps.py THREADS

Then on standard input, one request a line, its fields parted by tabs: NETWORK WIDTH HEIGHT COUNT. Answers with a line of COUNT
times in nanoseconds, from a tensor of that size to a map of its cells, or of the word "none" where the layers to explain such a
network at are not known here. The weights are random: they change what is seen, not what it costs.
"""

import functools
import sys
import time
from collections.abc import Callable

import timm
import torch
from pytorch_grad_cam import GradCAM

LAYERS: dict[str, Callable[[torch.nn.Module], torch.nn.Module]] = {
    "vit_tiny_patch16_224": lambda model: model.blocks[-1].norm1,
    "vit_small_patch16_224": lambda model: model.blocks[-1].norm1,
    "deit_tiny_patch16_224": lambda model: model.blocks[-1].norm1,
    "swin_tiny_patch4_window7_224": lambda model: model.norm,
    "convnext_atto": lambda model: model.stages[-1],
    "efficientvit_b0": lambda model: model.stages[-1],
}


def as_map(tensor: torch.Tensor) -> torch.Tensor:
    """Tokens, or a map whose channels come last, as N x C x h x w; a class token is dropped."""
    if tensor.ndim == 3:
        side = int(tensor.shape[1] ** 0.5)
        tensor = tensor[:, tensor.shape[1] - side * side :].unflatten(1, (side, side))
    return tensor.permute(0, 3, 1, 2)


@functools.lru_cache(maxsize=1)
def explainer(name: str) -> GradCAM:
    """GradCAM of the network with random weights, at its last layer with places."""
    model = timm.create_model(name).eval()
    is_map = name in ("convnext_atto", "efficientvit_b0")
    return GradCAM(model=model, target_layers=[LAYERS[name](model)], reshape_transform=None if is_map else as_map)


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    for request in sys.stdin:
        name, width, height, count = request.rstrip("\n").split("\t")
        if name not in LAYERS:
            print("none", flush=True)
            continue
        cam = explainer(name)
        tensor = torch.rand(1, 3, int(height), int(width))
        cam(input_tensor=tensor, targets=None)
        times = []
        for _ in range(int(count)):
            start = time.perf_counter_ns()
            cam(input_tensor=tensor, targets=None)
            times.append(time.perf_counter_ns() - start)
        print(*times, flush=True)


main()
