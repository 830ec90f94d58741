"""Lays PyTorch's losses beside ours: same weights, batches and dropout masks. Usage: FOLDER that
`gradus bench --curves FOLDER` wrote. Prints the table of benches/README.md.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

HEADS = {
    "P1": ["fc1", "relu", "out"],
    "P2": ["drop1", "fc1", "drop2", "out"],
    "P3": ["drop1", "out"],
    "P7": ["fc1", "relu", "out"],
}
OPTIMIZERS = {
    "P1": lambda p: torch.optim.Adam(p, 1e-3),
    "P2": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
    "P3": lambda p: torch.optim.Adam(p, 1e-3),
    "P7": lambda p: torch.optim.RMSprop(p, 1e-3),
}


def read(path):
    """The tensors of a safetensors file: the header's length, the header in JSON, the numbers."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            array = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
            tensors[name] = torch.from_numpy(array.copy())
    return tensors


def forward(net, p, x, masks):
    block = 1
    while f"block{block}.conv.weight" in p:
        w, b = p[f"block{block}.conv.weight"], p[f"block{block}.conv.bias"]
        x = F.max_pool2d(F.relu(F.conv2d(x, w, b, padding=0 if net == "P3" else 1)), 2)
        block += 1
    x = x.flatten(1)
    for layer in HEADS[net]:
        if layer == "relu":
            x = F.relu(x)
        elif layer.startswith("drop"):
            x = x * masks[layer]
        else:
            x = F.linear(x, p[f"{layer}.weight"], p[f"{layer}.bias"])
    return x


def train(net, tensors, dtype):
    """PyTorch's losses, computed in this precision."""
    tensors = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    p = {k.removeprefix("weight/"): v.clone().requires_grad_() for k, v in tensors.items() if k.startswith("weight/")}
    masks = {k.removeprefix("mask/"): v for k, v in tensors.items() if k.startswith("mask/")}
    inputs, labels, order = tensors["inputs"], tensors["labels"].long(), tensors["order"].long()
    optimizer, losses = OPTIMIZERS[net](p.values()), []
    for step, chosen in enumerate(order):
        optimizer.zero_grad()
        out = forward(net, p, inputs[chosen], {k: v[step] for k, v in masks.items()})
        loss = F.cross_entropy(out, labels[chosen])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def worst(a, b):
    return f"{np.max(np.abs(a - b) / b):.0e}"


head = ["workload", "loss 1", "loss 50: ours", "PyTorch's", "in f64"]
head += ["ours - PyTorch, steps 1-10", "1-50", "ours - f64, 1-10", "1-50", "PyTorch - f64, 1-10", "1-50"]
print("| " + " | ".join(head) + " |\n" + "| --- " * len(head) + "|")
for path in sorted(Path(sys.argv[1]).glob("P*.safetensors")):
    net, tensors = path.stem, read(path)
    ours = tensors["losses"].double().numpy()
    single, double = (train(net, tensors, dtype) for dtype in (torch.float32, torch.float64))
    cells = [net, f"{ours[0]:.6f}", *(f"{losses[-1]:.6f}" for losses in (ours, single, double))]
    for a, b in ((ours, single), (ours, double), (single, double)):
        cells += [worst(a[:10], b[:10]), worst(a, b)]
    print("| " + " | ".join(cells) + " |")
