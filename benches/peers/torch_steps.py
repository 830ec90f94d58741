"""Training steps, forward passes and matrix products in PyTorch.

As a user writes it, or with `--tuned` as suits the CPU best: memory format channels_last, fused optimizers, and (from
benches/peers/compare) an allocator that keeps large blocks.
"""

import itertools

import torch
from torch import nn

import common

args = common.arguments(
    __doc__, tuned="channels_last and fused optimizers", compiled="torch.compile, of the transformer and of attention"
)
torch.set_num_threads(args.threads)


def blocks(widths, padding):
    layers, channels = [], 1
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return layers + [nn.Flatten()]


def autoencoder(n, d):
    down = [(1, n, 2), (n, 2 * n, 1), (2 * n, 4 * n, 0)]
    up = [(4 * n, 2 * n, 0), (2 * n, n, 1), (n, 1, 1)]
    layers = [layer for c, o, pad in down for layer in (nn.Conv2d(c, o, 3, 2, pad), nn.ReLU())]
    layers += [nn.Flatten(), nn.Linear(36 * n, 64), nn.ReLU(), nn.Linear(64, d), nn.Linear(d, 64), nn.ReLU()]
    layers += [nn.Linear(64, 36 * n), nn.ReLU(), nn.Unflatten(1, (4 * n, 3, 3))]
    layers += [layer for c, o, pad in up for layer in (nn.ConvTranspose2d(c, o, 3, 2, pad, pad), nn.ReLU())]
    return nn.Sequential(*layers[:-1], nn.Sigmoid())


