"""Times the same train step in PyTorch: the other side of bench/trainStep.ts.

    /usr/bin/python3 bench/pytorch/train_step.py [--tokens 1024] [--dim 512] [--depth 8] [--heads 8] [--batch 1]
        [--threads 2] [--update none|adamw] [--warmup 3] [--steps 5] [--serve | --check FILE]

Prints the same JSON lines. `--check FILE` loads weights and data that the other side exported and compares losses and
every gradient; it ends with status 1 when they differ by more than rounding.
"""
import argparse
import json
import math
import os
import resource
import struct
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

# Also in bench/trainStep.ts.
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.96), "eps": 1e-8}
WEIGHT_DECAY = 4.5e-2

LOSS_TOLERANCE = 1e-4  # relative
GRADIENT_TOLERANCE = 1e-4  # relative to the largest element of a tensor


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d)) v for each head; PyTorch 1.13 has no fused attention on CPU."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        width = dim // self.heads
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, width).permute(2, 0, 3, 1, 4).unbind(0)
        # Scaling q costs tokens / width times less than scaling the scores.
        weights = torch.softmax((q * (1 / math.sqrt(width))) @ k.transpose(-2, -1), dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    """Pre-LN Transformer block: h = x + Attention(LN(x)), y = h + MLP(LN(h))."""

    def __init__(self, dim, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-5)
        self.attention = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-5)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(4 * dim, dim)

    def forward(self, x):
        h = x + self.attention(self.norm1(x))
        return h + self.down(F.gelu(self.up(self.norm2(h))))


class Stack(nn.Module):
    def __init__(self, dim, depth, heads):
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-5)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Training:
    def __init__(self, args):
        torch.manual_seed(1)
        shape = (args.batch, args.tokens, args.dim)
        self.model = Stack(args.dim, args.depth, args.heads)
        # As if an embedding came before the stack, its gradient is computed too.
        self.tokens = torch.randn(shape, requires_grad=True)
        self.target = torch.randn(shape)
        self.optimizer = adamw(self.model)

    def gradients(self):
        self.tokens.grad = None
        self.model.zero_grad(set_to_none=True)
        loss = (self.model(self.tokens) - self.target).square().mean()
        loss.backward()
        return loss.item()


def adamw(model):
    """Weight decay on matrices only."""
    params = list(model.parameters())
    groups = [
        {"params": [p for p in params if p.dim() > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in params if p.dim() == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, **ADAMW)


def serve(training, args):
    def timed_step():
        started = time.perf_counter()
        loss = training.gradients()
        if args.update == "adamw":
            training.optimizer.step()
        return {"loss": loss, "seconds": time.perf_counter() - started}

    for _ in range(args.warmup):
        timed_step()
    emit(event="ready", side="pytorch", size=size_of(args), parameters=count(training.model),
         threads=torch.get_num_threads(), versions=versions())
    for command in sys.stdin if args.serve else ["go"]:
        if command.strip() != "go":
            break
        before = time.process_time()
        for _ in range(args.steps):
            emit(event="step", **timed_step())
        emit(event="done", processorSeconds=time.process_time() - before)
    emit(event="end", peakMemoryBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def check(training, path):
    """Compares gradients before the first update, and the loss before and after each update."""
    tensors, metadata = read_safetensors(path)
    parameters = dict(named_as_exported(training.model))
    with torch.no_grad():
        for name, (tensor, transposed) in parameters.items():
            tensor.copy_(tensors[name].T if transposed else tensors[name])
        training.tokens.copy_(tensors["tokens"])
        training.target.copy_(tensors["target"])
    want = json.loads(metadata["losses"])
    losses = [training.gradients()]
    gaps, squares = {}, [0.0, 0.0]
    for name, (tensor, transposed) in {**parameters, "tokens": (training.tokens, False)}.items():
        got = tensor.grad.T if transposed else tensor.grad
        wanted = tensors["gradient/" + name]
        gaps[name] = ((got - wanted).abs().max() / wanted.abs().max()).item()
        squares[0] += got.double().square().sum().item()
        squares[1] += wanted.double().square().sum().item()
    for _ in want[1:]:
        training.optimizer.step()
        losses.append(training.gradients())
    worst = max(gaps, key=gaps.get)
    loss_gap = max(abs(a - b) / abs(b) for a, b in zip(losses, want))
    passed = loss_gap <= LOSS_TOLERANCE and gaps[worst] <= GRADIENT_TOLERANCE
    emit(event="check", passed=passed, losses=losses, wantLosses=want, lossGap=loss_gap,
         gradientNorm=math.sqrt(squares[0]), wantGradientNorm=math.sqrt(squares[1]),
         worstGradient=worst, worstGradientGap=gaps[worst], gradients=len(gaps))
    return passed


def named_as_exported(model):
    """Parameters by the exporting side's names; its kernels are [from, to], PyTorch's weights [to, from]."""
    for name, tensor in model.named_parameters():
        path = name.replace(".", "/").replace("/up/", "/mlp/up/").replace("/down/", "/mlp/down/")
        if path.endswith("/weight"):
            matrix = tensor.dim() == 2
            yield path[: -len("weight")] + ("kernel" if matrix else "gain"), (tensor, matrix)
        else:
            yield path, (tensor, False)


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: {name} is {entry['dtype']}, want F32")
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=torch.float32, offset=begin, count=(end - begin) // 4)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors, metadata


def versions():
    return {"torch": torch.__version__, "python": sys.version.split()[0], "blas": blas(),
            "cpuCapability": capability()}


def blas():
    """Which library multiplies matrices: it decides the speed of this side."""
    if torch.backends.mkl.is_available():
        return "MKL"
    try:
        with open("/proc/self/maps") as maps:
            paths = {os.path.realpath(line.split()[-1]) for line in maps if "/" in line}
    except OSError:
        return "unknown"
    names = sorted(name for name in map(os.path.basename, paths) if "blas" in name or "blis" in name)
    fast = [name for name in names if not name.startswith("libblas")]
    return ", ".join(fast or names) or "unknown"


def capability():
    lines = [line for line in torch.__config__.show().splitlines() if "CPU capability" in line]
    return lines[0].split(":")[-1].strip() if lines else "unknown"


def count(model):
    return sum(p.numel() for p in model.parameters())


def size_of(args):
    return {"dim": args.dim, "mlpDim": 4 * args.dim, "depth": args.depth, "heads": args.heads,
            "tokens": args.tokens, "batch": args.batch}


def emit(**line):
    print(json.dumps(line), flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times a Transformer train step in PyTorch.")
    for name, default in [("tokens", 1024), ("dim", 512), ("depth", 8), ("heads", 8), ("batch", 1),
                          ("threads", os.cpu_count()), ("warmup", 3), ("steps", 5)]:
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--update", choices=["none", "adamw"], default="none")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--check", metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.check:
        sys.exit(0 if check(Training(arguments), arguments.check) else 1)
    serve(Training(arguments), arguments)
