"""Makes optimizers.json: ten steps of torch.optim's and of Keras's rules on two parameters and a fixed sequence of
gradients, and the rates of torch.optim.lr_scheduler.

    python3 make_optimizers.py          (needs torch and keras; Keras runs on torch)

Parameters: portable.py's "signed" with seeds 0 and 1; gradients of step t (from 1): seeds 10 t and 10 t + 1. From
step 7 on the learning rate is a tenth. Stored are digests of both parameters after each step, and with `use_ema` of
their averages. `settings` are written with Gradus's names. With `unfrozen`, the first parameter has a gradient from that
step on only.
"""

import json
import math
import os
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
from keras.src.backend.common import dtypes

from portable import Portable, digest

torch.set_default_dtype(torch.float64)  # NAdam's product of momenta is of this type
SHAPES = [[3, 4], [5]]
RULES = [
    ("sgd", torch.optim.SGD, dict(lr=0.1)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, weight_decay=0.05)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    ("sgd", torch.optim.SGD, dict(lr=0.02, momentum=0.5, nesterov=True, weight_decay=0.1)),
    ("adam", torch.optim.Adam, dict(lr=0.01)),
    ("adam", torch.optim.Adam, dict(lr=0.01, weight_decay=0.1)),
    ("adam", torch.optim.Adam, dict(lr=0.1, betas=[0.5, 0.9], eps=1e-3)),
    ("adamw", torch.optim.AdamW, dict(lr=0.01)),
    ("adamw", torch.optim.AdamW, dict(lr=0.1, weight_decay=0.3)),
    ("rmsprop", torch.optim.RMSprop, dict(lr=0.01)),
    ("rmsprop", torch.optim.RMSprop, dict(lr=0.01, alpha=0.9, eps=1e-3, weight_decay=0.1)),
    ("rmsprop", torch.optim.RMSprop, dict(lr=0.01, momentum=0.9)),
    ("rmsprop", torch.optim.RMSprop, dict(lr=0.01, centered=True)),
    ("rmsprop", torch.optim.RMSprop, dict(lr=0.02, alpha=0.9, centered=True, momentum=0.5, weight_decay=0.1)),
    ("adam", torch.optim.Adam, dict(lr=0.05, betas=[0.5, 0.6], amsgrad=True)),
    ("nadam", torch.optim.NAdam, dict(lr=0.01)),
    ("nadam", torch.optim.NAdam, dict(lr=0.02, betas=[0.5, 0.9], momentum_decay=0.3, weight_decay=0.1)),
    ("nadam", torch.optim.NAdam, dict(lr=0.02, weight_decay=0.3, decoupled_weight_decay=True)),
    ("adadelta", torch.optim.Adadelta, dict(lr=1.0)),
    ("adadelta", torch.optim.Adadelta, dict(lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.1)),
    ("adagrad", torch.optim.Adagrad, dict(lr=0.1)),
    (
        "adagrad",
        torch.optim.Adagrad,
        dict(lr=0.1, lr_decay=0.2, initial_accumulator_value=0.5, eps=1e-3, weight_decay=0.1),
    ),
]

# What torch.optim calls otherwise.
OURS = {"decoupled_weight_decay": "decoupled"}

# Rules that count moves, or keep running values, with a parameter that is unfrozen late.
UNFROZEN = 6
LATE = [
    ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.05)),
    ("adam", torch.optim.Adam, dict(lr=0.01)),
    ("adam", torch.optim.Adam, dict(lr=0.05, betas=[0.5, 0.6], amsgrad=True, weight_decay=0.1)),
    ("adamw", torch.optim.AdamW, dict(lr=0.1, weight_decay=0.3)),
    ("nadam", torch.optim.NAdam, dict(lr=0.02, betas=[0.5, 0.9], momentum_decay=0.3, weight_decay=0.1)),
    ("rmsprop", torch.optim.RMSprop, dict(lr=0.02, alpha=0.9, centered=True, momentum=0.5, weight_decay=0.1)),
    ("adadelta", torch.optim.Adadelta, dict(lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.1)),
    (
        "adagrad",
        torch.optim.Adagrad,
        dict(lr=0.1, lr_decay=0.2, initial_accumulator_value=0.5, eps=1e-3, weight_decay=0.1),
    ),
]

runs = []


