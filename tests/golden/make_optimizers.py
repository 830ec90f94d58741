"""Makes optimizers.json: ten steps of torch.optim's rules on two parameters and a fixed sequence of gradients.

    python3 make_optimizers.py

Parameters: portable.py's "signed" with seeds 0 and 1; gradients of step t (from 1): seeds 10 t and 10 t + 1. From
step 7 on the learning rate is a tenth. Stored are digests of both parameters after each step.
"""

import json
from pathlib import Path

import torch

from portable import Portable, digest

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
]

runs = []
for name, rule, settings in RULES:
    params = [torch.tensor(Portable(i).draw("signed", s)).requires_grad_() for i, s in enumerate(SHAPES)]
    optimizer = rule(params, **settings)
    steps = []
    for t in range(1, 11):
        if t == 7:
            optimizer.param_groups[0]["lr"] *= 0.1
        for i, param in enumerate(params):
            param.grad = torch.tensor(Portable(10 * t + i).draw("signed", SHAPES[i]))
        optimizer.step()
        steps.append([digest(p) for p in params])
    runs.append({"rule": name, "settings": settings, "steps": steps})

path = Path(__file__).with_name("optimizers.json")
lines = ",\n".join(json.dumps(r, separators=(",", ":")) for r in runs)
path.write_text(f'{{"made_with": {{"torch": "{torch.__version__}"}}, "runs": [\n{lines}\n]}}\n')
print(path.stat().st_size, "bytes")
