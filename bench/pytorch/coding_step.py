"""Times the same encoding or decoding in PyTorch: the other side of bench/codingStep.ts.

    /usr/bin/python3 bench/pytorch/coding_step.py [--coding encode|decode] [--image-size 256] [--patch-size 8] [--dim 512]
        [--depth 8] [--heads 8] [--codebook-size 8192] [--code-dim 32] [--batch 1] [--threads 2] [--warmup 3] [--steps 5]
        [--weights FILE] [--serve | --check FILE]

Prints the same JSON lines. `--weights FILE` starts from weights, images and codes that the other side exported. `--check
FILE` also compares codes, or images; it ends with status 1 when they differ by more than rounding.
"""
import argparse
import sys

import torch
from torch.nn import functional as F

from exported import load, named_as_exported, read_safetensors
from serve import add_serving_arguments, add_size_arguments, count, emit, serve, size_of
from vit_vqgan import CHANNELS, EPSILON, VitVqgan

TOLERANCE = 1e-4  # of pixels, which lie in [0, 1]

SIZES = {"image_size": 256, "patch_size": 8, "dim": 512, "depth": 8, "heads": 8, "codebook_size": 8192, "code_dim": 32,
         "batch": 1}


class Coding:
    def __init__(self, args):
        torch.manual_seed(1)
        self.encodes = args.coding == "encode"
        self.model = VitVqgan(args).eval()
        self.images = torch.rand(args.batch, CHANNELS, args.image_size, args.image_size)
        self.codes = torch.randint(args.codebook_size, (args.batch, (args.image_size // args.patch_size) ** 2))
        self.part = self.model.encoder if self.encodes else self.model.decoder
        self.normalise_codebook()

    def normalise_codebook(self):
        """Once: at inference the codewords do not change."""
        self.codebook = F.normalize(self.model.quantizer.codebook.detach(), dim=-1)

    def load(self, tensors):
        load(dict(named_as_exported(self.model)), tensors)
        if self.encodes:
            self.images = tensors["images"].permute(0, 3, 1, 2).contiguous()
        else:
            self.codes = tensors["codes"].long()
        self.normalise_codebook()

    @torch.no_grad()
    def run(self):
        if self.encodes:
            return (F.normalize(self.model.encoder(self.images), dim=-1) @ self.codebook.T).argmax(-1)
        mean, _ = self.model.decoder(F.embedding(self.codes, self.codebook))
        return ((torch.sigmoid(mean) - EPSILON) / (1 - 2 * EPSILON)).clamp(0, 1)

    def step(self):
        return self.run().flatten()[0].item()


def check(coding, path):
    tensors, _ = read_safetensors(path)
    coding.load(tensors)
    got = coding.run()
    if coding.encodes:
        unequal = (got != tensors["results"].view(got.shape)).sum().item()
        emit(event="check", passed=unequal == 0, codes=got.numel(), unequalCodes=unequal)
        return unequal == 0
    gap = (got.permute(0, 2, 3, 1) - tensors["results"]).abs().max().item()
    emit(event="check", passed=gap <= TOLERANCE, pixelGap=gap, tolerance=TOLERANCE)
    return gap <= TOLERANCE


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times encoding or decoding of ViT-VQGAN in PyTorch.")
    parser.add_argument("--coding", choices=["encode", "decode"], default="encode")
    add_size_arguments(parser, SIZES)
    add_serving_arguments(parser)
    parser.add_argument("--weights", metavar="FILE")
    parser.add_argument("--check", metavar="FILE")
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    coding = Coding(args)
    if args.check is not None:
        sys.exit(0 if check(coding, args.check) else 1)
    if args.weights is not None:
        coding.load(read_safetensors(args.weights)[0])
    serve(coding.step, args, size=size_of(args, SIZES), coding=args.coding, parameters=count(coding.part))


if __name__ == "__main__":
    main()
