"""Makes ops.json: what PyTorch (float64) says about some 500 random configurations of all ops.

    python3 make_ops.py

Each case names an op, its settings, and the shapes and kinds of its inputs, whose numbers come from portable.py with
the seed 10 * case + input; 10 * case + 9 is the seed of u, the gradient that arrives at y. Stored are digests of y
and of the gradients of <u, y>.
"""

import json
import math
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from portable import Portable, digest

rnd = random.Random(2026)
cases = []


def case(op, inputs, f, labels=None, **args):
    """inputs: (kind, shape); those of kind "probabilities" and "targets" get no gradient."""
    seed = 10 * len(cases)
    x = [torch.tensor(Portable(seed + i).draw(kind, shape)) for i, (kind, shape) in enumerate(inputs)]
    leaves = [t.requires_grad_() for t, (kind, _) in zip(x, inputs) if kind not in ("probabilities", "targets")]
    y = f(*x)
    u = torch.tensor(Portable(seed + 9).draw("signed", list(y.shape)))
    gradients = torch.autograd.grad((y * u).sum(), leaves, allow_unused=True)
    gradients = [torch.zeros_like(t) if g is None else g for t, g in zip(leaves, gradients)]
    if labels is not None:
        args["labels"] = labels
    cases.append({"op": op, "inputs": inputs, "args": args, "shape": list(y.shape), "y": digest(y),
                  "g": [digest(g) for g in gradients]})


def shape(rank=None, top=6):
    return [rnd.randint(1, top) for _ in range(rnd.randint(1, 4) if rank is None else rank)]


def elementwise():
    plain = {"neg": ("signed", torch.neg), "exp": ("signed", torch.exp), "log": ("positive", torch.log),
             "sqrt": ("positive", torch.sqrt), "abs": ("signed", torch.abs), "relu": ("signed", torch.relu),
             "sigmoid": ("signed", torch.sigmoid), "tanh": ("signed", torch.tanh), "gelu": ("signed", F.gelu)}
    for op, (kind, f) in plain.items():
        for _ in range(4):
            case(op, [(kind, shape())], f)
    for scale, shift in [(2.0, 0.0), (-0.5, 3.0), (0.0, 1.0)]:
        case("affine", [("signed", shape())], lambda x: scale * x + shift, scale=scale, shift=shift)
    for p in [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]:
        case("pow", [("signed", shape())], lambda x: x**p, p=p)
    for p in [-2.0, -1.0, -0.5, 0.5, 1.5, 3.3]:
        case("pow", [("positive", shape())], lambda x: x**p, p=p)
    for slope in [0.01, 0.2, 1.5, -0.5]:
        case("leaky_relu", [("signed", shape())], lambda x: F.leaky_relu(x, slope), slope=slope)
    for low, high in [(-1.0, 1.0), (0.0, 0.5), (-0.25, 1.75), (0.5, 0.5)]:
        case("clamp", [("signed", shape())], lambda x: x.clamp(low, high), low=low, high=high)
    for _ in range(3):  # p = 0 keeps everything; masks are not PyTorch's
        case("dropout", [("signed", shape())], lambda x: F.dropout(x, 0.0, True), p=0.0)


def arithmetic():
    ops = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div}
    for op, f in ops.items():
        second = "positive" if op == "div" else "signed"
        for k in range(7):
            full = shape(rnd.randint(1, 4))
            a, b = list(full), list(full)
            for axis in range(len(full)):
                which = rnd.randint(0, 3) if k > 0 else 3
                if which == 0:
                    a[axis] = 1
                elif which == 1:
                    b[axis] = 1
            if k > 2:
                b = b[rnd.randint(0, len(b)):]
            if k == 6:
                a, b = b, a
            case(op, [("signed", a), (second, b)], f)


def reductions():
    ops = {"sum": lambda x, d, k: x.sum(d, keepdim=k), "mean": lambda x, d, k: x.mean(d, keepdim=k),
           "max": lambda x, d, k: x.amax(d, keepdim=k)}
    for op, f in ops.items():
        for k in range(10):
            s = shape(rnd.randint(1, 4))
            axes = sorted(rnd.sample(range(len(s)), rnd.randint(1, len(s)))) if k else list(range(len(s)))
            keep = bool(rnd.randint(0, 1))
            case(op, [("distinct" if op == "max" else "signed", s)], lambda x: f(x, axes, keep), axes=axes, keep=keep)


