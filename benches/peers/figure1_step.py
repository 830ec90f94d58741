"""One training step of the Figure-1 network in PyTorch, as a user writes it: the peer of benches/figure1_step.rs.

Prints one JSON line with the median and the least time of a step in milliseconds. `--channels-last` also sets the
memory format that suits the CPU best.
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=40)
parser.add_argument("--warmup", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--channels-last", action="store_true")
args = parser.parse_args()

torch.set_num_threads(args.threads)
torch.manual_seed(0)
layers, channels = [], 1
for width in (16, 32, 64, 128):
    layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    channels = width
net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8192, 128), nn.ReLU(), nn.Linear(128, 3))
if args.channels_last:
    net = net.to(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(net.parameters(), 1e-3)
images, labels = torch.randn(640, 1, 128, 128), torch.randint(0, 3, (640,))

times = []
for step in range(args.warmup + args.steps):
    start = time.perf_counter()
    chosen = torch.randint(0, len(images), (32,))
    batch = images[chosen]
    if args.channels_last:
        batch = batch.contiguous(memory_format=torch.channels_last)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(batch), labels[chosen])
    loss.backward()
    optimizer.step()
    loss.item()
    if step >= args.warmup:
        times.append(1e3 * (time.perf_counter() - start))
print(json.dumps({"median_ms": statistics.median(times), "min_ms": min(times), "torch": torch.__version__}))
