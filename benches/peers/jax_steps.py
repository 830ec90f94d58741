"""Training steps and forward passes in JAX, compiled by `jit`; batches are gathered within the compiled step.

Small networks are measured twice: a call for each step, and (`--scan`) hundreds of steps inside one `lax.scan`.
"""

import os

import common

args = common.arguments(__doc__, scan="many steps in one call")
os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen={'true' if args.threads > 1 else 'false'}")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

ADAM = {*common.WIDTHS, "P8c"}
RATE = {"P4": 1e-3, "P4w": 1e-3, "P7": 1e-3, "P8a": 0.01, "P8b": 0.01, "P8c": 1e-3}
rng = np.random.default_rng(0)


def linear(inputs, outputs):
    bound = inputs**-0.5
    return [jnp.array(rng.uniform(-bound, bound, shape), jnp.float32) for shape in ((inputs, outputs), (outputs,))]


def conv(inputs, outputs):
    bound = (9 * inputs) ** -0.5
    return [jnp.array(rng.uniform(-bound, bound, s), jnp.float32) for s in ((3, 3, inputs, outputs), (outputs,))]


def convolved(params, x, padding):
    for w, b in params:
        x = lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x + b)
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return x.reshape(x.shape[0], -1)


# The padding of the autoencoder's stages of 3 x 3 filters, down and up.
DOWN, UP = (2, 1, 0), (0, 1, 1)


def autoencoder(net):
    n, d = common.WIDTHS[net]
    dense = [linear(36 * n, 64), linear(64, d), linear(d, 64), linear(64, 36 * n)]
    return [conv(1, n), conv(n, 2 * n), conv(2 * n, 4 * n)], dense, [conv(4 * n, 2 * n), conv(2 * n, n), conv(n, 1)]


def encoded_and_decoded(params, x):
    layout = ("NHWC", "HWIO", "NHWC")
    for (w, b), pad in zip(params[0], DOWN):
        x = jax.nn.relu(lax.conv_general_dilated(x, w, (2, 2), [(pad, pad)] * 2, dimension_numbers=layout) + b)
    x = x.reshape(x.shape[0], -1)
    for i, (w, b) in enumerate(params[1]):
        x = x @ w + b if i == 1 else jax.nn.relu(x @ w + b)
    x = x.reshape(x.shape[0], 3, 3, -1)
    for i, ((w, b), pad) in enumerate(zip(params[2], UP)):
        # Zeros between the pixels, and around them: 2 - pad, and as many more below as the output has padding.
        around = [(2 - pad, 2 - pad + pad)] * 2
        x = lax.conv_general_dilated(x, w, (1, 1), around, lhs_dilation=(2, 2), dimension_numbers=layout) + b
        x = jax.nn.relu(x) if i < 2 else jax.nn.sigmoid(x)
    return x


def images(net):
    return jnp.array(rng.uniform(size=(common.samples_of(net), 28, 28, 1)) ** 2, jnp.float32)


def infer(net):
    if net in common.WIDTHS:
        params, x = autoencoder(net), images(net)[: common.BATCH[net]]
        compiled = jax.jit(encoded_and_decoded)

        def decoded(n):
            for _ in range(n):
                compiled(params, x).block_until_ready()

        return common.measure(args, f"{net} infer", decoded)
    if net == "P2":
        params = [conv(1, 32), conv(32, 64), conv(64, 128)], [linear(1152, 25), linear(25, 10)]
    else:
        params = [conv(1, 32), conv(32, 64)], [linear(1600, 10)]

    @jax.jit
    def forward(params, x):
        x = convolved(params[0], x, "SAME" if net == "P2" else "VALID")
        for w, b in params[1]:
            x = x @ w + b
        return x

    x = jnp.array(rng.standard_normal((common.BATCH[net], 28, 28, 1)), jnp.float32)

    def passes(n):
        for _ in range(n):
            forward(params, x).block_until_ready()

    common.measure(args, f"{net} infer", passes)


def training(net, scan):
    if net in common.WIDTHS:
        params = autoencoder(net)
    elif net == "P7":
        params = [linear(784, 300), linear(300, 10)]
        activation = jax.nn.relu
    else:
        params = [linear(2, 50), linear(50, 50), linear(50, 1)]
        activation = jnp.tanh

    def forward(params, x):
        if net in common.WIDTHS:
            return encoded_and_decoded(params, x)
        for w, b in params[:-1]:
            x = activation(x @ w + b)
        w, b = params[-1]
        return x @ w + b

    def loss(params, x, y):
        out = forward(params, x)
        if net == "P7":
            return -jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], axis=1).mean()
        return ((out - y) ** 2).mean()

    n, batch, rate = common.samples_of(net), common.BATCH[net], RATE[net]

    def update(params, state, g, t):
        if net == "P7":
            square = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, state[0], g)
            return jax.tree.map(lambda p, g, v: p - rate * g / (jnp.sqrt(v) + 1e-8), params, g, square), (square,)
        if net in ADAM:
            if net in common.WIDTHS:
                g = jax.tree.map(lambda g, p: g + 1e-5 * p, g, params)
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state[0], g)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state[1], g)
            size, root = rate / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
            return jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) / root + 1e-8), params, m, v), (m, v)
        return jax.tree.map(lambda p, g: p - rate * g, params, g), ()

    zeros = jax.tree.map(jnp.zeros_like, params)
    state = (2 if net in ADAM else 1 if net == "P7" else 0) * (zeros,)
    state = jax.tree.map(jnp.array, state)  # each a buffer of its own: they are given away to the step
    if net in common.WIDTHS:
        x = y = images(net)
    else:
        x = jnp.array(rng.standard_normal((n, 784 if net == "P7" else 2)), jnp.float32)
        y = jnp.array(rng.integers(0, 10, n)) if net == "P7" else jnp.sin(2 * x[:, :1]) * x[:, 1:]
    whole = n == batch

    def step(carry, chosen):
        params, state, t = carry
        bx, by = (x, y) if whole else (x[chosen], y[chosen])
        value, g = jax.value_and_grad(loss)(params, bx, by)
        params, state = update(params, state, g, t + 1)
        return (params, state, t + 1), value

    carry = (params, state, jnp.float32(0))
    orders = np.concatenate([rng.permutation(n).reshape(-1, batch) for _ in range(10)])
    if scan:
        samples, per_sample = common.REPETITIONS[f"{net} train"]
        compiled = jax.jit(lambda carry, orders: lax.scan(step, carry, orders), donate_argnums=0)
        per_sample = -(-per_sample // 50) if args.quick else per_sample
        several = jnp.array(np.resize(orders, (per_sample, batch)))

        def steps(_):
            nonlocal carry
            carry, losses = compiled(carry, several)
            losses.block_until_ready()
    else:
        compiled = jax.jit(step, donate_argnums=0)
        orders = [jnp.array(chosen) for chosen in orders]
        place = 0

        def steps(times):
            nonlocal carry, place
            for _ in range(times):
                carry, value = compiled(carry, orders[place % len(orders)])
                place += 1
            value.block_until_ready()

    common.measure(args, f"{net} train", steps)


for net in ("P2", "P3", *common.WIDTHS):
    if args.chooses(f"{net} infer") and not args.scan:
        infer(net)
for net in (*common.WIDTHS, "P7", "P8a", "P8b", "P8c"):
    if args.chooses(f"{net} train") and not (net in common.WIDTHS and args.scan):
        training(net, args.scan)
