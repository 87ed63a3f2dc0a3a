"""DenseNet-121 at 224 pixels, the network of most open chest X-ray tools, as the peer to be measured beside.

Written from the paper (Huang, Liu, van der Maaten & Weinberger 2017, table 1): growth rate 32, blocks of 6, 12, 24 and
16 layers, each layer BN-ReLU-1x1 to 4 x 32 channels and BN-ReLU-3x3 to 32, transitions that halve channels and size.
Random weights: they cost the same time as trained ones. ``check`` counts the parameters, so that a slip here cannot
make the peer slower or faster than it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

GROWTH, BOTTLENECK, FIRST = 32, 4, 64
BLOCKS = (6, 12, 24, 16)
SIZE = 224

# The count that the network is known by: three colours in, a thousand ImageNet classes out.
KNOWN_PARAMETERS = 7_978_856


class Layer(nn.Module):
    """One dense layer: (N, c, H, W) -> (N, c + 32, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.new = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, BOTTLENECK * GROWTH, 1, bias=False),
            nn.BatchNorm2d(BOTTLENECK * GROWTH),
            nn.ReLU(inplace=True),
            nn.Conv2d(BOTTLENECK * GROWTH, GROWTH, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """All earlier maps and the new ones."""
        return torch.cat([x, self.new(x)], 1)


def densenet121(colours: int = 1, classes: int = 18) -> nn.Sequential:
    """Ready to infer; by default a grey film in and 18 findings out, as open chest X-ray tools ship it."""
    parts: list[nn.Module] = [
        nn.Conv2d(colours, FIRST, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(FIRST),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    channels = FIRST
    for number, layers in enumerate(BLOCKS):
        parts += [Layer(channels + GROWTH * place) for place in range(layers)]
        channels += GROWTH * layers
        if number < len(BLOCKS) - 1:
            parts += [
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels // 2, 1, bias=False),
                nn.AvgPool2d(2),
            ]
            channels //= 2
    parts += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(channels, classes)).eval()


def check() -> None:
    """Raise RuntimeError unless this is the standard network."""
    found = sum(parameter.numel() for parameter in densenet121(3, 1000).parameters())
    if found != KNOWN_PARAMETERS:
        raise RuntimeError(f"DenseNet-121 has {KNOWN_PARAMETERS:,} parameters, this one {found:,}")
