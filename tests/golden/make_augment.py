"""Writes augment.json: what PyTorch's grid_sample makes of small planes, for tests/analysis/augment.rs.

    python make_augment.py          (needs numpy and torch; written with torch 2)

The source's place for each pixel is written out here in homogeneous matrices, turned into grid_sample's coordinates
(align_corners=True: -1 and 1 are the middles of the outermost pixels), and sampled in float64 with the border repeated.
"""

import json
import pathlib

import numpy as np
import torch

rng = np.random.default_rng(20261122)


def matrix(degrees, zoom, shift, h, w):
    """Forwards, on (x, y, 1) with y downwards: to the middle, zoom, turn counter-clockwise as displayed, back, shift."""
    a, cy, cx = np.radians(degrees), (h - 1) / 2, (w - 1) / 2
    to = np.array([[1, 0, -cx], [0, 1, -cy], [0, 0, 1]])
    zoomed = np.diag([zoom, zoom, 1])
    turned = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    back = np.array([[1, 0, cx + shift[1]], [0, 1, cy + shift[0]], [0, 0, 1]])
    return back @ turned @ zoomed @ to


cases = []
for h, w, degrees, zoom, shift in [
    (7, 7, 12.0, 1.0, (0.0, 0.0)),
    (7, 7, 0.0, 1.25, (0.0, 0.0)),
    (6, 9, 0.0, 1.0, (1.5, -2.25)),
    (6, 9, -75.0, 0.8, (0.5, 1.0)),
    (8, 5, 170.0, 1.1, (-3.0, 0.3)),
    (1, 4, 5.0, 0.9, (0.2, 0.7)),
]:
    x = rng.integers(0, 65, size=(h, w)) / 64
    ys, xs = np.mgrid[0:h, 0:w]
    points = np.stack([xs.ravel(), ys.ravel(), np.ones(h * w)])
    sx, sy, _ = np.linalg.inv(matrix(degrees, zoom, shift, h, w)) @ points
    grid = np.stack([2 * sx / max(w - 1, 1) - 1, 2 * sy / max(h - 1, 1) - 1], axis=-1).reshape(1, h, w, 2)
    y = torch.nn.functional.grid_sample(
        torch.tensor(x)[None, None], torch.tensor(grid), mode="bilinear", padding_mode="border", align_corners=True
    )
    cases.append(
        dict(size=[h, w], degrees=degrees, zoom=zoom, shift=shift, from_=[int(v) for v in (x * 64).ravel()],
             to=[float(f"{v:.9g}") for v in y.numpy().ravel()])
    )

path = pathlib.Path(__file__).with_name("augment.json")
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
print(path.name, path.stat().st_size, "bytes")
