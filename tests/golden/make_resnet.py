"""Makes resnet18.txt and resnet.json: residual networks by PyTorch.

    python3 make_resnet.py

resnet18.txt has the names and shapes of the parameters and buffers of torchvision's `resnet18` (its module tree is written
out below, so torchvision itself is not needed; `num_batches_tracked` is omitted).

resnet.json has two small networks, float64: with shortcuts by projection and by zeros. Stored are digests of a training
pass (logits, the gradients of the cross-entropy, the running statistics after it) and the logits of an evaluation after
that. Weights and images come from portable.py.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from portable import Portable, digest

HERE = Path(__file__).parent


class ZeroPad(nn.Module):
    """Every second pixel, and channels of zeros on both sides (He et al. 2016, option A)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.before = (outputs - inputs) // 2
        self.after = outputs - inputs - self.before

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class BasicBlock(nn.Module):
    def __init__(self, inputs, width, stride, projection):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or inputs != width:
            self.downsample = ZeroPad(inputs, width)
            if projection:
                conv = nn.Conv2d(inputs, width, 1, stride, bias=False)
                self.downsample = nn.Sequential(conv, nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, widths, blocks, classes, imagenet, projection):
        super().__init__()
        self.imagenet = imagenet
        kernel, stride, padding = (7, 2, 3) if imagenet else (3, 1, 1)
        self.conv1 = nn.Conv2d(3, widths[0], kernel, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.stages, inputs = len(widths), widths[0]
        for at, (width, count) in enumerate(zip(widths, blocks)):
            stage = []
            for block in range(count):
                stage.append(BasicBlock(inputs, width, 2 if at > 0 and block == 0 else 1, projection))
                inputs = width
            setattr(self, f"layer{at + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        if self.imagenet:
            x = F.max_pool2d(x, 3, 2, 1)
        for at in range(self.stages):
            x = getattr(self, f"layer{at + 1}")(x)
        return self.fc(x.mean((2, 3)))


def names_and_shapes():
    net = ResNet([64, 128, 256, 512], [2, 2, 2, 2], 1000, True, True)
    state = {name: value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert sum(parameter.numel() for parameter in net.parameters()) == 11_689_512
    lines = [f"{name} {list(value.shape)}\n" for name, value in state.items()]
    (HERE / "resnet18.txt").write_text("".join(lines))


def set_weights(net):
    """By name in alphabetical order; the i-th has the seed 100 + i."""
    with torch.no_grad():
        for i, (name, param) in enumerate(sorted(net.named_parameters())):
            draw = Portable(100 + i)
            shape = list(param.shape)
            if len(shape) > 1:
                param.copy_(torch.tensor(draw.draw("signed", shape) / 8))
            elif name.endswith("weight"):
                param.copy_(torch.tensor(draw.draw("positive", shape)))
            else:
                param.copy_(torch.tensor(draw.draw("signed", shape) / 4))


def golden(projection, imagenet):
    net = ResNet([4, 6, 8], [1, 2, 1], 3, imagenet, projection).double()
    set_weights(net)
    x = torch.tensor(Portable(50).draw("signed", [5, 3, 15, 14]))
    labels = torch.arange(5) % 3
    net.train()
    logits = net(x)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    found = {
        "loss": loss.item(),
        "logits": digest(logits),
        "gradients": {name: digest(param.grad) for name, param in sorted(net.named_parameters())},
        "running": {name: digest(value) for name, value in sorted(net.named_buffers()) if "running" in name},
    }
    net.eval()
    with torch.no_grad():
        found["evaluated"] = digest(net(x))
    return found


if __name__ == "__main__":
    names_and_shapes()
    both = {"projection": golden(True, True), "zero_pad": golden(False, False)}
    (HERE / "resnet.json").write_text(json.dumps(both, indent=1) + "\n")
