"""Times the same train step in PyTorch: the other side of bench/trainStep.ts.

    /usr/bin/python3 bench/pytorch/train_step.py [--tokens 1024] [--dim 512] [--depth 8] [--heads 8] [--batch 1]
        [--threads 2] [--update none|adamw] [--warmup 3] [--steps 5] [--serve | --check FILE]

Prints the same JSON lines. `--check FILE` loads weights and data that the other side exported and compares losses and
every gradient; it ends with status 1 when they differ by more than rounding.
"""
import argparse
import json
import math
import sys

import torch

from exported import LOSS_TOLERANCE, gradient_gaps, load, named_as_exported, read_safetensors
from serve import add_serving_arguments, count, emit, serve
from transformer import Stack

# Also in bench/trainStep.ts.
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.96), "eps": 1e-8}
WEIGHT_DECAY = 4.5e-2

GRADIENT_TOLERANCE = 1e-4  # relative to the largest element of a tensor


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


def serve_steps(training, args):
    def step():
        loss = training.gradients()
        if args.update == "adamw":
            training.optimizer.step()
        return loss

    serve(step, args, size=size_of(args), parameters=count(training.model))


def check(training, path):
    """Compares gradients before the first update, and the loss before and after each update."""
    tensors, metadata = read_safetensors(path)
    parameters = {**dict(named_as_exported(training.model)), "tokens": training.tokens}
    load({**parameters, "target": training.target}, tensors)
    want = json.loads(metadata["losses"])
    losses = [training.gradients()]
    gaps = gradient_gaps(parameters, tensors)
    norms = [norm(p.grad for p in parameters.values()), norm(tensors["gradient/" + name] for name in parameters)]
    for _ in want[1:]:
        training.optimizer.step()
        losses.append(training.gradients())
    worst = max(gaps, key=gaps.get)
    loss_gap = max(abs(a - b) / abs(b) for a, b in zip(losses, want))
    passed = loss_gap <= LOSS_TOLERANCE and gaps[worst] <= GRADIENT_TOLERANCE
    emit(event="check", passed=passed, losses=losses, wantLosses=want, lossGap=loss_gap,
         gradientNorm=norms[0], wantGradientNorm=norms[1],
         worstGradient=worst, worstGradientGap=gaps[worst], gradients=len(gaps))
    return passed


def norm(tensors):
    return math.sqrt(sum(tensor.double().square().sum().item() for tensor in tensors))


def size_of(args):
    return {"dim": args.dim, "mlpDim": 4 * args.dim, "depth": args.depth, "heads": args.heads,
            "tokens": args.tokens, "batch": args.batch}


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times a Transformer train step in PyTorch.")
    for name, default in [("tokens", 1024), ("dim", 512), ("depth", 8), ("heads", 8), ("batch", 1)]:
        parser.add_argument("--" + name, type=int, default=default)
    add_serving_arguments(parser)
    parser.add_argument("--update", choices=["none", "adamw"], default="none")
    parser.add_argument("--check", metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.check:
        sys.exit(0 if check(Training(arguments), arguments.check) else 1)
    serve_steps(Training(arguments), arguments)