def layout():
    for _ in range(4):
        s = shape(3)
        to = [s[2], s[0] * s[1]] if rnd.random() < 0.5 else [s[1], 1, s[2] * s[0]]
        case("reshape", [("signed", s)], lambda x: x.reshape(to), to=to)
    for _ in range(8):
        s = shape(rnd.randint(1, 5), 4)
        order = rnd.sample(range(len(s)), len(s))
        case("permute", [("signed", s)], lambda x: x.permute(order), order=order)
    for _ in range(8):
        s = shape(rnd.randint(1, 4))
        axis = rnd.randrange(len(s))
        start = rnd.randrange(s[axis])
        end = rnd.randint(start + 1, s[axis])
        case("slice", [("signed", s)], lambda x: x.narrow(axis, start, end - start), axis=axis, start=start, end=end)
    for _ in range(8):
        s = shape(rnd.randint(1, 4))
        axis, before, after = rnd.randrange(len(s)), rnd.randint(0, 3), rnd.randint(0, 3)
        value = rnd.choice([0.0, -1.5, 0.25])
        widths = [0, 0] * (len(s) - 1 - axis) + [before, after]
        case("pad", [("signed", s)], lambda x: F.pad(x, widths, value=value), axis=axis, before=before, after=after,
             value=value)
    for _ in range(10):
        s = shape(rnd.randint(1, 4))
        axis = rnd.randrange(len(s))
        parts = [s[:axis] + [rnd.randint(1, 4)] + s[axis + 1:] for _ in range(rnd.randint(1, 5))]
        case("concat", [("signed", p) for p in parts], lambda *x: torch.cat(x, axis), axis=axis)


def products():
    for _ in range(12):
        m, k, n = (rnd.choice([1, 2, 3, 5, 8, 13, 17, 33]) for _ in range(3))
        case("matmul", [("signed", [m, k]), ("signed", [k, n])], torch.matmul)
        case("linear", [("signed", [m, k]), ("signed", [n, k]), ("signed", [n])], F.linear)