class BasicBlock(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def resnet18():
    """ResNet-18 for 3x32x32, in torchvision's way: ReLU in place."""
    layers, channels = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)], 64
    for at, width in enumerate([64, 128, 256, 512]):
        for block in range(2):
            layers.append(BasicBlock(channels, width, 2 if at > 0 and block == 0 else 1))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class Block(nn.Module):
    """A transformer's block that normalizes first, as a user writes it by PyTorch's fused attention."""

    def __init__(self, dim, heads, mlp):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp), nn.GELU(), nn.Linear(mlp, dim))

    def forward(self, x):
        q, k, v = heads_of(self.qkv(self.norm1(x)), self.heads)
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(y.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


def heads_of(qkv, heads):
    """Packed rows [N, L, 3 D] to queries, keys and values [N, H, L, D/H]."""
    n, tokens, packed = qkv.shape
    return qkv.view(n, tokens, 3, heads, packed // 3 // heads).permute(2, 0, 3, 1, 4)


class Vit(nn.Module):
    """A vision transformer of 28x28 with patches of 7x7 and a class token."""

    def __init__(self, dim=64, depth=6, heads=8, mlp=128):
        super().__init__()
        self.patch = nn.Conv2d(1, dim, 7, 7)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.position = nn.Parameter(0.02 * torch.randn(17, dim))
        self.blocks = nn.Sequential(*(Block(dim, heads, mlp) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


def cifar_fast():
    """The network of the experiment cifar-94: a fixed first layer, filters without a bias, batch norm whose bias alone is trained."""
    first = nn.Conv2d(3, 24, 2)
    first.weight.requires_grad = False
    layers, channels = [first, nn.GELU()], 24
    for width in (64, 256, 256):
        for pool in (True, False):
            norm = nn.BatchNorm2d(width, momentum=0.4)
            norm.weight.requires_grad = False
            layers.append(nn.Conv2d(channels, width, 3, 1, 1, bias=False))
            layers += [nn.MaxPool2d(2), norm, nn.GELU()] if pool else [norm, nn.GELU()]
            channels = width
    return nn.Sequential(*layers, nn.MaxPool2d(3), nn.Flatten(), nn.Linear(256, 10))


def build(net):
    if net == "CIFAR fast":
        return cifar_fast()
    if net == "P6":
        return Vit()
    if net in common.WIDTHS:
        return autoencoder(*common.WIDTHS[net])
    if net == "P1":
        return nn.Sequential(*blocks([16, 32, 64, 128], 1), nn.Linear(8192, 128), nn.ReLU(), nn.Linear(128, 3))
    if net == "P2":
        head = [nn.Dropout(0.3), nn.Linear(1152, 25), nn.Dropout(0.3), nn.Linear(25, 10)]
        return nn.Sequential(*blocks([32, 64, 128], 1), *head)
    if net == "P3":
        return nn.Sequential(*blocks([32, 64], 0), nn.Dropout(0.5), nn.Linear(1600, 10))
    if net == "P5":
        return resnet18()
    if net == "P7":
        return nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10))
    return nn.Sequential(nn.Linear(2, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 1))


def optimizer(net, parameters):
    fused = {"fused": True} if args.tuned else {}
    if net in ("P1", "P3", "P6", "P8c"):
        return torch.optim.Adam(parameters, 1e-3, **fused)
    if net in common.WIDTHS:
        return torch.optim.Adam(parameters, 1e-3, weight_decay=1e-5, **fused)
    if net in ("P2", "P5"):
        return torch.optim.SGD(parameters, 0.05, momentum=0.9, **fused)
    if net == "CIFAR fast":
        return torch.optim.SGD(parameters, 0.01, momentum=0.85, nesterov=True, **fused)
    if net == "P7":
        return torch.optim.RMSprop(parameters, 1e-3)
    return torch.optim.SGD(parameters, 0.01, **fused)


class Training:
    def __init__(self, net):
        torch.manual_seed(0)
        n, batch = common.samples_of(net), common.BATCH[net]
        self.images = len(common.INPUT.get(net, ())) == 3
        self.model = build(net)
        if args.tuned and self.images:
            self.model = self.model.to(memory_format=torch.channels_last)
        if args.compiled and net == "P6":
            self.model = torch.compile(self.model)
        self.optimizer = optimizer(net, self.model.parameters())
        if net in common.CLASSES:
            self.x = torch.randn(n, *common.INPUT[net])
            self.y = torch.randint(0, common.CLASSES[net], (n,))
            self.loss = nn.functional.cross_entropy
        elif net in common.WIDTHS:
            self.x, self.y = torch.rand(n, *common.INPUT[net]) ** 2, None
            self.loss = nn.functional.mse_loss
        else:
            self.x = torch.randn(n, 2)
            self.y = (torch.sin(2 * self.x[:, :1]) * self.x[:, 1:])
            self.loss = nn.functional.mse_loss
        whole = n == batch
        orders = [None] if whole else [c for _ in range(10) for c in torch.randperm(n).split(batch)]
        self.order = itertools.cycle(orders)
        self.losses = []

    def batch(self):
        chosen = next(self.order)
        x, y = (self.x, self.y) if chosen is None else (self.x[chosen], None if self.y is None else self.y[chosen])
        if args.tuned and self.images:
            x = x.contiguous(memory_format=torch.channels_last)
        return x, x if y is None else y

    def steps(self, n):
        for _ in range(n):
            x, y = self.batch()
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())


for net in common.BATCH:
    if args.chooses(f"{net} train"):
        training = Training(net)
        losses = training.losses
        common.measure(args, f"{net} train", training.steps, loss_first=lambda: losses[0], loss_last=lambda: losses[-1])
    if len(common.INPUT.get(net, ())) == 3 and net != "CIFAR fast" and args.chooses(f"{net} infer"):
        training = Training(net)
        training.model.eval()
        x, _ = training.batch()

        def passes(n):
            with torch.inference_mode():
                for _ in range(n):
                    training.model(x)

        common.measure(args, f"{net} infer", passes)

if args.chooses("attention"):
    # Forward and backward from packed queries, keys and values, as src/bench/attention.rs.
    qkv, dy = torch.randn(32, 256, 3 * 8 * 32, requires_grad=True), torch.randn(32, 256, 8 * 32)

    def attention(qkv):
        y = nn.functional.scaled_dot_product_attention(*heads_of(qkv, 8))
        return y.transpose(1, 2).flatten(2)

    attend = torch.compile(attention) if args.compiled else attention

    def both(n):
        for _ in range(n):
            qkv.grad = None
            attend(qkv).backward(dy)

    common.measure(args, "attention", both)

squares = [(size, size, size) for size in (256, 512, 1024, 2048)]
for m, k, n in squares + [(32, 288, 8192), (64, 576, 4096), (128, 1152, 1024), (16, 9, 16384)]:
    name = f"G {m}x{k}x{n}"
    if args.chooses(name):
        a, b, c = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)

        def products(times):
            for _ in range(times):
                torch.matmul(a, b, out=c)

        per_sample = -(-2_000_000_000 // (2 * m * k * n))
        common.measure(args, name, products, -(-100_000_000_000 // (2 * m * k * n * per_sample)), per_sample)
