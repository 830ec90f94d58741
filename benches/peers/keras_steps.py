"""Training steps in Keras 3, through `fit`, which feeds and compiles best."""

import importlib.util
import os
import time

# The fastest backend on this work, if it is there.
os.environ.setdefault("KERAS_BACKEND", "tensorflow" if importlib.util.find_spec("tensorflow") else "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common

args = common.arguments(__doc__)

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)


def blocks(widths, padding):
    made = []
    for width in widths:
        made += [layers.Conv2D(width, 3, padding=padding, activation="relu"), layers.MaxPooling2D(2)]
    return made + [layers.Flatten()]


def build(net):
    if net == "P1":
        body = [*blocks([16, 32, 64, 128], "same"), layers.Dense(128, activation="relu"), layers.Dense(3)]
        shape = (128, 128, 1)
    else:
        body = [*blocks([32, 64], "valid"), layers.Dropout(0.5), layers.Dense(10)]
        shape = (28, 28, 1)
    model = keras.Sequential([keras.Input(shape), *body])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    return model


class Clock(keras.callbacks.Callback):
    """Milliseconds of a step in each epoch."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.times = steps, []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(1e3 * (time.perf_counter() - self.start) / self.steps)


for net in ("P1", "P3"):
    if args.chooses(f"{net} train"):
        # An epoch has its own cost: more samples than elsewhere make it count little.
        steps, batch = (20 if net == "P1" else 80), common.BATCH[net]
        height, width = common.INPUT[net][1:]
        x = rng.standard_normal((steps * batch, height, width, 1)).astype(np.float32)
        y = rng.integers(0, common.CLASSES[net], steps * batch)
        clock = Clock(steps)
        build(net).fit(x, y, batch_size=batch, epochs=2 if args.quick else 4, verbose=0, callbacks=[clock])
        common.report(f"{net} train", clock.times[1:])  # the first epoch compiles
