"""LPIPS on VGG-16 (Zhang et al. 2018, arXiv:1801.03924; Simonyan & Zisserman 2014, arXiv:1409.1556), not trained."""
import torch
from torch import nn
from torch.nn import functional as F

WIDTHS = [64, 128, 256, 512, 512]
CONVOLUTIONS = [2, 2, 3, 3, 3]


class Vgg16(nn.Module):
    def __init__(self, widths):
        super().__init__()
        inputs = [3, *widths]
        self.levels = nn.ModuleList(
            nn.ModuleList(convolution(inputs[level] if i == 0 else to, to) for i in range(CONVOLUTIONS[level]))
            for level, to in enumerate(widths))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, images):
        """Features of each level, before its pooling."""
        x = (images - self.mean) / self.deviation
        features = []
        for level in self.levels:
            if features:
                x = F.max_pool2d(x, 2)
            for conv in level:
                x = F.relu(conv(x), inplace=True)
            features.append(x)
        return features


class Perceptual(nn.Module):
    def __init__(self, scale):
        super().__init__()
        widths = [max(1, round(scale * width)) for width in WIDTHS]
        self.vgg = Vgg16(widths)
        self.calibration = nn.ParameterList(nn.Parameter(torch.ones(width)) for width in widths)
        self.requires_grad_(False)

    def forward(self, images, reconstructions):
        """Mean distance; only the reconstructions get a gradient."""
        with torch.no_grad():
            wanted = [unit(features) for features in self.vgg(images)]
        made = [unit(features) for features in self.vgg(reconstructions)]
        distances = [(a - b).square().mean((2, 3)) @ w for a, b, w in zip(made, wanted, self.calibration)]
        return sum(distances).mean()


def convolution(from_, to):
    conv = nn.Conv2d(from_, to, 3, padding=1)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)
    return conv


def unit(x):
    """At length 1 over channels; the floor gives the root a slope where all are 0."""
    return x / (x.square().sum(1, keepdim=True).clamp_min(1e-30).sqrt() + 1e-10)
