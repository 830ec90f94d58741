"""K-means and exact t-SNE in scikit-learn, on the files that `gradus bench` made."""

import time
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

import common

args = common.arguments(__doc__)
folder = Path(args.data)

with threadpool_limits(args.threads):
    for name, n, d, k in (("K1", 60_000, 784, 10), ("K2", 1_000_000, 5, 3), ("K3", 100_000, 50, 100)):
        if args.chooses(name):
            x = np.load(folder / f"{name}-{n // 100 if args.quick else n}x{d}.npy")
            fitted = None

            def fit(_):
                global fitted
                fitted = KMeans(k, init=x[:k], n_init=1, max_iter=20, tol=0, algorithm="lloyd").fit(x)

            common.measure(
                args, name, fit, 5, 1, iterations=lambda: fitted.n_iter_, inertia=lambda: float(fitted.inertia_)
            )

    if args.chooses("T1"):
        x = np.load(folder / "T-600x50.npy")[:300] if args.quick else np.load(folder / "T-60000x50.npy")[:2000]
        iterations = 250 if args.quick else 1000
        start = time.perf_counter()
        map = TSNE(perplexity=30, init="pca", method="exact", max_iter=iterations, random_state=0).fit_transform(x)
        ms = 1e3 * (time.perf_counter() - start)
        path = folder / "T1-sklearn.npy"
        np.save(path, np.ascontiguousarray(map, dtype=np.float32))
        common.report("T1", [ms], map=str(path), iterations=iterations)
