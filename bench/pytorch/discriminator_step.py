"""Times the same gradients in PyTorch: the other side of bench/discriminatorStep.ts.

    /usr/bin/python3 bench/pytorch/discriminator_step.py [--loss logistic|r1] [--size 64] [--scale 1] [--batch 8]
        [--threads 2] [--warmup 1] [--steps 3] [--serve]

Prints the same JSON lines. Folds the same constant factors into the weights, and blurs the skip path at stride 2, so
that both sides do the same arithmetic.
"""
import argparse
import math

import torch
from torch import nn
from torch.nn import functional as F

from serve import add_serving_arguments, count, serve

GAMMA = 10


class Conv(nn.Module):
    """Equalised convolution with the activation's bias: gain * leaky_relu(conv(x) + bias)."""

    def __init__(self, kernel, from_, to, stride=1, padding=0, gain=1.0, activated=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(to, from_, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(to)) if activated else None
        self.gain, self.scale = gain, gain / math.sqrt(from_ * kernel * kernel)
        self.stride, self.padding = stride, padding

    def forward(self, x):
        bias = None if self.bias is None else self.bias * self.gain
        y = F.conv2d(x, self.weight * self.scale, bias, self.stride, self.padding)
        return y if self.bias is None else F.leaky_relu(y, 0.2)


class Linear(nn.Module):
    def __init__(self, from_, to, gain=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(to, from_))
        self.bias = nn.Parameter(torch.zeros(to))
        self.gain, self.scale = gain, gain / math.sqrt(from_)

    def forward(self, x):
        return F.linear(x, self.weight * self.scale, self.bias * self.gain)


class Block(nn.Module):
    def __init__(self, from_, to):
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.register_buffer("blur", (torch.outer(taps, taps) / 64).repeat(from_, 1, 1, 1))
        self.conv1 = Conv(3, from_, from_, padding=1, gain=math.sqrt(2))
        self.conv2 = Conv(3, from_, to, stride=2)
        self.skip = Conv(1, from_, to, gain=math.sqrt(0.5), activated=False)

    def forward(self, x):
        channels = x.shape[1]
        main = self.conv2(F.conv2d(self.conv1(x), self.blur, padding=2, groups=channels))
        return main + self.skip(F.conv2d(x, self.blur, padding=1, stride=2, groups=channels))


class Discriminator(nn.Module):
    def __init__(self, size, scale):
        super().__init__()
        sides = [size]
        while sides[-1] > 4:
            sides.append(sides[-1] // 2)
        cap = round(512 * scale)
        widths = [min(cap, round(scale * 32768 / 2 ** math.ceil(math.log2(side)))) for side in sides]
        self.from_image = Conv(1, 3, widths[0], gain=math.sqrt(2))
        self.blocks = nn.Sequential(*(Block(a, b) for a, b in zip(widths, widths[1:])))
        self.final_conv = Conv(3, widths[-1] + 1, widths[-1], padding=1, gain=math.sqrt(2))
        self.final_dense = Linear(sides[-1] ** 2 * widths[-1], widths[-1], gain=math.sqrt(2))
        self.logit = Linear(widths[-1], 1)

    def forward(self, images):
        x = self.blocks(self.from_image(images))
        x = self.final_conv(torch.cat([x, deviation(x)], 1))
        hidden = F.leaky_relu(self.final_dense(x.flatten(1)), 0.2)
        return self.logit(hidden).squeeze(1)


def deviation(x):
    batch, channels, height, width = x.shape
    group = min(batch, 4)
    members = x.reshape(group, batch // group, channels, height, width)
    mean = (members.var(0, unbiased=False) + 1e-8).sqrt().mean([1, 2, 3])
    return mean.repeat(group).reshape(batch, 1, 1, 1).expand(batch, 1, height, width)


def step(model, images, kind):
    model.zero_grad(set_to_none=True)
    if kind == "r1":
        images = images.detach().requires_grad_()
        (slope,) = torch.autograd.grad(model(images).sum(), images, create_graph=True)
        loss = GAMMA / 2 * slope.square().sum() / images.shape[0]
    else:
        loss = F.softplus(-model(images)).mean()
    loss.backward()
    return loss.item()


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times a discriminator step in PyTorch.")
    parser.add_argument("--loss", choices=["logistic", "r1"], default="logistic")
    parser.add_argument("--scale", type=float, default=1)
    for name, default in [("size", 64), ("batch", 8)]:
        parser.add_argument("--" + name, type=int, default=default)
    add_serving_arguments(parser, warmup=1, steps=3)
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = Discriminator(args.size, args.scale)
    images = torch.randn(args.batch, 3, args.size, args.size)
    serve(lambda: step(model, images, args.loss), args, loss=args.loss, batch=args.batch, parameters=count(model))


if __name__ == "__main__":
    main()
