"""Weights, data and gradients that the other side exported, beside the tensors of this side."""
import json
import re
import struct

import torch

LOSS_TOLERANCE = 1e-4  # relative

TYPES = {"F32": torch.float32, "I32": torch.int32}


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
        data = bytearray(max(entry["data_offsets"][1] for entry in header.values()))
        file.readinto(data)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] not in TYPES:
            raise ValueError(f"{path}: {name} is {entry['dtype']}, want {' or '.join(TYPES)}")
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=TYPES[entry["dtype"]], offset=begin, count=(end - begin) // 4)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors, metadata


def named_as_exported(model, prefix=""):
    """Parameters by the exporting side's names."""
    for name, tensor in model.named_parameters():
        path = re.sub(r"_(\w)", lambda letter: letter[1].upper(), name).replace(".", "/")
        path = re.sub(r"(blocks/\d+)/(up|down)/", r"\1/mlp/\2/", path)
        if path.endswith("/weight"):
            path = path[: -len("weight")] + ("kernel" if tensor.dim() > 1 else "gain")
        yield prefix + path, tensor


def load(parameters, tensors):
    """Copies exported tensors into parameters of the same names."""
    with torch.no_grad():
        for name, tensor in parameters.items():
            view = ordered_as_exported(name, tensor)
            view.copy_(tensors[name].reshape(view.shape))


def gradient_gaps(parameters, tensors):
    """The largest difference of each gradient from the exported one, relative to that one's largest element."""
    wanted = {name[len("gradient/"):] for name in tensors if name.startswith("gradient/")}
    if wanted != set(parameters):
        raise ValueError(f"gradients of one side only: {sorted(wanted ^ set(parameters))}")
    gaps = {}
    for name, tensor in parameters.items():
        got = ordered_as_exported(name, tensor.grad)
        want = tensors["gradient/" + name].reshape(got.shape)
        gaps[name] = ((got - want).abs().max() / want.abs().max()).item()
    return gaps


def ordered_as_exported(name, tensor):
    """PyTorch's weights are [to, from] and [to, from, height, width], exported kernels [from, to] and [height, width,
    from, to]; a convolution that cuts patches is exported as the matrix of the flattened patches."""
    if not name.endswith("/kernel"):
        return tensor
    return tensor.T if tensor.dim() == 2 else tensor.permute(2, 3, 1, 0)
