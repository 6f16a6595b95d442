"""Times the same step of stage 1 in PyTorch: the other side of bench/stage1Step.ts.

    /usr/bin/python3 bench/pytorch/stage1_step.py [--losses ae|full] [--image-size 256] [--patch-size 8] [--dim 512]
        [--depth 8] [--heads 8] [--codebook-size 8192] [--code-dim 32] [--batch 1] [--discriminator-scale 1]
        [--vgg-scale 1] [--threads 2] [--warmup 3] [--steps 5] [--weights FILE] [--serve | --check FILE]

Prints the same JSON lines. `--weights FILE` starts from weights and images that the other side exported. `--check FILE`
also compares the codes, every loss and every gradient; it ends with status 1 when they differ by more than rounding.
"""
import argparse
import json
import sys

import torch
from torch.nn import functional as F

from discriminator_step import Discriminator
from exported import LOSS_TOLERANCE, gradient_gaps, load, named_as_exported, read_safetensors
from perceptual import Perceptual
from serve import add_serving_arguments, add_size_arguments, count, emit, serve, size_of
from vit_vqgan import VitVqgan

# The paper's; also in bench/stage1.ts.
WEIGHTS = {"l2": 1, "logitLaplace": 0.1, "codebook": 1, "commitment": 1, "perceptual": 0.1, "generator": 0.1}

# Relative to the largest element of a tensor. Convolutions round differently, and a value next to 0 then comes out on
# the other side of a rectifier.
GRADIENT_TOLERANCE = {"ae": 1e-4, "full": 1e-3}


class Stage1:
    def __init__(self, args):
        torch.manual_seed(1)
        self.images = torch.rand(args.batch, 3, args.image_size, args.image_size)
        self.model = VitVqgan(args)
        self.full = args.losses == "full"
        if self.full:
            self.discriminator = Discriminator(args.image_size, args.discriminator_scale)
            self.perceptual = Perceptual(args.vgg_scale)

    @property
    def trained(self):
        return [self.model, self.discriminator] if self.full else [self.model]

    def named_parameters(self):
        """Parameters that are trained, by the exporting side's names."""
        discriminator = named_as_exported(self.discriminator, "discriminator/") if self.full else []
        return {**dict(named_as_exported(self.model, "model/")), **dict(discriminator)}

    def load(self, tensors):
        frozen = named_as_exported(self.perceptual, "perceptual/") if self.full else []
        load({**self.named_parameters(), **dict(frozen)}, tensors)
        self.images = tensors["images"].permute(0, 3, 1, 2).contiguous()

    def gradients(self):
        """All losses, and the codes."""
        for network in self.trained:
            network.zero_grad(set_to_none=True)
        made, codes, losses = self.model(self.images)
        if self.full:
            self.discriminator.requires_grad_(False)
            losses["perceptual"] = self.perceptual(self.images, made)
            losses["generator"] = F.softplus(-self.judge(made)).mean()
        losses["loss"] = sum(WEIGHTS[name] * loss for name, loss in losses.items())
        losses["loss"].backward()
        if self.full:
            self.discriminator.requires_grad_(True)
            losses["discriminator"] = self.discriminator_loss(made.detach())
            losses["discriminator"].backward()
        return losses, codes

    def discriminator_loss(self, made):
        return (F.softplus(-self.judge(self.images)).mean() + F.softplus(self.judge(made)).mean()) / 2

    def judge(self, images):
        return self.discriminator(2 * images - 1)


def check(training, path, tolerance):
    tensors, metadata = read_safetensors(path)
    training.load(tensors)
    losses, codes = training.gradients()
    want = json.loads(metadata["losses"])
    if set(want) != set(losses):
        raise ValueError(f"losses of one side only: {sorted(set(want) ^ set(losses))}")
    loss_gaps = {name: abs(losses[name].item() - value) / abs(value) for name, value in want.items()}
    gaps = gradient_gaps(training.named_parameters(), tensors)
    worst_loss, worst = max(loss_gaps, key=loss_gaps.get), max(gaps, key=gaps.get)
    unequal = (codes != tensors["codes"]).sum().item()
    passed = unequal == 0 and loss_gaps[worst_loss] <= LOSS_TOLERANCE and gaps[worst] <= tolerance
    emit(event="check", passed=passed, codes=codes.numel(), unequalCodes=unequal, losses=want,
         worstLoss=worst_loss, worstLossGap=loss_gaps[worst_loss],
         worstGradient=worst, worstGradientGap=gaps[worst], gradientTolerance=tolerance, gradients=len(gaps))
    return passed


SIZES = {"image_size": 256, "patch_size": 8, "dim": 512, "depth": 8, "heads": 8, "codebook_size": 8192, "code_dim": 32,
         "batch": 1,
         "discriminator_scale": 1.0, "vgg_scale": 1.0}


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times a step of ViT-VQGAN's stage 1 in PyTorch.")
    parser.add_argument("--losses", choices=["ae", "full"], default="ae")
    add_size_arguments(parser, SIZES)
    add_serving_arguments(parser)
    parser.add_argument("--weights", metavar="FILE")
    parser.add_argument("--check", metavar="FILE")
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    training = Stage1(args)
    if args.check:
        sys.exit(0 if check(training, args.check, GRADIENT_TOLERANCE[args.losses]) else 1)
    if args.weights:
        training.load(read_safetensors(args.weights)[0])
    serve(lambda: training.gradients()[0]["loss"].item(), args, size=size_of(args, SIZES), parameters=count(*training.trained))


if __name__ == "__main__":
    main()
