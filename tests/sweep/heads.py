"""Fifty heads and more on a ResNet-18: every pool, activation, normalisation and form of output."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

CHANNELS, CLASSES = 512, 12
Function = Callable[[torch.Tensor], torch.Tensor]


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


class Power(nn.Module):
    """x to a learnt power, or to one over it: a generalised mean has both around its mean (Radenović et al. 2018)."""

    def __init__(self, is_root: bool) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), 2.75))
        self.is_root = is_root

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.pow(1 / self.p if self.is_root else self.p)


class AttentionPool(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(CHANNELS, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.weigh(x).flatten(2).softmax(-1)
        return (x.flatten(2) * weights).sum(-1)


class Cosine(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(CLASSES, CHANNELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 16 * F.linear(F.normalize(x), F.normalize(self.weight))


class Joined(nn.Module):
    def __init__(self, join: Callable[[list[torch.Tensor]], torch.Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.parts, self.join = nn.ModuleList(parts), join

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.join([part(x) for part in self.parts])


def mean() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def dense(inputs: int = CHANNELS) -> nn.Module:
    return nn.Linear(inputs, CLASSES)


def around(middle: nn.Module, width: int = 64, wider: int = 64) -> nn.Module:
    return nn.Sequential(mean(), nn.Linear(CHANNELS, width), middle, dense(wider))


def heads() -> dict[str, Callable[[], nn.Module]]:
    """What makes each head."""
    flat = {
        "mean": nn.AdaptiveAvgPool2d(1),
        "maximum": nn.AdaptiveMaxPool2d(1),
        "mean and maximum": Apply(lambda x: x.mean((2, 3)) + x.amax((2, 3))),
        "generalised mean": nn.Sequential(
            Apply(lambda x: x.clamp(min=1e-6)), Power(False), Apply(lambda x: x.mean((2, 3))), Power(True)
        ),
        "logarithm of exponentials": Apply(lambda x: x.logsumexp((2, 3))),
        "length": Apply(lambda x: x.flatten(2).norm(dim=-1)),
        "sum": Apply(lambda x: x.sum((2, 3))),
        "mean of squares": nn.Sequential(Apply(lambda x: x * x), Apply(lambda x: x.mean((2, 3)))),
        "deviation": Apply(lambda x: (x - x.mean((2, 3), keepdim=True)).pow(2).mean((2, 3)).add(1e-5).sqrt()),
        "attention": AttentionPool(),
    }
    made: dict[str, Callable[[], nn.Module]] = {
        f"pool by {name}": lambda pool=pool: nn.Sequential(pool, nn.Flatten(), dense()) for name, pool in flat.items()
    }
    made |= {
        "pool by mean joined with maximum": lambda: nn.Sequential(
            Apply(lambda x: torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)), dense(2 * CHANNELS)
        ),
        "flattened": lambda: nn.Sequential(nn.Flatten(), dense(49 * CHANNELS)),
        "flattened 2 x 2": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), dense(4 * CHANNELS)),
        "pyramid": lambda: nn.Sequential(
            Joined(
                lambda parts: torch.cat(parts, 1),
                nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
                nn.Sequential(nn.AdaptiveMaxPool2d(2), nn.Flatten()),
            ),
            dense(5 * CHANNELS),
        ),
        "bilinear": lambda: nn.Sequential(
            nn.Conv2d(CHANNELS, 24, 1),
            Apply(lambda x: (x.flatten(2) @ x.flatten(2).transpose(1, 2) / 49).flatten(1)),
            dense(576),
        ),
        "convolution": lambda: nn.Sequential(nn.Conv2d(CHANNELS, CLASSES, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "batch normalisation of maps": lambda: nn.Sequential(nn.BatchNorm2d(CHANNELS), mean(), dense()),
        "instance normalisation of maps": lambda: nn.Sequential(
            nn.InstanceNorm2d(CHANNELS, affine=True), Apply(torch.relu), mean(), dense()
        ),
        "group normalisation of maps": lambda: nn.Sequential(nn.GroupNorm(32, CHANNELS), Apply(torch.relu), mean(), dense()),
        "local response normalisation": lambda: nn.Sequential(nn.LocalResponseNorm(5), mean(), dense()),
        "directions of cells": lambda: nn.Sequential(Apply(lambda x: F.normalize(x, dim=1)), mean(), dense()),
        "cosine": lambda: nn.Sequential(mean(), Cosine()),
        "length one": lambda: nn.Sequential(mean(), Apply(F.normalize), nn.Linear(CHANNELS, 64), nn.ReLU(), dense(64)),
        "weights normalised": lambda: nn.Sequential(mean(), nn.utils.parametrizations.weight_norm(dense())),
        "gated": lambda: around(nn.GLU(), 64, 32),
        "largest of two": lambda: around(Apply(lambda x: x.reshape(1, 2, 32).amax(1)), 64, 32),
        "two heads' mean": lambda: nn.Sequential(mean(), Joined(lambda p: (p[0] + p[1]) / 2, dense(), dense())),
        "two heads joined": lambda: nn.Sequential(
            mean(), Joined(lambda p: torch.cat(p, 1), nn.Linear(CHANNELS, 5), nn.Linear(CHANNELS, 7))
        ),
        "temperature": lambda: nn.Sequential(mean(), dense(), Apply(lambda x: x / 3.5)),
        "within bounds": lambda: nn.Sequential(mean(), dense(), Apply(lambda x: x.clamp(-50, 50))),
        "centred": lambda: nn.Sequential(mean(), dense(), Apply(lambda x: x - x.mean(1, keepdim=True))),
    }
    middles = [
        nn.ReLU(), nn.LeakyReLU(0.2), nn.ELU(), nn.SELU(), nn.CELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(),
        nn.Hardswish(), nn.Hardsigmoid(), nn.Hardtanh(), nn.Tanh(), nn.Sigmoid(), nn.LogSigmoid(), nn.Softplus(), nn.Softsign(),
        nn.PReLU(64), nn.ReLU6(), nn.Softshrink(0.1), nn.Hardshrink(0.1), nn.Tanhshrink(), nn.Threshold(0.1, 0.0),
        nn.BatchNorm1d(64), nn.LayerNorm(64), nn.RMSNorm(64), nn.Softmax(1),
    ]  # fmt: skip
    made |= {f"{type(middle).__name__}{index}": lambda middle=middle: around(middle) for index, middle in enumerate(middles)}
    return made


class Network(nn.Module):
    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        backbone = torchvision.models.resnet18(weights=None)
        self.features = nn.Sequential(*list(backbone.children())[:-2])
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))
