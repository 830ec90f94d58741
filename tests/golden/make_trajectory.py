"""Makes trajectory.json: ten Adam steps of the Figure-1 network on 32x32 images, by PyTorch in float64 and float32.

    python3 make_trajectory.py

Weights, images and labels come from portable.py (see `weights` and `batch`). Stored of the float64 run: the losses,
the first step's logits and gradients, and the last weights (digests). Stored of the float32 run: how far it strays
from the float64 run, as the measure of what float32 may do.
"""

import json
import math
from pathlib import Path

import torch
from torch import nn

from portable import Portable, digest

WIDTHS, HIDDEN, CLASSES, SIZE, BATCH, STEPS = [16, 32, 64, 128], 128, 3, 32, 8, 10


def network():
    layers, channels, size = [], 1, SIZE
    for width in WIDTHS:
        layers += [nn.Conv2d(channels, width, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
        channels, size = width, size // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * size * size, HIDDEN), nn.ReLU(),
                         nn.Linear(HIDDEN, CLASSES))


def names():
    layers = [f"block{i + 1}.conv" for i in range(len(WIDTHS))] + ["fc1", "out"]
    return [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]


def set_weights(model):
    """Parameter i: "signed" of seed 100 + i times a power of two near 1 / (2 sqrt(fan_in)), its bias's too."""
    params = list(model.parameters())
    with torch.no_grad():
        for i, param in enumerate(params):
            fan_in = math.prod(params[i - i % 2].shape[1:])
            scale = 2.0 ** -math.floor(math.log2(2 * math.sqrt(fan_in)))
            param.copy_(torch.tensor(Portable(100 + i).draw("signed", list(param.shape)) * scale))


def batch(step):
    """Two batches in turn; sample n has the label n % 3, and its left n % 3 eighths are brighter by 1."""
    x = torch.tensor(Portable(50 + step % 2).draw("signed", [BATCH, 1, SIZE, SIZE]))
    y = torch.arange(BATCH) % CLASSES
    for n in range(BATCH):
        x[n, :, :, : int(y[n]) * SIZE // 8] += 1.0
    return x, y


def run(dtype):
    model = network().to(dtype)
    set_weights(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses, logits, gradients = [], None, None
    for step in range(STEPS):
        x, y = batch(step)
        out = model(x.to(dtype))
        loss = nn.functional.cross_entropy(out, y)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            logits, gradients = out.detach().double(), [p.grad.double().clone() for p in model.parameters()]
        optimizer.step()
        losses.append(loss.item())
    return losses, logits, gradients, [p.detach().double() for p in model.parameters()]


def strays(a, b):
    return float(f"{((a - b).norm() / b.norm()).item():.3g}")


torch.manual_seed(0)
losses, logits, gradients, weights = run(torch.float64)
losses32, logits32, gradients32, weights32 = run(torch.float32)
result = {
    "made_with": {"torch": torch.__version__},
    "losses": losses,
    "logits": logits.reshape(-1).tolist(),
    "names": names(),
    "gradients": [digest(g) for g in gradients],
    "gradient_norms": [g.norm().item() for g in gradients],
    "weights": [digest(w) for w in weights],
    "float32": {
        "losses": [abs(a - b) for a, b in zip(losses32, losses)],
        "logits": strays(logits32, logits),
        "gradients": [strays(a, b) for a, b in zip(gradients32, gradients)],
        "weights": [strays(a, b) for a, b in zip(weights32, weights)],
    },
}
path = Path(__file__).with_name("trajectory.json")
path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in result.items()) + "\n}\n")
print(path.stat().st_size, "bytes")
