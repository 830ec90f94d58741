"""What other programs make of exported networks.

    python3 benches/peers/export_check.py FOLDER        (needs torch, safetensors, onnx and onnxruntime)

FOLDER is filled, and this script run, by

    GRADUS_PEERS_PYTHON=/path/to/python cargo test --test engine other_programs

It holds, for each network of `networks()` there and in the table here, NAME.onnx, NAME.npz, NAME.safetensors, and
NAME.values with 32 inputs and the outputs that Gradus computed. The ONNX checker must accept the file; the outputs of ONNX
Runtime, and of the same network in PyTorch with the weights of each file, must be within 1e-5 of those.
"""

import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import load_file
from torch import nn

TOLERANCE = 1e-5


class Same(nn.Conv2d):
    """A convolution with ceil(size / stride) outputs; an odd zero goes to the bottom and right, as in TensorFlow."""

    def forward(self, x):
        pads = []
        for axis in (1, 0):
            size, stride = x.shape[2 + axis], self.stride[axis]
            zeros = max((-(-size // stride) - 1) * stride + self.kernel_size[axis] - size, 0)
            pads += [zeros // 2, zeros - zeros // 2]
        return super().forward(nn.functional.pad(x, pads))


def chain(**layers):
    return nn.Sequential(OrderedDict(layers))


class Code(nn.Module):
    """A variational autoencoder's code in evaluation: its mean."""

    def __init__(self, inputs, units):
        super().__init__()
        self.mean, self.log_var = nn.Linear(inputs, units), nn.Linear(inputs, units)

    def forward(self, x):
        return self.mean(x)


class Tied(nn.Module):
    """A linear layer with the transposed weight of another."""

    def __init__(self, linear):
        super().__init__()
        self.other, self.bias = [linear], nn.Parameter(torch.zeros(linear.in_features))

    def forward(self, x):
        return x @ self.other[0].weight + self.bias


class Standardize(nn.Module):
    """(x - mean) / std, by fixed numbers."""

    def __init__(self, *shape):
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))

    def forward(self, x):
        return (x - self.mean) / self.std


def autoencoder():
    features = nn.Linear(48, 6)
    return chain(
        conv=nn.Conv2d(2, 4, 3, 2),
        norm=nn.LayerNorm([4, 4, 3]),
        flatten=nn.Flatten(),
        features=features,
        latent=Code(6, 6),
        tied=Tied(features),
        unflatten=nn.Unflatten(1, (4, 4, 3)),
        grow=nn.ConvTranspose2d(4, 6, 3, 2, (1, 0), (1, 0), groups=2),
        relu=nn.ReLU(),
        nearest=nn.Upsample(scale_factor=(2, 1)),
        bilinear=nn.Upsample(scale_factor=(1, 3), mode="bilinear"),
        out=nn.ConvTranspose2d(6, 1, (2, 3), (1, 3), (0, 2), (0, 1), bias=False, dilation=(2, 1)),
        sigmoid=nn.Sigmoid(),
    )


class Patches(nn.Conv2d):
    """Patches as tokens, [N, C, H, W] to [N, L, D]."""

    def __init__(self, channels, dim, patch):
        super().__init__(channels, dim, patch, patch)

    def forward(self, x):
        return super().forward(x).flatten(2).transpose(1, 2)


class Token(nn.Module):
    """A token in front of the others."""

    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, dim))

    def forward(self, x):
        return torch.cat([self.weight.expand(len(x), 1, -1), x], 1)


class Position(nn.Module):
    def __init__(self, tokens, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(tokens, dim))

    def forward(self, x):
        return x + self.weight


class First(nn.Module):
    def forward(self, x):
        return x[:, 0]


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


