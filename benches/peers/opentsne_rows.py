"""t-SNE by interpolation (FFT) in openTSNE, on the file that `gradus bench` made."""

import time
from pathlib import Path

import numpy as np
from openTSNE import TSNE

import common

args = common.arguments(__doc__)
folder = Path(args.data)

for name, n, iterations in (("T2", 10_000, 1000), ("T3", 60_000, 500)):
    if args.chooses(name):
        x = np.load(folder / "T-600x50.npy")[:300] if args.quick else np.load(folder / "T-60000x50.npy")[:n]
        later = 0 if args.quick else iterations - 250
        start = time.perf_counter()
        map = TSNE(
            perplexity=30, initialization="pca", negative_gradient_method="fft", early_exaggeration_iter=250,
            n_iter=later, n_jobs=args.threads, random_state=0,
        ).fit(x)
        ms = 1e3 * (time.perf_counter() - start)
        path = folder / f"{name}-opentsne.npy"
        np.save(path, np.ascontiguousarray(map, dtype=np.float32))
        common.report(name, [ms], map=str(path), iterations=250 + later)
