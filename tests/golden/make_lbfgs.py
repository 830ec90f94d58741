"""Makes lbfgs.json: the values that scipy's L-BFGS-B reaches on two functions, after given numbers of iterations.

    python3 make_lbfgs.py          (needs numpy and scipy)

Rosenbrock's valley 100 (b - a²)² + (1 - a)², from (-1.2, 1). And the mean squared error of a network 2-50-50-1 with tanh
on 100 samples, all in double precision: weights are portable.py's "signed" with seeds 0, 1, .. in the order w1, b1, w2, b2,
w3, b3, times 1/4; inputs are "signed" with seed 100, and the value to predict is sin x + cos 2y.
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from portable import Portable


def rosenbrock(x):
    a, b = x
    return 100 * (b - a * a) ** 2 + (1 - a) ** 2, np.array([-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)])


SHAPES = [(50, 2), (50,), (50, 50), (50,), (1, 50), (1,)]
START = np.concatenate([Portable(i).draw("signed", list(s)).ravel() / 4 for i, s in enumerate(SHAPES)])
X = Portable(100).draw("signed", [100, 2])
T = np.sin(X[:, :1]) + np.cos(2 * X[:, 1:])


def network(p):
    parts, at = [], 0
    for shape in SHAPES:
        size = int(np.prod(shape))
        parts.append(p[at : at + size].reshape(shape))
        at += size
    w1, b1, w2, b2, w3, b3 = parts
    h1 = np.tanh(X @ w1.T + b1)
    h2 = np.tanh(h1 @ w2.T + b2)
    error = h2 @ w3.T + b3 - T
    d = 2 * error / len(X)
    d2 = (d @ w3) * (1 - h2 * h2)
    d1 = (d2 @ w2) * (1 - h1 * h1)
    gradients = [d1.T @ X, d1.sum(0), d2.T @ h1, d2.sum(0), d.T @ h2, d.sum(0)]
    return float((error**2).mean()), np.concatenate([g.ravel() for g in gradients])


def values(f, start, iterations):
    options = {"maxcor": 10, "ftol": 0, "gtol": 0, "maxfun": 10**6}
    return [float(minimize(f, start, jac=True, method="L-BFGS-B", options={**options, "maxiter": n}).fun) for n in iterations]


found = {
    "rosenbrock": {"iterations": [10, 20, 30, 40], "values": values(rosenbrock, np.array([-1.2, 1.0]), [10, 20, 30, 40])},
    "network": {
        "start": network(START)[0],
        "iterations": [25, 50, 100, 200],
        "values": values(network, START, [25, 50, 100, 200]),
    },
}
Path(__file__).with_name("lbfgs.json").write_text(json.dumps(found, indent=1) + "\n")
