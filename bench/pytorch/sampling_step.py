"""Times the same step of sampling in PyTorch: the other side of bench/samplingStep.ts.

    /usr/bin/python3 bench/pytorch/sampling_step.py [--dim 768] [--depth 12] [--heads 12] [--vocabulary 8192]
        [--grid-side 32] [--batch 8] [--filled 512] [--cache rows|cat] [--threads 2] [--warmup 3] [--steps 5]
        [--weights FILE] [--serve | --check FILE]

Prints the same JSON lines. `--cache rows` writes keys and values of the new position into a cache that has room for all
of them and reads the filled part; `--cache cat` joins them to the cache, as minGPT and its kin do. `--weights FILE` starts
from weights and caches that the other side exported. `--check FILE` also compares logits and the new keys and values; it
ends with status 1 when they differ by more than rounding.
"""
import argparse
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

from exported import load, named_as_exported, read_safetensors
from serve import add_serving_arguments, add_size_arguments, count, emit, serve, size_of
from transformer import Block

TOLERANCE = 1e-4  # relative to the largest element of a tensor

SIZES = {"dim": 768, "depth": 12, "heads": 12, "vocabulary": 8192, "grid_side": 32, "batch": 8, "filled": 512}


class Positions(nn.Module):
    def __init__(self, side, dim):
        super().__init__()
        self.rows = nn.Parameter(0.02 * torch.randn(side, dim))
        self.columns = nn.Parameter(0.02 * torch.randn(side, dim))


class Vim(nn.Module):
    """One further position of a decoder-only Transformer over codes, with its keys and values so far at hand."""

    def __init__(self, args):
        super().__init__()
        self.side = args.grid_side
        self.codes = nn.Parameter(0.02 * torch.randn(args.vocabulary, args.dim))
        self.positions = Positions(args.grid_side, args.dim)
        self.blocks = nn.ModuleList(Block(args.dim, args.heads) for _ in range(args.depth))
        self.norm = nn.LayerNorm(args.dim, eps=1e-5)
        self.head = nn.Linear(args.dim, args.vocabulary)

    def forward(self, code, position, caches):
        row, column = divmod(position, self.side)
        x = self.codes[code] + self.positions.rows[row] + self.positions.columns[column]
        for block, cache in zip(self.blocks, caches):
            attention = block.attention
            q, k, v = attention.qkv(block.norm1(x)).view(x.shape[0], 3, attention.heads, 1, -1).unbind(1)
            keys, values = cache.with_new(k, v)
            weights = torch.softmax((q * (1 / math.sqrt(q.shape[-1]))) @ keys.transpose(-2, -1), dim=-1)
            x = x + attention.out((weights @ values).reshape(x.shape))
            x = x + block.down(F.gelu(block.up(block.norm2(x))))
        return self.head(self.norm(x))


class Rows:
    """Keys and values [B, heads, T, d], filled up to a position; the new ones are written behind it."""

    def __init__(self, k, v, room):
        self.filled = k.shape[2]
        self.k, self.v = (F.pad(old, (0, 0, 0, room - self.filled)).contiguous() for old in (k, v))

    def with_new(self, k, v):
        end = self.filled + 1
        self.k[:, :, self.filled:end] = k
        self.v[:, :, self.filled:end] = v
        return self.k[:, :, :end], self.v[:, :, :end]


class Cat:
    """Keys and values [B, heads, t, d]; the new ones are joined to a copy."""

    def __init__(self, k, v, room):
        self.k, self.v = k.contiguous(), v.contiguous()

    def with_new(self, k, v):
        return torch.cat([self.k, k], 2), torch.cat([self.v, v], 2)


class Sampling:
    def __init__(self, args):
        torch.manual_seed(1)
        self.args = args
        self.model = Vim(args)
        self.code = torch.randint(args.vocabulary, (args.batch,))
        shape = (args.batch, args.heads, args.filled, args.dim // args.heads)
        self.fill([(torch.randn(shape), torch.randn(shape)) for _ in range(args.depth)])

    def fill(self, past):
        kind = {"rows": Rows, "cat": Cat}[self.args.cache]
        self.caches = [kind(k, v, self.args.grid_side ** 2) for k, v in past]

    def load(self, tensors):
        load(dict(named_as_exported(self.model)), tensors)
        self.code = tensors["code"].long()
        self.fill([[tensors[f"{name}{i}"] for name in "kv"] for i in range(self.args.depth)])

    @torch.no_grad()
    def logits(self):
        return self.model(self.code, self.args.filled - 1, self.caches)

    @torch.no_grad()
    def step(self):
        drawn = torch.multinomial(torch.softmax(self.logits(), dim=-1), 1)
        return drawn[0].item()


def check(sampling, path):
    tensors, _ = read_safetensors(path)
    sampling.load(tensors)
    gap = ((sampling.logits() - tensors["logits"]).abs().max() / tensors["logits"].abs().max()).item()
    emit(event="check", passed=gap <= TOLERANCE, logitsGap=gap, tolerance=TOLERANCE)
    return gap <= TOLERANCE


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times a step of sampling from a VIM in PyTorch.")
    add_size_arguments(parser, SIZES)
    parser.add_argument("--cache", choices=["rows", "cat"], default="rows")
    add_serving_arguments(parser)
    parser.add_argument("--weights", metavar="FILE")
    parser.add_argument("--check", metavar="FILE")
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    sampling = Sampling(args)
    if args.check is not None:
        sys.exit(0 if check(sampling, args.check) else 1)
    if args.weights is not None:
        sampling.load(read_safetensors(args.weights)[0])
    serve(sampling.step, args, size=size_of(args, SIZES), cache=args.cache, parameters=count(sampling.model))


if __name__ == "__main__":
    main()