def torch_run(name, rule, settings, unfrozen=1):
    params = [torch.tensor(Portable(i).draw("signed", s)).requires_grad_() for i, s in enumerate(SHAPES)]
    optimizer = rule(params, **settings)
    steps = []
    for t in range(1, 11):
        if t == 7:
            optimizer.param_groups[0]["lr"] *= 0.1
        for i, param in enumerate(params):
            if i == 1 or t >= unfrozen:
                param.grad = torch.tensor(Portable(10 * t + i).draw("signed", SHAPES[i]))
        optimizer.step()
        steps.append([digest(p) for p in params])
    ours = {OURS.get(key, key): value for key, value in settings.items()}
    return {"rule": name, "settings": ours, "steps": steps}


runs += [torch_run(*run) for run in RULES]


# Keras. Its classes have these conventions, whatever their arguments.
keras.config.set_floatx("float64")
dtypes.result_type = lambda *_: "float64"  # else two operands' common type is float32 at most, as for a maximum
SGD = dict(decoupled=True, lr_in_velocity=True)
RMSPROP = dict(eps_inside_root=True, decoupled=True, lr_in_velocity=True, alpha=0.9, eps=1e-7)
ADAM = dict(eps_uncorrected=True, decoupled=True, eps=1e-7)
NADAM = dict(decoupled=True, eps=1e-7, momentum_decay=1.0)
ADADELTA = dict(decoupled=True, rho=0.95, eps=1e-7)
ADAGRAD = dict(eps_inside_root=True, decoupled=True, initial_accumulator_value=0.1, eps=1e-7)
# Our names for their arguments; two of theirs are one of ours.
KERAS = {
    "learning_rate": "lr", "rho": "alpha", "epsilon": "eps", "clipnorm": "clip_norm", "clipvalue": "clip_value",
    "global_clipnorm": "global_clip_norm",
}
o = keras.optimizers
KERAS_RULES = [
    ("sgd", o.SGD, SGD, dict(learning_rate=0.1, weight_decay=0.05)),
    ("sgd", o.SGD, SGD, dict(learning_rate=0.1, momentum=0.9)),
    ("sgd", o.SGD, SGD, dict(learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)),
    ("rmsprop", o.RMSprop, RMSPROP, dict(learning_rate=0.01)),
    ("rmsprop", o.RMSprop, RMSPROP, dict(learning_rate=0.01, rho=0.8, epsilon=1e-2, weight_decay=0.1)),
    ("rmsprop", o.RMSprop, RMSPROP, dict(learning_rate=0.01, momentum=0.9)),
    ("rmsprop", o.RMSprop, RMSPROP, dict(learning_rate=0.01, momentum=0.5, centered=True)),
    ("adam", o.Adam, ADAM, dict(learning_rate=0.01, epsilon=1e-3)),
    ("adam", o.Adam, ADAM, dict(learning_rate=0.05, beta_1=0.5, beta_2=0.6, amsgrad=True)),
    ("adamw", o.AdamW, ADAM, dict(learning_rate=0.1, weight_decay=0.3)),
    ("nadam", o.Nadam, NADAM, dict(learning_rate=0.01, weight_decay=0.1)),
    ("adadelta", o.Adadelta, ADADELTA, dict(learning_rate=1.0)),
    ("adadelta", o.Adadelta, ADADELTA, dict(learning_rate=0.5, rho=0.8, epsilon=1e-3, weight_decay=0.1)),
    ("adagrad", o.Adagrad, ADAGRAD, dict(learning_rate=0.1)),
    (
        "adagrad",
        o.Adagrad,
        ADAGRAD,
        dict(learning_rate=0.1, initial_accumulator_value=0.5, epsilon=1e-2, weight_decay=0.1),
    ),
    # What is done around a rule.
    ("sgd", o.SGD, SGD, dict(learning_rate=0.1, clipnorm=1.5)),
    ("sgd", o.SGD, SGD, dict(learning_rate=0.1, clipvalue=0.75)),
    ("sgd", o.SGD, SGD, dict(learning_rate=0.1, global_clipnorm=2.0)),
    ("adam", o.Adam, ADAM, dict(learning_rate=0.1, global_clipnorm=100.0)),  # never reached
    ("adam", o.Adam, ADAM, dict(learning_rate=0.1, use_ema=True, ema_momentum=0.75)),
    ("adam", o.Adam, ADAM, dict(learning_rate=0.1, gradient_accumulation_steps=3)),
    (
        "rmsprop",
        o.RMSprop,
        RMSPROP,
        dict(learning_rate=0.1, gradient_accumulation_steps=2, clipnorm=0.5, weight_decay=0.1),
    ),
]
for name, rule, conventions, settings in KERAS_RULES:
    ours = dict(conventions)
    for key, value in settings.items():
        if key in ("beta_1", "beta_2"):
            ours.setdefault("betas", [0.9, 0.999])[int(key[-1]) - 1] = value
        else:
            ours["rho" if (key, name) == ("rho", "adadelta") else KERAS.get(key, key)] = value
    params = [keras.Variable(Portable(i).draw("signed", s), dtype="float64") for i, s in enumerate(SHAPES)]
    optimizer = rule(**settings)
    optimizer.build(params)
    steps, averages = [], []
    for t in range(1, 11):
        if t == 7:
            optimizer.learning_rate = settings["learning_rate"] * 0.1
        gradients = [torch.tensor(Portable(10 * t + i).draw("signed", s)) for i, s in enumerate(SHAPES)]
        optimizer.apply(gradients, params)
        steps.append([digest(p.value) for p in params])
        if optimizer.use_ema:
            averages.append([digest(a.value) for a in optimizer._model_variables_moving_average])
    run = {"rule": name, "settings": ours, "steps": steps}
    runs.append(run | {"averages": averages} if averages else run)

