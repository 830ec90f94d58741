"""The trainings of the built-in experiment optimizers-sine in PyTorch: the same network, samples of the same kind, optimizers
and epochs; prints the seconds and the last training loss of each.

    python3 benches/peers/sine_torch.py                    all 28 of them
    python3 benches/peers/sine_torch.py --hidden 25        those of one width
    gradus train optimizers-sine --out runs                ours: seconds and losses stand in the comparison

Batches are drawn by one permutation an epoch and by slices of it, which is PyTorch's fastest way without a loader.
"""

import argparse
import time

import torch
from torch import nn

N = 1600
OPTIMIZERS = {
    "gd": (N, lambda p: torch.optim.SGD(p, 0.05)),
    "momentum": (N, lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
    "adam": (N, lambda p: torch.optim.Adam(p, 1e-3)),
    "lbfgs": (N, lambda p: torch.optim.LBFGS(p, max_iter=1, history_size=10, line_search_fn="strong_wolfe")),
    "sgd-400": (400, lambda p: torch.optim.SGD(p, 0.05)),
    "sgd-40": (40, lambda p: torch.optim.SGD(p, 0.05)),
    "momentum-40": (40, lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
}


def training(name, hidden, epochs, seed):
    torch.manual_seed(seed)
    x = 2 * torch.rand(N, 1) - 1
    y = -torch.sin(0.8 * torch.pi * x)
    y = (y - y.mean()) / y.std(correction=0)
    model = nn.Sequential(
        nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1)
    )
    batch, make = OPTIMIZERS[name]
    optimizer, loss_of = make(model.parameters()), nn.MSELoss()

    def step(x, y):
        def closure():
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            return loss

        return optimizer.step(closure)

    began = time.perf_counter()
    for _ in range(epochs):
        if batch == N:
            step(x, y)
        else:
            order = torch.randperm(N)
            for i in range(0, N, batch):
                chosen = order[i : i + batch]
                step(x[chosen], y[chosen])
    seconds = time.perf_counter() - began
    with torch.no_grad():
        return seconds, loss_of(model(x), y).item()


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--hidden", type=int, nargs="*", default=[10, 25, 50, 100])
parser.add_argument("--epochs", type=int, default=5000)
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)
total = 0.0
for hidden in args.hidden:
    for name in OPTIMIZERS:
        seconds, loss = training(name, hidden, args.epochs, args.seed)
        total += seconds
        print(f"{name}-h{hidden:<4} {seconds:8.2f} s   loss {loss:.3e}", flush=True)
print(f"sum {total:.1f} s")