def same_padding(size, kernel, stride, dilation):
    zeros = max((math.ceil(size / stride) - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return [zeros // 2, zeros - zeros // 2]


def convolutions():
    made = 0
    while made < 100:
        n, c, o = rnd.randint(1, 3), rnd.randint(1, 5), rnd.randint(1, 6)
        h, w = rnd.randint(1, 13), rnd.randint(1, 13)
        kernel = [rnd.choice([1, 2, 3, 3, 4, 5]), rnd.choice([1, 2, 3, 3, 4, 5])]
        stride = [rnd.choice([1, 1, 2, 3]), rnd.choice([1, 1, 2, 3])]
        dilation = [rnd.choice([1, 1, 1, 2, 3]), rnd.choice([1, 1, 1, 2, 3])]
        padding = rnd.choice(["valid", "same", "same", [rnd.randint(0, 3), rnd.randint(0, 3)]])
        if made % 10 == 0:  # the layer of Figure 1
            kernel, stride, dilation, padding = [3, 3], [1, 1], [1, 1], "same"
        bias = made % 2 == 0
        room = [0, 0] if padding == "valid" else padding
        reach = [dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1)]
        if padding != "same" and any([h, w][i] + 2 * room[i] < reach[i] for i in (0, 1)):
            continue

        def f(x, weight, b=None):
            if padding == "same":
                (top, bottom), (left, right) = (same_padding([h, w][i], kernel[i], stride[i], dilation[i])
                                                for i in (0, 1))
                return F.conv2d(F.pad(x, [left, right, top, bottom]), weight, b, stride, 0, dilation)
            return F.conv2d(x, weight, b, stride, room, dilation)

        inputs = [("signed", [n, c, h, w]), ("signed", [o, c, *kernel])] + ([("signed", [o])] if bias else [])
        case("conv2d_bias" if bias else "conv2d", inputs, f, stride=stride, padding=padding, dilation=dilation)
        made += 1


def pooling():
    for op, f, kind in [("max_pool2d", F.max_pool2d, "distinct"), ("avg_pool2d", F.avg_pool2d, "signed")]:
        made = 0
        while made < 25:
            s = [rnd.randint(1, 3), rnd.randint(1, 4), rnd.randint(1, 11), rnd.randint(1, 11)]
            kernel = [rnd.randint(1, 4), rnd.randint(1, 4)] if made % 5 else [2, 2]
            stride = [rnd.randint(1, 4), rnd.randint(1, 4)] if made % 5 else [2, 2]
            padding = [rnd.randint(0, kernel[i] // 2) for i in (0, 1)] if made % 5 else [0, 0]
            if any(s[2 + i] + 2 * padding[i] < kernel[i] for i in (0, 1)):
                continue
            case(op, [(kind, s)], lambda x: f(x, kernel, stride, padding), kernel=kernel, stride=stride,
                 padding=padding)
            made += 1


def softmax_and_losses():
    for op, f in [("softmax", F.softmax), ("log_softmax", F.log_softmax)]:
        for _ in range(10):
            s = shape(rnd.randint(1, 4))
            axis = rnd.randrange(len(s))
            case(op, [("signed", s)], lambda x: f(x, axis), axis=axis)
    for k in range(32):
        n, classes = rnd.randint(1, 9), rnd.randint(2, 7)
        weights = [rnd.choice([0.25, 0.5, 1.0, 1.5, 3.0]) for _ in range(classes)] if k % 4 > 1 else None
        w = None if weights is None else torch.tensor(weights, dtype=torch.float64)
        logits = ("signed", [n, classes])
        if k % 2:
            case("cross_entropy", [logits, ("probabilities", [n, classes])], lambda x, q: F.cross_entropy(x, q, w),
                 weights=weights)
        else:
            labels = [rnd.randrange(classes) for _ in range(n)]
            case("cross_entropy", [logits], lambda x: F.cross_entropy(x, torch.tensor(labels), w), labels=labels,
                 weights=weights)
    for _ in range(8):
        s = shape()
        case("mse", [("signed", s), ("signed", s)], F.mse_loss)


def blocks():
    made = 0
    while made < 16:
        n, c, h, w, o = rnd.randint(1, 3), rnd.randint(1, 20), rnd.randint(2, 12), rnd.randint(2, 20), rnd.randint(1, 9)
        kernel = [rnd.randint(1, 5), rnd.randint(1, 5)] if made % 2 else [3, 3]
        padding = [rnd.randint(0, kernel[0] // 2), rnd.randint(0, kernel[1] // 2)]
        if any(size + 2 * room - k < 1 for size, room, k in zip((h, w), padding, kernel)):
            continue
        inputs = [("signed", [n, c, h, w]), ("signed", [o, c, *kernel]), ("signed", [o])]
        f = lambda x, weight, b: F.max_pool2d(F.relu(F.conv2d(x, weight, b, 1, padding)), 2)
        case("conv2d_block", inputs, f, stride=[1, 1], padding=padding, dilation=[1, 1])
        made += 1


def rounder_corners():
    for alpha in [1.0, 0.3, 2.5, 1.0]:
        case("elu", [("signed", shape())], lambda x: F.elu(x, alpha), alpha=alpha)
    for _ in range(4):
        case("softplus", [("signed", shape())], F.softplus)


def whole_planes():
    for _ in range(6):
        s = [rnd.randint(1, 4), rnd.randint(1, 5), rnd.randint(1, 9), rnd.randint(1, 9)]
        case("global_avg_pool2d", [("signed", s)], lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1))


def more_losses():
    for k in range(12):
        n, classes = rnd.randint(1, 9), rnd.randint(2, 7)
        weights = [rnd.choice([0.25, 0.5, 1.0, 1.5, 3.0]) for _ in range(classes)] if k % 2 else None
        w = None if weights is None else torch.tensor(weights, dtype=torch.float64)
        labels = [rnd.randrange(classes) for _ in range(n)]
        case("nll", [("signed", [n, classes])], lambda x: F.nll_loss(x, torch.tensor(labels), w), labels=labels,
             weights=weights)
    for _ in range(8):
        s = shape()
        case("bce", [("unit", s), ("targets", s)], F.binary_cross_entropy)
    for k in range(10):
        s = shape(rnd.randint(1, 3))
        weights = [rnd.choice([0.25, 0.5, 1.0, 1.5, 3.0]) for _ in range(s[-1])] if k % 2 else None
        w = None if weights is None else torch.tensor(weights, dtype=torch.float64)
        case("bce_with_logits", [("signed", s), ("targets", s)],
             lambda x, q: F.binary_cross_entropy_with_logits(x, q, pos_weight=w), weights=weights)


def normalizations():
    made = 0
    while made < 18:
        rank = rnd.randint(2, 4)
        s = [rnd.randint(2, 9), rnd.randint(1, 20)] + [rnd.randint(1, 7) for _ in range(rank - 2)]
        count, c, eps = math.prod(s) // s[1], s[1], rnd.choice([1e-5, 1e-3, 0.5])
        if count < 6:  # few values may be close together, and their variance all rounding
            continue
        inputs = [("signed", s), ("signed", [c]), ("signed", [c])]
        if made % 3:
            case("batch_norm", inputs, lambda x, w, b: F.batch_norm(x, None, None, w, b, True, 0.1, eps), eps=eps)
        else:
            mean = [rnd.randint(-8, 8) / 8 for _ in range(c)]
            variance = [rnd.randint(1, 16) / 8 for _ in range(c)]
            m, v = torch.tensor(mean, dtype=torch.float64), torch.tensor(variance, dtype=torch.float64)
            case("batch_norm", inputs,
                 lambda x, w, b: F.batch_norm(x, m, v, w, b, False, 0.1, eps), eps=eps, mean=mean, variance=variance)
        made += 1


def grouped_convolutions():
    made = 0
    while made < 24:
        groups = rnd.randint(2, 9)
        n, c, o = rnd.randint(1, 3), rnd.randint(1, 3), rnd.randint(1, 3)
        if made % 3 == 0:  # depthwise
            c = o = 1
        h, w = rnd.randint(3, 11), rnd.randint(3, 11)
        kernel, stride = [rnd.randint(1, 3), rnd.randint(1, 3)], [rnd.randint(1, 2), rnd.randint(1, 2)]
        padding, dilation = [rnd.randint(0, 2), rnd.randint(0, 2)], [rnd.randint(1, 2), rnd.randint(1, 2)]
        if any([h, w][i] + 2 * padding[i] < dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1)):
            continue
        bias = made % 2 == 0
        inputs = [("signed", [n, groups * c, h, w]), ("signed", [groups * o, c, *kernel])]
        inputs += [("signed", [groups * o])] if bias else []
        case("conv2d_bias" if bias else "conv2d", inputs,
             lambda x, weight, b=None: F.conv2d(x, weight, b, stride, padding, dilation, groups), stride=stride,
             padding=padding, dilation=dilation, groups=groups)
        made += 1


def batched_products():
    for _ in range(10):
        b, m, k, n = rnd.choice([1, 2, 3, 9, 12]), *(rnd.choice([1, 2, 3, 5, 8, 17]) for _ in range(3))
        case("bmm", [("signed", [b, m, k]), ("signed", [b, k, n])], torch.bmm)


def transposed_convolutions():
    made = 0
    while made < 48:
        groups = 1 if made % 3 else rnd.randint(2, 4)
        n, c, o = rnd.randint(1, 3), rnd.randint(1, 5), rnd.randint(1, 5)
        h, w = rnd.randint(1, 7), rnd.randint(1, 7)
        kernel, stride = [rnd.randint(1, 4), rnd.randint(1, 4)], [rnd.randint(1, 3), rnd.randint(1, 3)]
        padding, dilation = [rnd.randint(0, 2), rnd.randint(0, 2)], [rnd.randint(1, 3), rnd.randint(1, 3)]
        more = [rnd.randrange(s) for s in stride]
        full = [(size - 1) * s + d * (k - 1) + 1 + m - 2 * p
                for size, s, d, k, m, p in zip((h, w), stride, dilation, kernel, more, padding)]
        if min(full) < 1:
            continue
        bias = made % 2 == 0
        inputs = [("signed", [n, groups * c, h, w]), ("signed", [groups * c, o, *kernel])]
        inputs += [("signed", [groups * o])] if bias else []
        case("conv_transpose2d_bias" if bias else "conv_transpose2d", inputs,
             lambda x, weight, b=None: F.conv_transpose2d(x, weight, b, stride, padding, more, groups, dilation),
             stride=stride, padding=padding, output_padding=more, dilation=dilation, groups=groups)
        made += 1


def upsampling():
    for k in range(12):
        s = [rnd.randint(1, 3), rnd.randint(1, 3), rnd.randint(1, 6), rnd.randint(1, 6)]
        scale, mode = [rnd.randint(1, 4), rnd.randint(1, 4)], ["nearest", "bilinear"][k % 2]
        case("upsample", [("signed", s)], lambda x: F.interpolate(x, scale_factor=scale, mode=mode), scale2d=scale,
             mode=mode)


def sample_by_sample():
    made = 0
    while made < 12:
        s = shape(rnd.randint(2, 4), 7)
        axes, eps = rnd.randint(1, len(s) - 1), rnd.choice([1e-5, 1e-3, 0.5])
        own = s[-axes:]
        if math.prod(own) < 6:  # few values may be close together, and their variance all rounding
            continue
        case("layer_norm", [("signed", s), ("signed", own), ("signed", own)],
             lambda x, w, b: F.layer_norm(x, own, w, b, eps), eps=eps)
        made += 1


def latent_normals():
    for _ in range(6):
        s = shape(rnd.randint(1, 4))
        case("reparametrize", [("signed", s), ("signed", s), ("targets", s)], lambda m, l, e: m + torch.exp(l / 2) * e)
        normal, standard = torch.distributions.Normal, torch.distributions.Normal(0.0, 1.0)
        case("kl_normal", [("signed", s), ("signed", s)],
             lambda m, l: torch.distributions.kl_divergence(normal(m, torch.exp(l / 2)), standard).sum() / len(m))


def chains():
    made = 0
    while made < 10:
        n, size, channels = rnd.choice([1, 2, 17]), [rnd.randint(2, 5), rnd.randint(2, 5)], rnd.randint(1, 3)
        x, inputs, stages, steps = [n, channels, *size], [], [], []
        inputs.append(("signed", x))
        for k in range(rnd.randint(2, 3)):
            transposed, relu, more = rnd.random() < 0.5, rnd.random() < 0.5, rnd.randint(1, 4)
            kernel, stride, pad = rnd.randint(1, 3), rnd.randint(1, 2), rnd.randint(0, 1)
            extra = rnd.randrange(stride) if transposed else 0
            if transposed:
                size = [(s - 1) * stride - 2 * pad + kernel + extra for s in size]
            else:
                size = [(s + 2 * pad - kernel) // stride + 1 for s in size]
            pair = [channels, more] if transposed else [more, channels]
            inputs += [("signed", [*pair, kernel, kernel]), ("signed", [more])]
            stages.append({"transposed": transposed, "relu": relu, "stride": stride, "pad": pad, "extra": extra})
            channels = more
        if min(size) < 1:
            continue

        def f(x, *params):
            for stage, w, b in zip(stages, params[::2], params[1::2]):
                if stage["transposed"]:
                    x = F.conv_transpose2d(x, w, b, stage["stride"], stage["pad"], stage["extra"])
                else:
                    x = F.conv2d(x, w, b, stage["stride"], stage["pad"])
                x = F.relu(x) if stage["relu"] else x
            return x

        case("conv_chain", inputs, f, stages=stages)
        made += 1


def waves_and_choices():
    for op, f in {"sin": torch.sin, "cos": torch.cos}.items():
        for k in range(4):
            scale = [1.0, 3.0, 30.0, 1000.0][k]
            case(op, [("signed", shape())], lambda x: f(scale * x), scale=scale, shift=0.0)
    for op, f in {"maximum": torch.maximum, "minimum": torch.minimum}.items():
        for a, b in [([3, 4], [3, 4]), ([2, 3, 4], [3, 1]), ([5], [4, 1]), ([], [2, 3])]:
            for kind in ("signed", "quarters"):  # the latter has ties
                case(op, [(kind, a), (kind, b)], f)
    for a, low, high in [([4, 5], [4, 5], [4, 5]), ([2, 3, 4], [4], [3, 1]), ([6], [], [])]:
        case("clamp_by", [("signed", a), ("signed", low), ("positive", high)], torch.clamp)
    # Ties with one limit or the other, but no limits that are equal.
    case("clamp_by", [("quarters", [5, 6]), ("quarters", [6]), ("positive", [5, 1])],
         lambda x, low, high: torch.clamp(x, low - 1, high), down=1.0)
    for a, b, m in [([3, 4], [3, 4], [3, 4]), ([4], [2, 3, 1], [3, 4]), ([], [], [2, 3]), ([2, 2], [2, 1], [1])]:
        case("where", [("signed", a), ("signed", b), ("targets", m)], lambda a, b, m: torch.where(m != 0, a, b))


def picked_and_summed():
    for _ in range(10):
        s = shape(rnd.randint(1, 4))
        axis = rnd.randrange(len(s))
        to = [rnd.randint(1, 7) if k == axis else rnd.randint(1, n) for k, n in enumerate(s)]
        index = [rnd.randrange(s[axis]) for _ in range(math.prod(to))]
        case("gather", [("signed", s)], lambda x: x.gather(axis, torch.tensor(index).reshape(to)), axis=axis, to=to,
             index=index)
    for _ in range(8):
        table, to = shape(rnd.randint(2, 3)), shape(rnd.randint(0, 2))
        index = [rnd.randrange(table[0]) for _ in range(math.prod(to))]
        case("embedding", [("signed", table)], lambda x: x[torch.tensor(index).reshape(to)], to=to, index=index)
    # The padding's row, taken some hundred times.
    index = [rnd.choice([0, 0, 0, rnd.randrange(9)]) for _ in range(300)]
    case("embedding", [("signed", [9, 4])], lambda x: F.embedding(torch.tensor(index).reshape(20, 15), x), to=[20, 15],
         index=index)
    for _ in range(8):
        s = shape(rnd.randint(1, 4))
        axis = rnd.randrange(len(s))
        case("cumsum", [("signed", s)], lambda x: x.cumsum(axis), axis=axis)


def attention():
    for n, tokens, heads, depth, causal in [(1, 1, 1, 2, False), (2, 5, 2, 3, False), (3, 4, 4, 1, True),
                                            (1, 17, 2, 8, False), (2, 7, 3, 4, True), (1, 40, 1, 24, True)]:
        def maps(qkv):
            q, k, v = qkv.view(n, tokens, 3, heads, depth).permute(2, 0, 3, 1, 4)
            s = q @ k.transpose(2, 3) / depth**0.5
            if causal:
                s = s.masked_fill(torch.ones(tokens, tokens).triu(1).bool(), -torch.inf)
            return s.softmax(-1), v

        def mixed(qkv):
            p, v = maps(qkv)
            return (p @ v).transpose(1, 2).reshape(n, tokens, heads * depth)

        packed = [("signed", [n, tokens, 3 * heads * depth])]
        case("attention", packed, mixed, heads=heads, causal=causal)
        case("attention_maps", packed, lambda x: maps(x)[0], heads=heads, causal=causal)
    for n, inputs, outputs in [(1, 3, 2), (7, 5, 4), (40, 4, 9)]:
        case("linear_act", [("signed", [n, inputs]), ("signed", [outputs, inputs]), ("signed", [outputs])],
             lambda x, w, b: F.gelu(F.linear(x, w, b)))


# New families go to the end: the seeds of the others stay.
families = [elementwise, arithmetic, reductions, layout, products, convolutions, pooling, softmax_and_losses, blocks,
            rounder_corners, whole_planes, more_losses, normalizations,
            grouped_convolutions, batched_products, transposed_convolutions, upsampling, sample_by_sample,
            latent_normals, chains, waves_and_choices, picked_and_summed, attention]
for family in families:
    family()
made_with = {"torch": torch.__version__, "numpy": np.__version__}
lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
text = f'{{"made_with": {json.dumps(made_with)}, "cases": [\n{lines}\n]}}\n'
Path(__file__).with_name("ops.json").write_text(text)
print(len(cases), "cases,", len(text), "bytes")
