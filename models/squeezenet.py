"""SqueezeNet 1.1 from Keras weights (Iandola et al., 2016, arXiv:1602.07360).

The pools round their output size up, as the authors' own Caffe definition does (Keras' valid padding would drop
the last row and column): a side of 227 gives a map of 14.
"""

import io

import h5py
import numpy as np

from onnx_writer import FEATURES, Graph

FIRES = (2, 3, "pool3", 4, 5, "pool5", 6, 7, 8, 9)


def convert(weights: bytes, metadata: dict[str, str]) -> bytes:
    """`weights` is the HDF5 file of keras-squeezenet with TensorFlow's ordering; returns an ONNX file."""
    graph = Graph("squeezenet")
    with h5py.File(io.BytesIO(weights)) as file:

        def convolution(x: str, name: str, rectified: str = "", **attributes) -> str:
            kernel = np.transpose(file[name][f"{name}_W:0"][()], (3, 2, 0, 1))  # Keras: height, width, in, out
            y = graph.convolution(x, name, kernel, file[name][f"{name}_b:0"][()], **attributes)
            return graph.node("Relu", [y], rectified or f"{name}/relu")

        def pool(x: str, name: str) -> str:
            return graph.node("MaxPool", [x], name, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

        def fire(x: str, name: str) -> str:
            squeezed = convolution(x, f"{name}/squeeze1x1")
            expanded = [
                convolution(squeezed, f"{name}/expand1x1"),
                convolution(squeezed, f"{name}/expand3x3", pads=[1, 1, 1, 1]),
            ]
            return graph.node("Concat", expanded, f"{name}/concat", axis=1)

        x = pool(convolution("input", "conv1", strides=[2, 2]), "pool1")
        for layer in FIRES:
            x = pool(x, layer) if isinstance(layer, str) else fire(x, f"fire{layer}")
        convolution(x, "conv10", rectified=FEATURES)
        classes = file["conv10"]["conv10_b:0"].shape[0]
    graph.mean_over_space("logits")
    return graph.serialize(classes, classes, metadata)
