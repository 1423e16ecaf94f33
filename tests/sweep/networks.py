"""Torchvision's classifiers, each cut in two where camoverlay should cut it."""

import torch
import torchvision.models as zoo
from torch import nn


class Cut(nn.Module):
    """head(tap(features(x))): `tap` is where other libraries can hook the feature map."""

    def __init__(self, features, head, dense=False):
        super().__init__()
        self.features, self.head = features, head
        self.tap = nn.Identity()
        self.dense = dense  # one dense layer follows the mean, so that class activation mapping applies

    def forward(self, x):
        return self.head(self.tap(self.features(x)))


def flat(pool, *layers):
    return nn.Sequential(pool, nn.Flatten(1), *layers)


def mean(*layers):
    return flat(nn.AdaptiveAvgPool2d(1), *layers)


def resnet(m):
    body = nn.Sequential(m.conv1, m.bn1, m.relu, m.maxpool, m.layer1, m.layer2, m.layer3, m.layer4)
    return Cut(body, flat(m.avgpool, m.fc), True)


def densenet(m):
    return Cut(nn.Sequential(m.features, nn.ReLU()), mean(m.classifier), True)


def named_until(m, last):
    """The children of `m` up to `last`, auxiliary classifiers left out."""
    body = []
    for name, child in m.named_children():
        if "aux" not in name.lower():
            body.append(child)
        if name == last:
            return nn.Sequential(*body)
    raise KeyError(last)


def inception(m):
    return Cut(named_until(m, "Mixed_7c"), mean(m.fc), True)


def googlenet(m):
    return Cut(named_until(m, "inception5b"), mean(m.fc), True)


def shufflenet(m):
    return Cut(named_until(m, "conv5"), mean(m.fc), True)


def features_classifier(m):
    return Cut(m.features, mean(m.classifier), True)


def mobilenet_v3(m):
    return Cut(m.features, mean(m.classifier))


def mnasnet(m):
    return Cut(m.layers, mean(m.classifier), True)


def regnet(m):
    return Cut(nn.Sequential(m.stem, m.trunk_output), flat(m.avgpool, m.fc), True)


def convnext(m):
    return Cut(m.features, nn.Sequential(m.avgpool, m.classifier))


def squeezenet(m):
    body = nn.Sequential(m.features, *list(m.classifier)[:3])
    return Cut(body, flat(m.classifier[3]))


def flattened(m):
    return Cut(nn.Sequential(m.features, m.avgpool), nn.Sequential(nn.Flatten(1), m.classifier))


class SwinBody(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.features, self.norm = m.features, m.norm

    def forward(self, x):
        return self.norm(self.features(x)).permute(0, 3, 1, 2)


def swin(m):
    return Cut(SwinBody(m), mean(m.head), True)


def maxvit(m):
    body = nn.Sequential(m.stem, *m.blocks)
    return Cut(body, m.classifier)


# name: (cut, height, width, free size)
NETWORKS = {
    "squeezenet1_0": (squeezenet, 224, 256, True),
    "squeezenet1_1": (squeezenet, 224, 256, True),
    "alexnet": (flattened, 224, 224, False),
    "vgg11": (flattened, 224, 224, False),
    "vgg16_bn": (flattened, 224, 224, False),
    "resnet18": (resnet, 224, 256, True),
    "resnet50": (resnet, 224, 256, True),
    "resnext50_32x4d": (resnet, 224, 256, True),
    "wide_resnet50_2": (resnet, 224, 256, True),
    "densenet121": (densenet, 224, 256, True),
    "inception_v3": (inception, 299, 320, True),
    "googlenet": (googlenet, 224, 256, True),
    "shufflenet_v2_x1_0": (shufflenet, 224, 256, True),
    "mobilenet_v2": (features_classifier, 224, 256, True),
    "mobilenet_v3_small": (mobilenet_v3, 224, 256, True),
    "mobilenet_v3_large": (mobilenet_v3, 224, 256, True),
    "mnasnet1_0": (mnasnet, 224, 256, True),
    "efficientnet_b0": (features_classifier, 224, 256, True),
    "efficientnet_b3": (features_classifier, 224, 256, True),
    "efficientnet_v2_s": (features_classifier, 224, 256, True),
    "regnet_x_400mf": (regnet, 224, 256, True),
    "regnet_y_400mf": (regnet, 224, 256, True),
    "convnext_tiny": (convnext, 224, 256, True),
    "swin_t": (swin, 224, 224, False),
    "maxvit_t": (maxvit, 224, 224, False),
}

QUICK = ["squeezenet1_1", "resnet18", "mobilenet_v3_small", "alexnet"]


def build(name, image):
    """The network with random weights that make it tell pictures apart; eval mode."""
    torch.manual_seed(sum(map(ord, name)))
    options = {"weights": None}
    if name in ("inception_v3", "googlenet"):
        options.update(aux_logits=False, init_weights=False, transform_input=False)
    model = getattr(zoo, name)(**options)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)):
                if module.weight is not None:
                    module.weight.uniform_(0.8, 1.2)
                    module.bias.normal_(0, 0.2)
            elif isinstance(module, (nn.Linear, nn.Conv2d)) and module.bias is not None:
                module.bias.normal_(0, 0.05)
        # Layer scale would otherwise switch ConvNeXt's blocks off.
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith("layer_scale"):
                parameter.uniform_(0.5, 1.0)
        model.eval()
        # One pass over pictures gives the batch normalisations statistics of their own.
        for norm in norms:
            norm.train()
            norm.momentum = 1.0
        if norms:
            model(torch.cat([image, image.flip(3), image.flip(2), 0.7 * image, torch.randn_like(image)]))
        model.eval()
        last = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))][-1]
        spread = model(image).std()
        last.weight.mul_(3 / max(float(spread), 1e-3))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model