runs += [torch_run(*run, unfrozen=UNFROZEN) | {"unfrozen": UNFROZEN} for run in LATE]

# Schedules: the rates of each epoch.
s = torch.optim.lr_scheduler
LOSSES = [3.0, 2.0, 1.5, 1.6, 1.5, 1.4999, 1.7, 1.2, math.nan, 1.3, 1.25, 1.19999, 1.19, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3]


def with_warmup(optimizer, w, total, to):
    warm = s.LinearLR(optimizer, start_factor=1 / (w + 1), end_factor=1.0, total_iters=w)
    return s.SequentialLR(optimizer, [warm, s.CosineAnnealingLR(optimizer, total - w, to)], milestones=[w])


SCHEDULES = [
    (20, dict(kind="constant"), lambda opt, total: s.ConstantLR(opt, factor=1.0)),
    (20, dict(kind="step", every=3, factor=0.5), lambda opt, total: s.StepLR(opt, 3, 0.5)),
    (20, dict(kind="exponential", factor=0.9), lambda opt, total: s.ExponentialLR(opt, 0.9)),
    (20, dict(kind="cosine"), lambda opt, total: s.CosineAnnealingLR(opt, total)),
    (20, dict(kind="cosine", to=0.01, warmup=4), lambda opt, total: with_warmup(opt, 4, total, 0.01)),
    (20, dict(kind="plateau", factor=0.5, patience=1), lambda opt, total: s.ReduceLROnPlateau(opt, "min", 0.5, 1)),
    (
        20,
        dict(kind="plateau", factor=0.1, patience=0, threshold=0.05, min_lr=1e-3),
        lambda opt, total: s.ReduceLROnPlateau(opt, "min", 0.1, 0, threshold=0.05, min_lr=1e-3),
    ),
]
SCHEDULES += [
    (
        total,
        dict(kind="one_cycle", pct_start=share, div_factor=10.0, final_div_factor=100.0),
        lambda opt, total, share=share: s.OneCycleLR(
            opt, 0.2, total, pct_start=share, div_factor=10.0, final_div_factor=100.0, cycle_momentum=False
        ),
    )
    for total, share in [(20, 0.3), (7, 0.3), (2, 0.3), (10, 1.0)]
]
schedules = []
for epochs, ours, make in SCHEDULES:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the order of calls
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.2)
        schedule = make(optimizer, epochs)
        rates = []
        for epoch in range(epochs):
            rates.append(float(f"{optimizer.param_groups[0]['lr']:.15g}"))
            if epoch + 1 < epochs:
                schedule.step(*([LOSSES[epoch]] if ours["kind"] == "plateau" else []))
    schedules.append({"schedule": ours, "rates": rates})

path = Path(__file__).with_name("optimizers.json")


def lines(rows):
    return ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows)


made_with = json.dumps({"torch": torch.__version__, "keras": keras.__version__})
losses = json.dumps([None if math.isnan(loss) else loss for loss in LOSSES])
path.write_text(
    f'{{"made_with": {made_with}, "runs": [\n{lines(runs)}\n], "base": 0.2, "losses": {losses}, "schedules": [\n'
    f"{lines(schedules)}\n]}}\n"
)
print(path.stat().st_size, "bytes")
