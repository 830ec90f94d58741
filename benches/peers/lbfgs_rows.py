"""Two hundred iterations of L-BFGS in PyTorch and in scipy, on the network and from the start of `gradus bench L-BFGS`.

The samples are a grid of 40 x 40 on [-1, 1]², the value to predict is sin 3x + cos 2y, the network is 2-50-50-1 with tanh, and
parameter k of all (weights before biases, layer by layer) begins as sin k² / sqrt(inputs of its layer). Ten pairs are
remembered, the line search is for the strong Wolfe conditions, and no tolerance ends the search. scipy's loss and gradient
are NumPy's, in double precision; PyTorch's are its own, in single precision.
"""

import os

import common

args = common.arguments(__doc__, torch="PyTorch's LBFGS", scipy="scipy's L-BFGS-B")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, str(args.threads))
import time

import numpy as np

SIDE, WIDTH = 40, 50
ITERATIONS = 10 if args.quick else 200
AT = 2 * np.arange(SIDE) / (SIDE - 1) - 1
X = np.stack([a.ravel() for a in np.meshgrid(AT, AT, indexing="ij")], 1)
T = (np.sin(3 * X[:, 0]) + np.cos(2 * X[:, 1]))[:, None]
SHAPES = [(WIDTH, 2), (WIDTH,), (WIDTH, WIDTH), (WIDTH,), (1, WIDTH), (1,)]
INPUTS = np.concatenate([np.full(int(np.prod(s)), n) for s, n in zip(SHAPES, (2, 2, WIDTH, WIDTH, WIDTH, WIDTH))])
START = np.sin(np.arange(len(INPUTS), dtype=np.float64) ** 2) / np.sqrt(INPUTS)


def by_torch():
    import torch

    torch.set_num_threads(args.threads)
    x, t = (torch.tensor(a, dtype=torch.float32) for a in (X, T))
    tanh, linear = torch.nn.Tanh, torch.nn.Linear
    model = torch.nn.Sequential(linear(2, WIDTH), tanh(), linear(WIDTH, WIDTH), tanh(), linear(WIDTH, 1))
    start = torch.tensor(START, dtype=torch.float32)

    def run():
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(start.clone(), model.parameters())
        optimizer = torch.optim.LBFGS(
            model.parameters(), max_iter=ITERATIONS, max_eval=10**6, history_size=10, tolerance_grad=0, tolerance_change=0,
            line_search_fn="strong_wolfe",
        )
        count = 0

        def closure():
            nonlocal count
            count += 1
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), t)
            loss.backward()
            return loss

        optimizer.step(closure)
        with torch.no_grad():
            return count, float(torch.nn.functional.mse_loss(model(x), t))

    return run


def by_scipy():
    from scipy.optimize import minimize

    ends = np.cumsum([int(np.prod(s)) for s in SHAPES])

    def function(p):
        w1, b1, w2, b2, w3, b3 = (part.reshape(s) for part, s in zip(np.split(p, ends[:-1]), SHAPES))
        h1 = np.tanh(X @ w1.T + b1)
        h2 = np.tanh(h1 @ w2.T + b2)
        error = h2 @ w3.T + b3 - T
        d = 2 * error / len(X)
        d2 = (d @ w3) * (1 - h2 * h2)
        d1 = (d2 @ w2) * (1 - h1 * h1)
        gradients = [d1.T @ X, d1.sum(0), d2.T @ h1, d2.sum(0), d.T @ h2, d.sum(0)]
        return float((error**2).mean()), np.concatenate([g.ravel() for g in gradients])

    def run():
        options = {"maxiter": ITERATIONS, "maxcor": 10, "ftol": 0, "gtol": 0, "maxfun": 10**6}
        found = minimize(function, START, jac=True, method="L-BFGS-B", options=options)
        return found.nfev, float(found.fun)

    return run


if args.chooses("L-BFGS"):
    run = by_torch() if args.torch else by_scipy()
    times = []
    for i in range(6):
        begin = time.perf_counter()
        evaluations, loss = run()
        times.append(1e3 * (time.perf_counter() - begin))
    common.report("L-BFGS", times[1:], evaluations=evaluations, loss=loss)
