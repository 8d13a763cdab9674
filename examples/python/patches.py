"""A backbone of one's own, named `patches:backbone` in a recipe or a model's config.json.

It cuts the image into patches of 16 pixels and mixes them. Any torch module will do that
maps images `(n, channels, h, w)` to features `(n, length)`.
"""

from torch import nn

LENGTH = 96


def backbone(channels: int) -> tuple[nn.Module, int]:
    """Return the network, without trained weights, and the length of its features."""
    net = nn.Sequential(
        nn.Conv2d(channels, LENGTH, kernel_size=16, stride=16),
        nn.BatchNorm2d(LENGTH),
        nn.GELU(),
        nn.Conv2d(LENGTH, LENGTH, kernel_size=3, padding=1),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return net, LENGTH
