"""Writes arrays.npz and packed.npz: small files by NumPy, for tests/analysis/npz.rs to read.

    python make_npz.py          (needs numpy; written with numpy 2.4)
"""

import pathlib

import numpy as np

here = pathlib.Path(__file__).parent
rows = np.arange(12).reshape(4, 3)
gray = np.arange(4 * 2 * 3).reshape(4, 2, 3)
rgb = np.arange(4 * 2 * 2 * 3).reshape(4, 2, 2, 3)
y = np.array([7, -1, 10, 7])

np.savez(
    here / "arrays.npz",
    rows32=(rows / 4).astype("float32"), rows64=rows / 4, rows8=rows.astype("uint8"), rows_int=rows.astype("int64"),
    gray8=gray.astype("uint8"), gray32=(gray / 32).astype("float32"), big=gray.astype("float64"),
    channels_last=rgb.astype("uint8"), channels_first=np.ascontiguousarray(rgb.transpose(0, 3, 1, 2)).astype("uint8"),
    y=y.astype("int64"), y8=np.array([1, 0, 2, 1], "uint8"), column=y.reshape(4, 1).astype("int64"),
    y_float=y.astype("float32"), half=y / 2, short=y[:3].astype("int64"),
    single=(rows / 4).astype("float16"), fortran=np.asfortranarray(rows / 4), nan=np.where(rows == 5, np.nan, rows),
    five=np.zeros((4, 1, 1, 1, 1)), none=np.zeros((0, 3)), complex=rows + 1j, zeros=np.zeros(4, "int64"),
    rows_short=rows.astype("int16"), big_endian=(rows / 4).astype(">f8"), gray_int=gray.astype("int32"),
    gray_fortran=np.asfortranarray(gray.astype("uint8")), y_int32=y.astype("int32"), y_bool=y == 7,
    one_hot=np.eye(3)[[1, 0, 2, 1]], one_hot_bool=np.eye(3)[[1, 0, 2, 1]] == 1,
    words=np.array(["bee", "ant", "cat", "bee"]), bytes=np.array([b"bee", b"ant", b"cat", b"bee"]),
)
np.savez_compressed(here / "packed.npz", x_train=gray.astype("uint8"), y_train=y.astype("int64"))
