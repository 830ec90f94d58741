"""Prints how far PyTorch's long sums in f32 are from those in double precision.

`cargo bench -p gradus-kernels --bench accuracy` prints the same of Gradus, on the same numbers.
"""

import numpy as np
import torch
import torch.nn.functional as F

EPS = 1e-5


def uniform(length, shift, factor=2654435761):
    bits = (np.arange(length, dtype=np.uint64) * np.uint64(factor) % np.uint64(1 << 32)) >> np.uint64(8)
    return torch.from_numpy((bits.astype(np.float32) / np.float32(1 << 24) + np.float32(shift)).astype(np.float32))


def report(name, got, exact, relative):
    error = (got.detach().double().flatten() - exact.detach().flatten()).abs().max().item()
    size = exact.abs().max().item() if relative else 1.0
    print(f"{name}\t{error / size:.1e}")


def gradients(f, x, dy):
    """Output, dx and the gradient of the bias, in the type of x."""
    x = x.clone().requires_grad_(True)
    y, bias = f(x)
    y.backward(dy)
    return y, x.grad, bias.grad


equal, spread = torch.full((1 << 20,), 0.1), uniform(1 << 20, 0.0)
for name, x in [
    ("mean of 65,536 equal numbers", equal[: 1 << 16]),
    ("mean of 1,048,576 equal numbers", equal),
    ("mean of 1,048,576 uniform numbers", spread),
]:
    report(name, x.mean(), x.double().mean(), True)
for name, dy in [("equal", equal), ("uniform", spread)]:
    bias = torch.zeros(1, requires_grad=True)
    F.conv2d(torch.zeros(1, 1, 1024, 1024), torch.ones(1, 1, 1, 1), bias).backward(dy.view(1, 1, 1024, 1024))
    report(f"bias gradient of a 1024 x 1024 convolution, {name}", bias.grad, dy.double().sum(), True)
report("sum of 16,384 rows", spread.view(-1, 64).sum(0), spread.double().view(-1, 64).sum(0), True)
image = equal[: 1 << 16].view(1, 1, 256, 256)
report("average-pooling of 256 x 256 equal pixels", F.avg_pool2d(image, 256), F.avg_pool2d(image.double(), 256), True)

shifted = uniform(1 << 20, 10.0)
for name, shape, x in [
    ("batch norm, one channel of 1024 x 1024, uniform", (1, 1, 1024, 1024), spread),
    ("batch norm, one channel of 1024 x 1024, mean 10", (1, 1, 1024, 1024), shifted),
    ("batch norm, 65,536 rows of 16 columns, uniform", (1 << 16, 16), spread),
    ("batch norm, 65,536 rows of constant columns", (1 << 16, 16), equal),
    ("layer norm, 16 rows of 65,536, uniform", (16, 1 << 16), spread),
    ("layer norm, 16 constant rows of 65,536", (16, 1 << 16), equal),
]:

    def norm(x):
        if name.startswith("layer"):
            bias = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
            return F.layer_norm(x, x.shape[1:], torch.ones_like(bias), bias, EPS), bias
        bias = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
        return F.batch_norm(x, None, None, torch.ones_like(bias), bias, True, 0.1, EPS), bias

    dy = uniform(1 << 20, -0.25, 2246822519).view(shape)
    got, exact = gradients(norm, x.view(shape), dy), gradients(norm, x.view(shape).double(), dy.double())
    report(f"{name}: output", got[0], exact[0], False)
    report(f"{name}: dx", got[1], exact[1], True)
    if name.startswith("batch"):
        report(f"{name}: bias gradient", got[2], exact[2], True)
