"""Writes linear.json: what scikit-learn's ARDRegression and numpy's normal equations say, for tests/analysis/linear.rs.

    python make_linear.py          (needs numpy and scikit-learn; written with numpy 2.4 and scikit-learn 1.9)

The rows are those of portable.py, which the test makes alike, so that only targets and results are kept.
"""

import json
import pathlib

import numpy as np
from portable import Portable
from sklearn.linear_model import ARDRegression

HERE = pathlib.Path(__file__).parent


def plain(x):
    return [float(f"{v:.12g}") for v in np.asarray(x, dtype=np.float64).reshape(-1)]


def extended(x, y, a=1e-6):
    """The same updates in extended precision, the Woodbury matrix inverted by Newton's method to its last digits."""
    x, y = (x - x.mean(0)).astype(np.longdouble), (y - y.mean()).astype(np.longdouble)
    (n, d), keep, old = x.shape, np.arange(x.shape[1]), None
    alpha, beta = np.ones(d, np.longdouble), 1 / ((y**2).mean() + np.finfo(float).eps)

    def posterior():
        s = 1 / np.sqrt(alpha[keep])
        z = x[:, keep] * s
        c = np.eye(n, dtype=np.longdouble) + beta * (z @ z.T)
        inverse = np.linalg.inv(c.astype(float)).astype(np.longdouble)
        for _ in range(3):
            inverse = inverse @ (2 * np.eye(n, dtype=np.longdouble) - c @ inverse)
        mean = np.zeros(d, np.longdouble)
        mean[keep] = beta * s * (z.T @ (inverse @ y))
        return mean, beta * np.einsum("ij,ij->j", z, inverse @ z)

    while True:
        mean, gamma = posterior()
        alpha[keep] = (gamma + 2 * a) / (mean[keep] ** 2 + 2 * a)
        beta = (n - gamma.sum() + 2 * a) / (((y - x @ mean) ** 2).sum() + 2 * a)
        keep = np.flatnonzero(alpha < 1e4)
        left = np.zeros(d, np.longdouble)
        left[keep] = mean[keep]
        if old is not None and np.abs(left - old).sum() < 1e-3:
            return posterior()[0]
        old = left


def case(name, seed, n, d, weights, noise, intercept=1.0):
    draws = Portable(seed)
    x = draws.draw("signed", [n, d])
    y = intercept + noise * draws.draw("signed", [n])
    for j, w in weights.items():
        y = y + w * x[:, j]
    y = np.round(y * 4096) / 4096
    fit = ARDRegression().fit(x, y)
    kept = fit.lambda_ < fit.threshold_lambda
    deviations = np.zeros(d)
    deviations[kept] = np.sqrt(np.diag(fit.sigma_))
    out = dict(name=name, seed=seed, n=n, d=d, y=plain(y))
    out["ard"] = dict(
        weights=plain(fit.coef_),
        intercept=float(fit.intercept_),
        deviations=plain(deviations),
        noise_precision=float(fit.alpha_),
        relevant=np.flatnonzero(kept).tolist(),
        iterations=int(fit.n_iter_),
    )
    if n < d:
        # Here the peer's own rounding shows in the fifth digit.
        out["ard"]["extended"] = plain(extended(x, y))
    if n > d + 1 and noise > 0:
        ones = np.column_stack([x, np.ones(n)])
        inverse = np.linalg.inv(ones.T @ ones)
        w = inverse @ ones.T @ y
        variance = ((y - ones @ w) ** 2).sum() / (n - d - 1)
        out["least_squares"] = dict(
            weights=plain(w[:-1]),
            intercept=float(w[-1]),
            standard_errors=plain(np.sqrt(variance * np.diag(inverse))[:-1]),
            noise_variance=float(variance),
        )
    return out


cases = [
    case("constant target", 11, 50, 3, {}, 0.0, intercept=2.0),
    case("one of three columns", 12, 250, 3, {1: 3.0}, 0.5),
    case("more columns than samples", 13, 100, 300, {0: 2.0, 7: -1.5, 150: 0.75}, 0.25),
    case("all of eight columns", 14, 120, 8, {j: 0.5 * (j + 1) for j in range(8)}, 1.0),
]
(HERE / "linear.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
