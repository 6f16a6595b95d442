"""What the PyTorch sides share: the JSON lines of bench/serve.ts, and what this side says of itself."""
import json
import os
import resource
import sys
import time

import torch


def add_serving_arguments(parser, warmup=3, steps=5):
    for name, default in [("threads", os.cpu_count()), ("warmup", warmup), ("steps", steps)]:
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--serve", action="store_true")


def serve(step, args, **ready):
    """Warms up, then times groups of steps; `step` runs one and returns its loss, `ready` goes into the first line."""
    def timed_step():
        started = time.perf_counter()
        loss = step()
        return {"loss": loss, "seconds": time.perf_counter() - started}

    for _ in range(args.warmup):
        timed_step()
    emit(event="ready", side="pytorch", threads=torch.get_num_threads(), versions=versions(), **ready)
    for command in sys.stdin if args.serve else ["go"]:
        if command.strip() != "go":
            break
        before = time.process_time()
        for _ in range(args.steps):
            emit(event="step", **timed_step())
        emit(event="done", processorSeconds=time.process_time() - before)
    emit(event="end", peakMemoryBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def add_size_arguments(parser, sizes):
    """`{"grid_side": 32}` as `--grid-side 32`, whole numbers or others as their defaults are."""
    for name, default in sizes.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)


def size_of(args, sizes):
    """The values of `sizes` under the names that the other side gives them: `gridSide`."""
    def camel(name):
        first, *rest = name.split("_")
        return first + "".join(map(str.capitalize, rest))

    return {camel(name): getattr(args, name) for name in sizes}


def emit(**line):
    print(json.dumps(line), flush=True)


def count(*models):
    return sum(p.numel() for model in models for p in model.parameters())


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
