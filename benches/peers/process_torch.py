"""A whole process in PyTorch: IDX files to a trained model, one epoch of the P3 network. Usage: FOLDER [--tuned]

As fast as plain PyTorch gets: the pixels stay bytes, and each batch is cut out and turned into numbers by two calls.
"""

import sys

import numpy as np
import torch
from torch import nn

folder, tuned = sys.argv[1], "--tuned" in sys.argv
torch.set_num_threads(2)
torch.manual_seed(0)
raw = np.fromfile(f"{folder}/train-images-idx3-ubyte", np.uint8)[16:]
images = torch.from_numpy(raw).view(-1, 1, 28, 28)
labels = torch.from_numpy(np.fromfile(f"{folder}/train-labels-idx1-ubyte", np.uint8)[8:]).long()
net = nn.Sequential(
    nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
)
if tuned:
    net = net.to(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(net.parameters(), 1e-3, **({"fused": True} if tuned else {}))
for chosen in torch.randperm(len(images)).split(128):
    x = images[chosen].float() / 255
    if tuned:
        x = x.contiguous(memory_format=torch.channels_last)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(x), labels[chosen])
    loss.backward()
    optimizer.step()
    loss.item()
torch.save(net.state_dict(), f"{folder}/model.pt")
