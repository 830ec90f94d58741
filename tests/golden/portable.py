"""Numbers that Python and Rust (tests/engine/common.rs) make alike, so that goldens need not store their inputs.

A 64-bit linear congruential generator (Knuth's MMIX constants); all values are multiples of powers of two that
float32 holds exactly.
"""

import numpy as np


class Portable:
    def __init__(self, seed):
        self.state = seed

    def bits(self):
        """31 bits."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.state >> 33

    def draw(self, kind, shape):
        n = int(np.prod(shape, dtype=int))
        if kind == "signed":  # multiples of 1/512 on [-2, 2)
            data = [((self.bits() >> 20) - 1024) / 512 for _ in range(n)]
        elif kind == "positive":  # multiples of 1/1024 on [0.25, 2.25)
            data = [0.25 + (self.bits() >> 20) / 1024 for _ in range(n)]
        elif kind == "distinct":  # different multiples of 1/64 around 0, in random order
            order = list(range(n))
            for i in range(n - 1, 0, -1):
                j = self.bits() % (i + 1)
                order[i], order[j] = order[j], order[i]
            data = [(2 * k - n + 1) / 64 for k in order]
        elif kind == "unit":  # odd multiples of 1/4096 on (0, 1)
            data = [(2 * (self.bits() >> 20) + 1) / 4096 for _ in range(n)]
        elif kind == "quarters":  # multiples of 1/4 from -1 to 1: often equal
            data = [self.bits() % 9 / 4 - 1 for _ in range(n)]
        elif kind == "targets":  # 0, 1/4, 1/2, 3/4 or 1
            data = [self.bits() % 5 / 4 for _ in range(n)]
        elif kind == "probabilities":  # positive rows divided by their sums, added from the left
            rows = self.draw("positive", shape)
            for row in rows:
                total = 0.0
                for value in row:
                    total += value
                row /= total
            return rows
        else:
            raise ValueError(kind)
        return np.array(data, dtype=np.float64).reshape(shape)


def digest(tensor):
    """Up to six elements as they are; of more, three random weighted sums."""
    flat = tensor.detach().double().numpy().reshape(-1)
    if flat.size <= 6:
        values = flat
    else:
        values = [float(np.dot(flat, Portable(7 + k).draw("signed", [flat.size]))) for k in range(3)]
    return [float(f"{value:.13g}") for value in values]
