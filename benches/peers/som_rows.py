"""Self-organizing maps of 25 x 15 units in MiniSom and TorchSOM, 100 epochs, on the files that `gradus bench` made.

Each begins at principal components, with a neighbourhood of radius 3, a learning rate of 0.5 and its own usual decays.
TorchSOM measures errors while it trains, which its time includes. The errors given here are computed for all programs
alike, by the definitions of `gradus::analysis::som`: at a corner, units are neighbours. MiniSom learns sample by sample, on
one thread: SOM2 takes it some twenty minutes.
"""

import time
from pathlib import Path

import numpy as np

import common

args = common.arguments(__doc__, minisom="MiniSom", torchsom="TorchSOM, batches of 256 samples")
folder = Path(args.data)
ROWS, COLUMNS, RADIUS, RATE, SEED = 25, 15, 3.0, 0.5, 42
EPOCHS = 5 if args.quick else 100


def errors(x, units):
    """Quantization and topographic error."""
    best, distance = [], []
    for part in np.array_split(x.astype(np.float64), max(1, len(x) // 500)):
        squared = (part**2).sum(1)[:, None] + (units**2).sum(1) - 2 * part @ units.T
        two = np.argpartition(squared, 1, axis=1)[:, :2]
        two = np.take_along_axis(two, np.argsort(np.take_along_axis(squared, two, 1), axis=1), 1)
        best.append(two)
        distance.append(np.linalg.norm(part - units[two[:, 0]], axis=1))
    best = np.concatenate(best)
    apart = np.maximum(*(np.abs(np.subtract(*place.T)) for place in np.divmod(best, COLUMNS)))
    return float(np.concatenate(distance).mean()), float((apart > 1).mean())


def minisom(x):
    from minisom import MiniSom

    som = MiniSom(ROWS, COLUMNS, x.shape[1], sigma=RADIUS, learning_rate=RATE, random_seed=SEED)
    som.pca_weights_init(x)
    start = time.perf_counter()
    som.train(x, EPOCHS, random_order=True, use_epochs=True)
    return 1e3 * (time.perf_counter() - start), som.get_weights().reshape(ROWS * COLUMNS, -1)


def torchsom(x):
    import torch
    from torchsom import SOM

    torch.set_num_threads(args.threads)
    som = SOM(
        x=ROWS, y=COLUMNS, num_features=x.shape[1], epochs=EPOCHS, batch_size=256, sigma=RADIUS, learning_rate=RATE,
        initialization_mode="pca", device="cpu", random_seed=SEED,
    )
    samples = torch.from_numpy(x)
    som.initialize_weights(samples, mode="pca")
    start = time.perf_counter()
    som.fit(samples, verbose=False)
    ms = 1e3 * (time.perf_counter() - start)
    return ms, som.weights.detach().numpy().reshape(ROWS * COLUMNS, -1)


fit = torchsom if args.torchsom else minisom
for name, n, d in (("SOM1", 4_000, 50), ("SOM2", 16_000, 300)):
    if args.chooses(name):
        x = np.load(folder / f"{name}-{n // 40 if args.quick else n}x{d}.npy")
        ms, units = fit(x)
        quantization, topographic = errors(x, units.astype(np.float64))
        common.report(name, [ms], quantization_error=quantization, topographic_error=topographic, epochs=EPOCHS)
