"""Makes weights.safetensors: a small PyTorch network's state dict, as the safetensors package writes it; and
batch_norm.safetensors: the same of a network with batch normalization, after three training passes in float64.

    python3 make_safetensors.py        (needs torch and safetensors)

Prints each network's answer to [1, 2, 3, 4], which tests/engine/state.rs expects after loading the file.
"""

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors import __version__
from safetensors.torch import save_file
from torch import nn

from portable import Portable

net = nn.Sequential(OrderedDict(fc1=nn.Linear(4, 3), relu1=nn.ReLU(), out=nn.Linear(3, 2)))
with torch.no_grad():
    for i, param in enumerate(net.parameters()):
        param.copy_(torch.tensor(Portable(i).draw("signed", list(param.shape))))
path = Path(__file__).with_name("weights.safetensors")
save_file(net.state_dict(), path)
print("torch", torch.__version__, "safetensors", __version__)
print(net(torch.tensor([[1.0, 2.0, 3.0, 4.0]])).tolist(), path.stat().st_size, "bytes")

normed = OrderedDict(fc1=nn.Linear(4, 3), norm=nn.BatchNorm1d(3), act=nn.Tanh(), out=nn.Linear(3, 2))
net = nn.Sequential(normed).double()
with torch.no_grad():
    for i, param in enumerate(net.parameters()):
        param.copy_(torch.tensor(Portable(i).draw("signed", list(param.shape))))
    net.train()
    for step in range(3):
        net(torch.tensor(Portable(20 + step).draw("signed", [5, 4])))
net.eval()
path = Path(__file__).with_name("batch_norm.safetensors")
save_file(net.state_dict(), path)
print(net(torch.tensor([[1.0, 2.0, 3.0, 4.0]], dtype=torch.float64)).tolist(), path.stat().st_size, "bytes")
