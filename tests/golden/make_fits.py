"""Writes fits.json: what scikit-learn's SVR and RandomForestRegressor predict, for tests/analysis/fits.rs.

    python make_fits.py          (needs numpy and scikit-learn; written with numpy 2.4 and scikit-learn 1.9)

The rows are those of portable.py, which the test makes alike, so that only targets and results are kept. The optimum of a support
vector regression is one, and is found to 1e-8 here. A forest is random: what is kept is the mean squared error on the test rows,
for ten seeds.
"""

import json
import pathlib

import numpy as np
from portable import Portable
from sklearn.ensemble import RandomForestRegressor
from sklearn.svm import SVR

HERE = pathlib.Path(__file__).parent
N, TEST, D, SEED = 300, 300, 5, 21


def plain(x):
    return [float(f"{v:.9g}") for v in np.asarray(x, dtype=np.float64).reshape(-1)]


draws = Portable(SEED)
x = draws.draw("signed", [N + TEST, D])
noise = draws.draw("signed", [N + TEST])
y = x[:, 0] * x[:, 1] + np.abs(x[:, 2]) - 0.5 * x[:, 3] + 0.3 * noise
y = np.round(y * 4096) / 4096
train, test = slice(0, N), slice(N, N + TEST)


def svr(**settings):
    model = SVR(tol=1e-8, **settings).fit(x[train], y[train])
    gamma = model._gamma if model.kernel == "rbf" else None
    predicted = model.predict(x[test])[:60]
    return dict(**settings, gamma_used=gamma, vectors=len(model.support_), intercept=float(model.intercept_[0]), predicted=plain(predicted))


def forest(depth, leaf, columns, trees=200):
    def error(seed):
        settings = dict(n_estimators=trees, max_depth=depth or None, min_samples_leaf=leaf, max_features=columns)
        model = RandomForestRegressor(random_state=seed, **settings).fit(x[train], y[train])
        return ((model.predict(x[test]) - y[test]) ** 2).mean()

    return dict(trees=trees, depth=depth, leaf=leaf, columns=columns, errors=plain([error(seed) for seed in range(10)]))


out = dict(
    seed=SEED,
    n=N,
    test=TEST,
    d=D,
    y=plain(y),
    svr=[
        svr(kernel="rbf", C=1.0, epsilon=0.1, gamma="scale"),
        svr(kernel="rbf", C=20.0, epsilon=0.3, gamma=0.5),
        svr(kernel="rbf", C=0.05, epsilon=0.0, gamma="scale"),
        svr(kernel="linear", C=0.5, epsilon=0.2),
    ],
    forest=[forest(0, 1, 1.0), forest(0, 5, 0.4), forest(3, 1, 1.0)],
)
(HERE / "fits.json").write_text(json.dumps(out) + "\n")
