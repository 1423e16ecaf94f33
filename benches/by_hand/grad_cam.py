"""The overlay as one gets it from pytorch-grad-cam on the CPU.

    grad_cam.py THREADS

Then on standard input, one request a line, its fields parted by tabs: NETWORK SIDE FRAME WIDTH HEIGHT COUNT, FRAME being
a file of packed RGB. Answers with a line of COUNT times in nanoseconds, or of the word "none" where torchvision has no
such network. The weights are random: they change what is seen, not what it costs.
"""
import functools
import math
import sys
import time

import cv2
import numpy as np
import torch
import torchvision
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import preprocess_image, show_cam_on_image

NETWORKS = {  # constructor, the layer whose output is explained
    "squeezenet": ("squeezenet1_1", lambda model: model.features[-1]),
    "googlenet": ("googlenet", lambda model: model.inception5b),
    "resnet18": ("resnet18", lambda model: model.layer4[-1]),
    "mobilenetv2": ("mobilenet_v2", lambda model: model.features[-1]),
}


class Explainer:
    def __init__(self, name, side):
        constructor, layer = NETWORKS[name]
        extra = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
        model = getattr(torchvision.models, constructor)(weights=None, **extra).eval()
        self.cam = GradCAM(model=model, target_layers=[layer(model)])
        self.side = side

    def __call__(self, frame):
        """The overlay of a frame, height x width x 3 in RGB."""
        height, width = frame.shape[:2]
        scale = self.side / min(width, height)
        size = math.ceil(width * scale), math.ceil(height * scale)
        small = np.float32(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)) / 255
        tensor = preprocess_image(small, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
        cam = self.cam(input_tensor=tensor)[0]
        cam = cv2.resize(cam, (width, height))
        return show_cam_on_image(np.float32(frame) / 255, cam, use_rgb=True)


def main():
    threads = int(sys.argv[1])
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    explainer = functools.lru_cache(maxsize=1)(Explainer)
    for request in sys.stdin:
        name, side, frame, width, height, count = request.rstrip("\n").split("\t")
        if name not in NETWORKS:
            print("none", flush=True)
            continue
        frame = np.fromfile(frame, np.uint8).reshape(int(height), int(width), 3)
        explain = explainer(name, int(side))
        explain(frame)
        times = []
        for _ in range(int(count)):
            start = time.perf_counter_ns()
            explain(frame)
            times.append(time.perf_counter_ns() - start)
        print(*times, flush=True)


main()
