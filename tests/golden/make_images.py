"""Writes images.zip: one small image in each format and variant that people bring, by Pillow, and expected.json with
what Pillow reads from it: the mean of each channel and some pixels, in [0, 1], transparency on white.

    python make_images.py          (needs pillow and numpy; written with pillow 13)
"""

import io
import json
import pathlib
import zipfile

import numpy as np
from PIL import Image

SIDE = 40
y, x = np.mgrid[0:SIDE, 0:SIDE]
rng = np.random.default_rng(7)
smooth = np.stack([x * 6, y * 6, 255 - (x + y) * 3], axis=-1)
rgb = Image.fromarray(np.clip(smooth + rng.integers(-20, 20, smooth.shape), 0, 255).astype("u1"))
gray = rgb.convert("L")
alpha = Image.fromarray(((x + y) * 3).clip(0, 255).astype("u1"))
rgba = rgb.copy()
rgba.putalpha(alpha)
la = gray.copy()
la.putalpha(alpha)
sixteen = Image.fromarray((np.asarray(gray).astype("u2") * 256 + y.astype("u2")))
cmyk = rgb.convert("CMYK")
palette = rgb.quantize(16)
see_through = palette.copy()
see_through.info["transparency"] = 3

FILES = {
    "baseline.jpg": (rgb, {}),
    "full.jpg": (rgb, {"subsampling": 0, "quality": 95}),
    "half.jpg": (rgb, {"subsampling": 1}),
    "gray.jpg": (gray, {}),
    "restart.jpg": (rgb, {"restart_marker_blocks": 2}),
    "optimized.jpg": (rgb, {"optimize": True, "quality": 60}),
    "progressive.jpg": (rgb, {"progressive": True}),
    "progressive_full.jpg": (rgb, {"progressive": True, "subsampling": 0, "quality": 98}),
    "progressive_gray.jpg": (gray, {"progressive": True, "quality": 30}),
    "cmyk.jpg": (cmyk, {"quality": 95}),
    "rgb.png": (rgb, {}),
    "rgba.png": (rgba, {}),
    "la.png": (la, {}),
    "palette.png": (palette, {}),
    "see_through.png": (see_through, {}),
    "sixteen.png": (sixteen, {}),
    "one_bit.png": (gray.convert("1"), {}),
    "lossless.webp": (rgba, {"lossless": True}),
    "lossy.webp": (rgb, {"quality": 90}),
    "rgb.bmp": (rgb, {}),
    "gray.bmp": (gray, {}),
    "one_bit.bmp": (gray.convert("1"), {}),
    "raw.tif": (rgb, {}),
    "lzw.tif": (rgba, {"compression": "tiff_lzw"}),
    "deflate.tif": (gray, {"compression": "tiff_deflate"}),
    "sixteen.tif": (sixteen, {}),
    "cmyk.tif": (cmyk, {}),
    "frames.gif": (palette, {"save_all": True, "append_images": [Image.new("P", (SIDE, SIDE))]}),
    "see_through.gif": (see_through, {}),
    "rgb.ppm": (rgb, {}),
    "gray.pgm": (gray, {}),
    "one_bit.pbm": (gray.convert("1"), {}),
}


def seen(data):
    image = Image.open(io.BytesIO(data))
    if image.mode.startswith("I"):
        return np.repeat(np.asarray(image).astype(float)[..., None] / 65535, 3, axis=-1)
    transparent = image.mode in ("RGBA", "LA") or "transparency" in image.info
    if transparent:
        pixels = np.asarray(image.convert("RGBA")) / 255
        return pixels[..., :3] * pixels[..., 3:] + 1 - pixels[..., 3:]
    return np.asarray(image.convert("RGB")) / 255


expected = {}
with zipfile.ZipFile(pathlib.Path(__file__).parent / "images.zip", "w", zipfile.ZIP_DEFLATED) as out:
    for name, (image, how) in FILES.items():
        buffer = io.BytesIO()
        image.save(buffer, {"jpg": "JPEG", "tif": "TIFF", "webp": "WEBP"}.get(name.split(".")[1], None)
                   or {"png": "PNG", "bmp": "BMP", "gif": "GIF"}.get(name.split(".")[1], "PPM"), **how)
        pixels = seen(buffer.getvalue())
        expected[name] = {
            "mean": pixels.mean(axis=(0, 1)).round(5).tolist(),
            "pixels": [[r, c, *pixels[r, c].round(5).tolist()] for r, c in [(0, 0), (5, 31), (20, 20), (39, 2), (39, 39)]],
        }
        out.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), buffer.getvalue(), zipfile.ZIP_DEFLATED)
    out.writestr(zipfile.ZipInfo("expected.json", (2026, 1, 1, 0, 0, 0)), json.dumps(expected, indent=1), zipfile.ZIP_DEFLATED)
