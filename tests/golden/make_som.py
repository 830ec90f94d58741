"""Writes som.json: self-organizing maps by MiniSom (online training, errors, U-matrix) and by a few lines of NumPy (batch).

    python make_som.py          (needs numpy and minisom; written with numpy 2.4 and MiniSom 2.3)

Samples and starting weights are multiples of 1/64. Results keep 12 significant digits. MiniSom's own decay functions end at
zero, at one or at a third; here it is given the exponential decay from a beginning to an end. Its triangle and bubble are
products over the two axes, and its distances on a hexagonal grid are not those between centres, so neither is compared.
"""

import json
import pathlib

import numpy as np
from minisom import MiniSom

rng = np.random.default_rng(20261201)


def digits(x):
    return [digits(v) for v in x] if isinstance(x, (list, np.ndarray)) else float(f"{x:.12g}")


def rounded(shape):
    return np.round(64 * rng.normal(size=shape)) / 64


def online(rows, columns, neighbourhood, n, d, steps, radius, final_radius, rate, final_rate):
    x, start, order = rounded((n, d)), rounded((rows * columns, d)), rng.integers(0, n, steps)
    som = MiniSom(rows, columns, d, sigma=radius, learning_rate=rate, neighborhood_function=neighbourhood)
    som._weights = start.reshape(rows, columns, d).copy()
    som._learning_rate_decay_function = lambda a, t, last: a * (final_rate / a) ** (t / (last - 1))
    som._sigma_decay_function = lambda a, t, last: a * (final_radius / a) ** (t / (last - 1))
    for t, i in enumerate(order):
        som.update(x[i], som.winner(x[i]), t, steps)
    return {
        "rows": rows, "columns": columns, "grid": "rectangular", "neighbourhood": neighbourhood, "radius": radius,
        "final_radius": final_radius, "rate": rate, "final_rate": final_rate, "order": order.tolist(), "x": x.tolist(),
        "start": start.tolist(), "units": digits(som._weights.reshape(-1, d)),
        "quantization_error": digits(som.quantization_error(x)), "topographic_error": digits(som.topographic_error(x)),
        "distance_map": digits(som.distance_map(scaling="mean").reshape(-1)),
    }


def places(rows, columns, grid):
    i, j = np.divmod(np.arange(rows * columns), columns)
    if grid == "hexagonal":
        return np.stack([i * np.sqrt(0.75), j + 0.5 * (i % 2)], axis=1)
    return np.stack([i, j], axis=1).astype(float)


def batch(rows, columns, grid, n, d, epochs, radius, final_radius):
    x, start = rounded((n, d)), rounded((rows * columns, d))
    at, units = places(rows, columns, grid), start
    squared = ((at[:, None] - at[None]) ** 2).sum(-1)
    for epoch in range(epochs):
        sigma = radius + (final_radius - radius) * epoch / (epochs - 1)
        best = ((x[:, None] - units[None]) ** 2).sum(-1).argmin(1)
        h = np.exp(-squared / (2 * sigma**2))[:, best]
        units = h @ x / h.sum(1, keepdims=True)
    return {
        "rows": rows, "columns": columns, "grid": grid, "neighbourhood": "gaussian", "epochs": epochs, "radius": radius,
        "final_radius": final_radius, "x": x.tolist(), "start": start.tolist(), "units": digits(units),
    }


golden = {
    "online": [
        online(4, 5, "gaussian", 30, 3, 60, 2.0, 0.5, 0.5, 0.05),
        online(3, 6, "mexican_hat", 25, 2, 50, 1.5, 0.8, 0.2, 0.02),
        online(1, 7, "gaussian", 20, 4, 40, 2.5, 0.7, 0.4, 0.1),
    ],
    "batch": [batch(4, 4, "rectangular", 40, 3, 5, 2.0, 0.6), batch(3, 5, "hexagonal", 40, 2, 6, 2.0, 0.8)],
}
text = json.dumps(golden, separators=(",", ":"))
(pathlib.Path(__file__).parent / "som.json").write_text(text + "\n")
