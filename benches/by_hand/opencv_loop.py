"""The overlay as one would write it by hand with ONNX Runtime and OpenCV.

    opencv_loop.py THREADS

Then on standard input, one request a line, its fields parted by tabs: BLEND MODEL PREPROCESS SIDE FRAME WIDTH HEIGHT
COUNT. BLEND is numpy or opencv, FRAME a file of packed RGB. Answers with a line of COUNT times in nanoseconds.
"""
import functools
import math
import sys
import time

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

PREPROCESS = {  # colour order, divisor, mean, deviation
    "caffe": (slice(None, None, -1), 1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
    "torch": (slice(None), 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "lite": (slice(None), 128.0, (127 / 128,) * 3, (1.0, 1.0, 1.0)),
}
THRESHOLD = 0.2


def heat_table():
    """255 x 3: the jet colours, 0 to 255, brighter from black on as the map grows."""
    i = np.arange(1, 256)

    def ramp(up, down):
        return np.clip(np.minimum((i - up) / 64, (down - i) / 64), 0, 1)

    jet = np.stack([ramp(96, 288), ramp(32, 224), ramp(-32, 160)], 1)
    return jet * (np.arange(255) / 254)[:, None] * 255


HEAT = heat_table()
HEAT_8_BIT = np.rint(HEAT[[*range(255), 254]]).astype(np.uint8).reshape(256, 1, 3)  # as OpenCV takes it


def blend_numpy(frame, cam):
    """As the formulas read."""
    cam = (cam - cam.min()) / (cam.max() - cam.min())
    cam[cam < THRESHOLD] = 0
    index = np.minimum(np.rint(cam * 255), 254).astype(np.uint8)
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    combined = gray[..., None] / 2 + HEAT[index]
    low, high = combined.min(), combined.max()
    return np.rint((combined - low) / (high - low) * 255).astype(np.uint8)


def blend_opencv(frame, cam):
    """With an OpenCV function for every pass over the frame."""
    cam = cv2.normalize(cam, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    cam = cv2.threshold(cam, round(THRESHOLD * 255) - 1, 0, cv2.THRESH_TOZERO)[1]
    heat = cv2.applyColorMap(cam, HEAT_8_BIT)
    gray = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    combined = cv2.addWeighted(gray, 0.5, heat, 1, 0, dtype=cv2.CV_32F)
    return cv2.normalize(combined, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)


BLEND = {"numpy": blend_numpy, "opencv": blend_opencv}


class Explainer:
    def __init__(self, blend, path, preprocess, side, threads):
        model = onnx.load(path)
        pool = [node for node in model.graph.node if node.op_type == "GlobalAveragePool"][-1]
        model.graph.output.append(onnx.ValueInfoProto(name=pool.input[0]))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name
        self.weights = None
        for node in model.graph.node:
            if node.op_type == "Gemm":
                tensor = next(t for t in model.graph.initializer if t.name == node.input[1])
                transposed = any(a.name == "transB" and a.i for a in node.attribute)
                self.weights = numpy_helper.to_array(tensor)
                self.weights = self.weights if transposed else self.weights.T
        self.order, self.divisor, mean, deviation = PREPROCESS[preprocess]
        self.mean, self.deviation = np.float32(mean), np.float32(deviation)
        self.side = side
        self.blend = BLEND[blend]

    def tensor(self, frame):
        height, width = frame.shape[:2]
        scale = self.side / min(width, height)
        size = math.ceil(width * scale), math.ceil(height * scale)
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)[..., self.order]
        x = (small.astype(np.float32) / self.divisor - self.mean) / self.deviation
        return np.ascontiguousarray(x.transpose(2, 0, 1)[None])

    def __call__(self, frame):
        """The overlay of a frame, height x width x 3 in RGB."""
        height, width = frame.shape[:2]
        logits, features = self.session.run(None, {self.input: self.tensor(frame)})
        logits, features = logits.reshape(-1), features[0]
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
        top = np.argsort(-scores)[:3]
        if self.weights is None:
            cam = features[top[0]]
        else:
            cam = np.tensordot(self.weights[top[0]], features, 1)
        cam = cv2.resize(cam, (width, height), interpolation=cv2.INTER_CUBIC)
        picture = self.blend(frame, cam)
        for row, index in enumerate(top):
            text = f"class {index}, {scores[index]:.3f}"
            cv2.putText(picture, text, (8, 24 * (row + 1)), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
        return picture


def main():
    threads = int(sys.argv[1])
    cv2.setNumThreads(threads)
    explainer = functools.lru_cache(maxsize=2)(Explainer)
    for request in sys.stdin:
        blend, path, preprocess, side, frame, width, height, count = request.rstrip("\n").split("\t")
        frame = np.fromfile(frame, np.uint8).reshape(int(height), int(width), 3)
        explain = explainer(blend, path, preprocess, int(side), threads)
        explain(frame)
        times = []
        for _ in range(int(count)):
            start = time.perf_counter_ns()
            explain(frame)
            times.append(time.perf_counter_ns() - start)
        print(*times, flush=True)


main()
