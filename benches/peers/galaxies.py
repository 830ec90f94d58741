"""The Figure-1 network trained by PyTorch on the splits of a Gradus run, with the same augmentation, epochs and rule.

    python benches/peers/galaxies.py RUN --data FOLDER [--seeds 3]

RUN is a finished `gradus pipeline` run on FOLDER: its `tables/splits.csv` says which image is in which split, its
`config.toml` the sizes and settings, its `metrics.json` what Gradus reached. The best validation epoch is tested.
Prints one JSON line a seed.
"""

import argparse
import csv
import json
import pathlib
import time
import tomllib

import numpy as np
import torch
from PIL import Image
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("run", type=pathlib.Path)
parser.add_argument("--data", type=pathlib.Path, required=True)
parser.add_argument("--seeds", type=int, nargs="+", default=[0])
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)

config = tomllib.loads((args.run / "config.toml").read_text())
cnn, size = config["cnn"], config["data"]["size"]
rows = list(csv.DictReader((args.run / "tables/splits.csv").open()))
classes = sorted({row["class"] for row in rows})


def load(split):
    chosen = [row for row in rows if row["split"] == split]
    images = [np.asarray(Image.open(args.data / row["file"]).convert("L").resize((size, size))) for row in chosen]
    pixels = torch.tensor(np.stack(images), dtype=torch.float32)[:, None] / 255
    return pixels, torch.tensor([classes.index(row["class"]) for row in chosen])


(x_train, y_train), (x_val, y_val), (x_test, y_test) = map(load, ("train", "val", "test"))
mean, std = x_train.mean(), x_train.std(unbiased=False)
x_train, x_val, x_test = ((x - mean) / std for x in (x_train, x_val, x_test))


def augment(batch, generator):
    out = torch.empty_like(batch)
    turns = torch.randint(0, 4, (len(batch),), generator=generator)
    flips = torch.randint(0, 2, (len(batch), 2), generator=generator)
    for i, image in enumerate(batch):
        if cnn["quarter_turns"]:
            image = torch.rot90(image, int(turns[i]), (1, 2))
        if cnn["flips"]:
            image = image.flip(1) if flips[i, 0] else image
            image = image.flip(2) if flips[i, 1] else image
        out[i] = image
    return out


def evaluate(net, x, y):
    net.eval()
    with torch.no_grad():
        logits = torch.cat([net(part) for part in x.split(64)])
    loss = nn.functional.cross_entropy(logits, y).item()
    return loss, (logits.argmax(1) == y).float().mean().item()


for seed in args.seeds:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    layers, channels = [], 1
    for width in cnn["widths"]:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    side = size >> len(cnn["widths"])
    head = [nn.Flatten(), nn.Linear(channels * side * side, cnn["hidden"]), nn.ReLU()]
    net = nn.Sequential(*layers, *head, nn.Linear(cnn["hidden"], len(classes)))
    optimizer = torch.optim.Adam(net.parameters(), cnn["lr"])
    best, stale, start = (float("inf"), 0, None), 0, time.perf_counter()
    for epoch in range(1, cnn["epochs"] + 1):
        net.train()
        for chosen in torch.randperm(len(x_train), generator=generator).split(cnn["batch"]):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(augment(x_train[chosen], generator)), y_train[chosen])
            loss.backward()
            optimizer.step()
        val_loss, _ = evaluate(net, x_val, y_val)
        if val_loss < best[0]:
            best, stale = (val_loss, epoch, {k: v.clone() for k, v in net.state_dict().items()}), 0
        else:
            stale += 1
            if stale >= cnn["patience"]:
                break
    seconds = time.perf_counter() - start
    net.load_state_dict(best[2])
    print(json.dumps({
        "seed": seed,
        "test_accuracy": evaluate(net, x_test, y_test)[1],
        "val_accuracy": evaluate(net, x_val, y_val)[1],
        "best_epoch": best[1],
        "epochs": epoch,
        "seconds": round(seconds, 1),
        "torch": torch.__version__,
    }), flush=True)
ours = json.loads((args.run / "metrics.json").read_text())["cnn"]
print(json.dumps({"gradus": {key: ours[key] for key in ("test_accuracy", "val_accuracy", "best_epoch")}}))
