#!/usr/bin/env python3
"""Makes the graphs of this folder: tiny classifiers with random weights, written by the exporters that people use.

    make.py torch     needs torch 2.x, torchvision, onnx, onnxscript
    make.py keras     needs tensorflow, tf2onnx, onnx

Each NAME.onnx has a NAME.json beside it with what the framework itself makes of the picture whose i-th value is
(i mod 251) / 125 - 1: the logits, and the HiResCAM map of the best class before the head (its mean over space where
the head is affine), by the framework's own automatic differentiation.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx

HERE = Path(__file__).resolve().parent
SIDE = 32


def picture(channels_last=False):
    values = (np.arange(3 * SIDE * SIDE) % 251 / 125 - 1).astype(np.float32).reshape(1, 3, SIDE, SIDE)
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1)) if channels_last else values


def finish(name, logits, contributions):
    """Drops what exporters note about the machine they ran on, and writes what is expected."""
    path = HERE / f"{name}.onnx"
    model = onnx.load(path, load_external_data=False)
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for part in (*model.graph.node, *model.functions, *(node for f in model.functions for node in f.node)):
        part.doc_string = ""
        del part.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]
    onnx.save(model, path)
    expected = {"side": SIDE, "logits": np.ravel(logits).tolist(), "map": np.ravel(contributions).tolist()}
    path.with_suffix(".json").write_text(json.dumps(expected) + "\n")
    print(path, path.stat().st_size, flush=True)


def torch_graphs():
    import torch
    from torch import nn
    from torchvision.models import convnext, mobilenetv3

    def randomize(model):
        torch.manual_seed(1)
        for parameter in model.parameters():
            fan = parameter[0].numel() if parameter.dim() > 1 else 4
            nn.init.normal_(parameter, 0.1 if parameter.dim() == 1 else 0, 1.5 / fan**0.5)
        for buffer_name, buffer in model.named_buffers():
            if "running_var" in buffer_name:
                nn.init.uniform_(buffer, 0.5, 2)
        return model.eval()

    def explain(model, head, x):
        """Logits, and the gradient of the best one times what `head` takes, summed over channels."""
        seen = []
        hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        logits = model(x.requires_grad_())
        hook.remove()
        (gradient,) = torch.autograd.grad(logits[0].max(), seen[0])
        return logits.detach().numpy(), (gradient * seen[0]).sum(1).detach().numpy()

    convnext_net = convnext.ConvNeXt([convnext.CNBlockConfig(8, None, 2)], num_classes=10)
    setting = mobilenetv3.InvertedResidualConfig(16, 3, 24, 16, True, "HS", 2, 1, 1.0)
    mobilenet_net = mobilenetv3.MobileNetV3([setting], 32, 10)
    alexnet_net = nn.Sequential(
        nn.Conv2d(3, 8, 5, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d((3, 3)),
        nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(72, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 10)),
    )
    free = ({2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC},)
    for name, model, head, options in [
        ("torch-dynamo-convnext", convnext_net, convnext_net.avgpool, {"opset_version": 18, "dynamic_shapes": free}),
        ("torch-dynamo-mobilenet-v3", mobilenet_net, mobilenet_net.avgpool, {"opset_version": 21, "dynamic_shapes": free}),
        ("torch-dynamo-alexnet", alexnet_net, alexnet_net[4], {"opset_version": 18, "external_data": True}),
        ("torch-script-half-convnext", convnext_net, convnext_net.avgpool, {"opset_version": 13, "dynamo": False}),
        ("torch-script-7-mobilenet-v3", mobilenet_net, mobilenet_net.avgpool, {"opset_version": 7, "dynamo": False}),
    ]:
        half = "half" in name
        randomize(model)
        if half:
            model.half().float()
        logits, contributions = explain(model, head, torch.from_numpy(picture()))
        x = torch.from_numpy(picture())
        path = HERE / f"{name}.onnx"
        torch.onnx.export(
            model.half() if half else model, (x.half() if half else x,), str(path),
            **{"dynamo": True, "external_data": False} | options,
        )
        model.float()
        finish(name, logits, contributions)


def keras_graphs():
    import keras
    import tensorflow as tf
    import tf2onnx
    from keras import layers

    def mobilenet(x):
        x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
        x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.Conv2D(16, 1)(x)
        return x, [layers.GlobalAveragePooling2D(), layers.Dropout(0.2), layers.Dense(10)]

    def resnet_v2(x):
        x = layers.Conv2D(8, 7, strides=2, padding="same")(x)
        x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
        y = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.Add()([x, layers.Conv2D(8, 3, padding="same")(y)])
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        return x, [layers.GlobalAveragePooling2D(), layers.Dense(10)]

    def vgg(x):
        x = layers.MaxPooling2D(4)(layers.Conv2D(6, 3, padding="same", activation="relu")(x))
        x = layers.MaxPooling2D(2)(layers.Conv2D(8, 3, padding="same", activation="relu")(x))
        return x, [layers.Flatten(), layers.Dense(12, activation="relu"), layers.Dense(10)]

    for name, body, opset, free in [
        ("keras-mobilenet", mobilenet, 13, True),
        ("keras-resnet-v2", resnet_v2, 9, True),
        ("keras-vgg", vgg, 18, False),
    ]:
        keras.utils.set_random_seed(1)
        shape = (None, None, 3) if free else (SIDE, SIDE, 3)
        x = keras.Input(shape)
        features, head = body(x)
        logits = features
        for layer in head:
            logits = layer(logits)
        model = keras.Model(x, layers.Softmax()(logits))
        generator = np.random.default_rng(1)
        for weight in model.weights:
            fan = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 4
            low = 0.5 if "variance" in weight.path else -1.5
            weight.assign(generator.uniform(low, 1.5, weight.shape) / fan**0.5)
        signature = [tf.TensorSpec((None if free else 1, *shape), tf.float32, name="input")]
        function = tf.function(lambda t: model(t, training=False), input_signature=signature)
        tf2onnx.convert.from_function(function, signature, opset=opset, output_path=str(HERE / f"{name}.onnx"))
        a = keras.Model(x, features)(picture(True), training=False)
        with tf.GradientTape() as tape:
            tape.watch(a)
            y = a
            for layer in head:
                y = layer(y)
            best = tf.reduce_max(y)
        finish(name, y.numpy(), tf.reduce_sum(tape.gradient(best, a) * a, -1).numpy())


if __name__ == "__main__":
    {"torch": torch_graphs, "keras": keras_graphs}[sys.argv[1]]()
