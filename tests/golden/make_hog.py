"""Writes hog.json: what scikit-image says of small images, for tests/analysis/hog.rs.

    python make_hog.py          (needs numpy and scikit-image; written with numpy 2.4 and scikit-image 0.26)

Pixels are multiples of 1/64, so that they are exact in every format and gradients of equal size in both directions
(45 degrees, on the bound between bins) occur often; or k/255 in float32, as images are read, where such gradients are
equal or not by their rounding. Results keep 9 significant digits, 0 is 0.
"""

import json
import pathlib

import numpy as np
from skimage.feature import hog

rng = np.random.default_rng(20261121)


def image(c, h, w):
    """Few gray levels, large flat areas, some noise: flats, ties and all directions."""
    y, x = np.mgrid[0:h, 0:w]
    planes = []
    for _ in range(c):
        a, b, r = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(2, max(h, w))
        blob = np.clip(1.5 - np.hypot(y - a, x - b) / r, 0, 1)
        noise = rng.integers(0, 8, size=(h, w)) / 8 * (rng.random((h, w)) < 0.3)
        planes.append(np.round(np.clip(blob + 0.5 * noise, 0, 1) * 64) / 64)
    return np.stack(planes)


settings = [
    # channels, height, width, orientations, cell, block, norm, transform_sqrt
    (1, 28, 28, 8, (4, 4), (1, 1), "L2-Hys", False),
    (1, 28, 28, 9, (8, 8), (3, 3), "L2-Hys", False),
    (1, 16, 20, 6, (4, 5), (2, 2), "L1", False),
    (1, 17, 23, 4, (5, 3), (1, 2), "L1-sqrt", True),
    (1, 12, 12, 12, (6, 6), (2, 1), "L2", True),
    (1, 7, 9, 1, (2, 2), (2, 2), "L2-Hys", False),
    (1, 5, 31, 5, (1, 7), (3, 1), "L2", False),
    (3, 14, 14, 8, (7, 7), (2, 2), "L2-Hys", False),
    (3, 13, 18, 9, (3, 6), (2, 2), "L1", True),
]

# The same with pixels k/255.
rounded = [
    (1, 16, 16, 4, (4, 4), (2, 2), "L2-Hys", False),
    (1, 16, 16, 6, (4, 4), (2, 2), "L2-Hys", False),
    (1, 16, 16, 7, (5, 5), (1, 1), "L2", False),
    (1, 16, 16, 8, (4, 4), (2, 2), "L2-Hys", False),
    (1, 16, 16, 8, (4, 4), (1, 1), "L1", True),
    (1, 16, 16, 12, (4, 4), (2, 2), "L2-Hys", False),
    (1, 16, 16, 16, (8, 8), (1, 1), "L1-sqrt", False),
    (3, 15, 15, 8, (5, 5), (2, 2), "L2-Hys", False),
]


def levels(c, h, w):
    """Few gray levels out of 256, in float32: many gradients of (nearly) equal components."""
    return rng.integers(0, 6, size=(c, h, w)) * 51


cases = []
for unit, (c, h, w, orientations, cell, block, norm, sqrt) in [(64, s) for s in settings] + [(255, s) for s in rounded]:
    x = image(c, h, w) if unit == 64 else levels(c, h, w).astype(np.float32) / np.float32(255)
    kwargs = dict(orientations=orientations, pixels_per_cell=cell, transform_sqrt=sqrt,
                  channel_axis=0 if c > 1 else None)
    image = x if c > 1 else x[0]
    vector = hog(image, cells_per_block=block, block_norm=norm, **kwargs)
    cases.append(
        dict(
            shape=[c, h, w],
            hog=dict(orientations=orientations, cell=list(cell), block=list(block), norm=norm, transform_sqrt=sqrt),
            unit=unit,
            pixels=[int(v) for v in np.round(x * unit).ravel()],
            vector=[float(f"{v:.9g}") for v in vector],
        )
    )

path = pathlib.Path(__file__).with_name("hog.json")
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
print(path.name, path.stat().st_size, "bytes")
