#!/usr/bin/env python3
"""The experiments `mlp-300` and `cnn-deep` in PyTorch: same split, layers, optimizer, schedule and epochs.

    python benches/peers/digits.py MNIST_FOLDER [--epochs N] [--seed S] [mlp-300] [cnn-deep]

Prints a line of JSON for each: validation accuracy of the best epoch, its test accuracy, seconds of the training.
"""

import argparse
import gzip
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn


def idx(folder, stem, axes):
    path = next(p for p in (folder / f"{stem}-idx{axes}-ubyte", folder / f"{stem}-idx{axes}-ubyte.gz") if p.exists())
    raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    sizes = np.frombuffer(raw, ">u4", axes, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(sizes)


def load(folder, standard):
    pixels = [torch.tensor(idx(folder, f"{part}-images", 3) / 255.0, dtype=torch.float32)[:, None] for part in ("train", "t10k")]
    labels = [torch.tensor(idx(folder, f"{part}-labels", 1).astype(np.int64)) for part in ("train", "t10k")]
    train, val, test = pixels[0][:50000], pixels[0][50000:], pixels[1]
    if standard:
        mean, std = train.mean(), train.std(unbiased=False)
        train, val, test = [(x - mean) / std for x in (train, val, test)]
    return (train, labels[0][:50000]), (val, labels[0][50000:]), (test, labels[1])


def glorot(model, conv):
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.Conv2d) and conv:
            nn.init.xavier_uniform_(module.weight)
        else:
            continue
        nn.init.zeros_(module.bias)
    return model


def mlp_300():
    return glorot(nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10)), False)


def cnn_deep():
    layers, channels = [], 1
    for filters in (32, 64, 128):
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = filters
    layers += [nn.Flatten(), nn.Dropout(0.3), nn.Linear(1152, 25), nn.ReLU(), nn.Dropout(0.3), nn.Linear(25, 10)]
    return glorot(nn.Sequential(*layers), True)


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        correct = sum((model(x[i : i + 1000]).argmax(1) == y[i : i + 1000]).sum().item() for i in range(0, len(x), 1000))
    return correct / len(x)


def cosine(base, epoch, epochs, warmup):
    if epoch <= warmup:
        return base * epoch / (warmup + 1)
    return base * (1 + math.cos(math.pi * (epoch - warmup - 1) / (epochs - warmup))) / 2


def train(name, folder, epochs, seed):
    torch.manual_seed(seed)
    mlp = name == "mlp-300"
    (x, y), val, test = load(folder, standard=not mlp)
    model = mlp_300() if mlp else cnn_deep()
    optimizer = (
        torch.optim.RMSprop(model.parameters(), lr=2e-3, alpha=0.9, eps=1e-7)
        if mlp
        else torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    )
    base, batch, warmup = (2e-3, 128, 0) if mlp else (0.05, 256, 1)
    best = (0.0, None, 0)
    start = time.perf_counter()
    for epoch in range(1, epochs + 1):
        optimizer.param_groups[0]["lr"] = cosine(base, epoch, epochs, warmup)
        model.train()
        for part in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            optimizer.step()
        now = accuracy(model, *val)
        if now > best[0]:
            best = (now, {k: v.clone() for k, v in model.state_dict().items()}, epoch)
    seconds = time.perf_counter() - start
    model.load_state_dict(best[1])
    return {"name": name, "seed": seed, "epochs": epochs, "best_epoch": best[2], "val": best[0], "test": accuracy(model, *test), "seconds": round(seconds, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=["mlp-300", "cnn-deep"])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_intermixed_args()
    for name in args.names:
        epochs = args.epochs or {"mlp-300": 5, "cnn-deep": 40}[name]
        print(json.dumps(train(name, args.folder, epochs, args.seed)), flush=True)


if __name__ == "__main__":
    main()