class Attention(nn.Module):
    def __init__(self, dim, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        n, tokens, dim = x.shape
        q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A transformer's block: normalized first, or after each sum and then with GELU by tanh."""

    def __init__(self, dim, heads, mlp, post=False, causal=False):
        super().__init__()
        self.norm1, self.norm2, self.post = nn.LayerNorm(dim), nn.LayerNorm(dim), post
        self.attn = Attention(dim, heads, causal)
        self.mlp = chain(fc1=nn.Linear(dim, mlp), gelu=nn.GELU("tanh" if post else "none"), fc2=nn.Linear(mlp, dim))

    def forward(self, x):
        if self.post:
            x = self.norm1(x + self.attn(x))
            return self.norm2(x + self.mlp(x))
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def block(inputs, outputs):
    return chain(conv=nn.Conv2d(inputs, outputs, 3, padding="same"), relu=nn.ReLU(), pool=nn.MaxPool2d(2))


def mlp(name, activation):
    layers = {"fc1": nn.Linear(6, 8), name + "1": activation, "fc2": nn.Linear(8, 5), name + "2": activation}
    return chain(**layers, out=nn.Linear(5, 3))


NETWORKS = {
    "figure_1": chain(
        block1=block(1, 4),
        block2=block(4, 8),
        flatten=nn.Flatten(),
        fc1=nn.Linear(512, 16),
        relu=nn.ReLU(),
        out=nn.Linear(16, 3),
    ),
    "strided": chain(
        first=Same(2, 3, 3, stride=2),
        tanh=nn.Tanh(),
        second=nn.Conv2d(3, 4, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1), bias=False),
    ),
    "pools": chain(
        conv=Same(1, 3, 4),
        max=nn.MaxPool2d(3, 2, 1),
        average=nn.AvgPool2d((3, 2), (2, 1), (1, 1)),
        plain=nn.AvgPool2d(2),
        dropout=nn.Dropout(),
        flatten=nn.Flatten(),
        out=nn.Linear(18, 2),
    ),
    "normalized": chain(
        conv=nn.Conv2d(2, 3, 3, padding="same", bias=False),
        norm=nn.BatchNorm2d(3, eps=1e-3),
        relu=nn.ReLU(),
        depthwise=nn.Conv2d(3, 6, 3, padding="same", groups=3),
        groups=nn.Conv2d(6, 4, 1, groups=2),
        mean=chain(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()),
        fc=nn.Linear(4, 6),
        features=nn.BatchNorm1d(6),
        out=nn.Linear(6, 2),
    ),
    "reshaped": chain(
        fc=nn.Linear(5, 12),
        unflatten=nn.Unflatten(1, (3, 2, 2)),
        softmax=nn.Softmax(1),
        conv=nn.Conv2d(3, 4, 1),
        mean=chain(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()),
        out=nn.LogSoftmax(1),
    ),
    "linear": nn.Linear(5, 4),
    "autoencoder": autoencoder(),
    "vit": chain(
        patch=Patches(1, 16, 4),
        token=Token(16),
        position=Position(10, 16),
        block1=Block(16, 4, 24),
        block2=Block(16, 4, 24),
        norm=nn.LayerNorm(16),
        pool=First(),
        out=nn.Linear(16, 3),
    ),
    "causal": chain(block=Block(6, 2, 5, post=True, causal=True), pool=Mean()),
    "standardized": chain(
        scale=Standardize(2, 1, 1),
        conv=nn.Conv2d(2, 3, 2),
        flatten=nn.Flatten(),
        features=Standardize(18),
        out=nn.Linear(18, 2),
        probabilities=nn.Softmax(1),
    ),
    "relu": mlp("relu", nn.ReLU()),
    "leaky_relu": mlp("leaky_relu", nn.LeakyReLU()),
    "tanh": mlp("tanh", nn.Tanh()),
    "sigmoid": mlp("sigmoid", nn.Sigmoid()),
    "gelu": mlp("gelu", nn.GELU()),
    "gelu_tanh": mlp("gelu_tanh", nn.GELU("tanh")),
    "elu": mlp("elu", nn.ELU()),
    "softplus": mlp("softplus", nn.Softplus()),
    "silu": mlp("silu", nn.SiLU()),
}


def by_onnx(path, x):
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    # One sample alone as well: the batch axis is open.
    alone = session.run(None, {"input": x[:1].numpy()})[0]
    whole = session.run(None, {"input": x.numpy()})[0]
    assert np.abs(alone - whole[:1]).max() <= TOLERANCE
    return torch.from_numpy(whole)


def by_torch(net, state, x):
    net.load_state_dict(state, strict=True)
    with torch.no_grad():
        return net.eval()(x)


def main(folder):
    names = {path.stem for path in folder.glob("*.values")}
    assert names == set(NETWORKS), f"only here or only there: {sorted(names ^ set(NETWORKS))}"
    print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "torch", torch.__version__)
    worst = 0.0
    for name, net in NETWORKS.items():
        values = load_file(folder / f"{name}.values")
        x, expected = values["input"], values["output"]
        arrays = np.load(folder / f"{name}.npz")
        got = {
            "onnx": by_onnx(str(folder / f"{name}.onnx"), x),
            "npz": by_torch(net, {key: torch.from_numpy(arrays[key]) for key in arrays.files}, x),
            "safetensors": by_torch(net, load_file(folder / f"{name}.safetensors"), x),
        }
        errors = {form: float((y - expected).abs().max()) for form, y in got.items()}
        print(f"{name:12}", *(f"{form} {error:.1e}" for form, error in errors.items()))
        worst = max(worst, *errors.values())
    if not worst <= TOLERANCE:
        sys.exit(f"off by {worst:.1e}; {TOLERANCE} is allowed")


main(Path(sys.argv[1]))
