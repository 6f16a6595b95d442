"""Times the same step of stage 2 in PyTorch: the other side of bench/vimStep.ts.

    /usr/bin/python3 bench/pytorch/vim_step.py [--dim 768] [--depth 12] [--heads 12] [--vocabulary 8192]
        [--grid-side 32] [--batch 1] [--dropout 0] [--threads 2] [--warmup 3] [--steps 5] [--weights FILE]
        [--serve | --check FILE]

Prints the same JSON lines. `--weights FILE` starts from weights and codes that the other side exported. `--check FILE`
also compares the loss and every gradient; it ends with status 1 when they differ by more than rounding.
"""
import argparse
import json
import sys

import torch
from torch import nn
from torch.nn import functional as F

from exported import LOSS_TOLERANCE, gradient_gaps, load, named_as_exported, read_safetensors
from sampling_step import Positions
from serve import add_serving_arguments, add_size_arguments, count, emit, serve, size_of
from transformer import Block

CLASSES = 1000  # also in bench/vimStep.ts, which adds a row for sequences without a class
GRADIENT_TOLERANCE = 1e-4  # relative to the largest element of a tensor

SIZES = {"dim": 768, "depth": 12, "heads": 12, "vocabulary": 8192, "grid_side": 32, "batch": 1}


class Vim(nn.Module):
    """A decoder-only Transformer: each code predicted from the class and the codes before it."""

    def __init__(self, args):
        super().__init__()
        self.codes = nn.Parameter(0.02 * torch.randn(args.vocabulary, args.dim))
        self.classes = nn.Parameter(0.02 * torch.randn(CLASSES + 1, args.dim))
        self.positions = Positions(args.grid_side, args.dim)
        self.blocks = nn.ModuleList(
            Block(args.dim, args.heads, causal=True, dropout=args.dropout) for _ in range(args.depth))
        self.norm = nn.LayerNorm(args.dim, eps=1e-5)
        self.head = nn.Linear(args.dim, args.vocabulary)

    def forward(self, classes, codes):
        positions = (self.positions.rows[:, None] + self.positions.columns).flatten(0, 1)
        embedded = F.embedding(codes[:, :-1], self.codes) + positions[:-1]
        x = torch.cat([F.embedding(classes, self.classes)[:, None], embedded], 1)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Training:
    def __init__(self, args):
        torch.manual_seed(1)
        self.model = Vim(args)
        self.codes = torch.randint(args.vocabulary, (args.batch, args.grid_side ** 2))
        self.classes = torch.randint(CLASSES, (args.batch,))

    def named_parameters(self):
        return dict(named_as_exported(self.model, "model/"))

    def load(self, tensors):
        load(self.named_parameters(), tensors)
        self.codes, self.classes = tensors["codes"].long(), tensors["classIds"].long()

    def step(self):
        self.model.zero_grad(set_to_none=True)
        logits = self.model(self.classes, self.codes)
        loss = F.cross_entropy(logits.flatten(0, 1), self.codes.flatten())
        loss.backward()
        return loss.item()


def check(training, path):
    tensors, metadata = read_safetensors(path)
    training.load(tensors)
    loss, want = training.step(), json.loads(metadata["losses"])["nll"]
    gaps = gradient_gaps(training.named_parameters(), tensors)
    worst = max(gaps, key=gaps.get)
    loss_gap = abs(loss - want) / abs(want)
    passed = loss_gap <= LOSS_TOLERANCE and gaps[worst] <= GRADIENT_TOLERANCE
    emit(event="check", passed=passed, loss=loss, wantLoss=want, lossGap=loss_gap,
         worstGradient=worst, worstGradientGap=gaps[worst], gradients=len(gaps))
    return passed


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times a train step of a VIM in PyTorch.")
    add_size_arguments(parser, SIZES)
    add_serving_arguments(parser)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--weights", metavar="FILE")
    parser.add_argument("--check", metavar="FILE")
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    training = Training(args)
    if args.check is not None:
        sys.exit(0 if check(training, args.check) else 1)
    if args.weights is not None:
        training.load(read_safetensors(args.weights)[0])
    serve(training.step, args, size=size_of(args, SIZES), parameters=count(training.model))


if __name__ == "__main__":
    main()
