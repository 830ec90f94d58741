"""Makes objective.json: torch's cross-entropy with label smoothing, with and without class weights, and its gradient.

    python3 make_objective.py          (needs torch)

Logits are portable.py's "signed", [7, 4], seed 3; the label of sample n is n * n % 4.
"""

import json
from pathlib import Path

import torch

from portable import Portable

LOGITS = torch.tensor(Portable(3).draw("signed", [7, 4]))
LABELS = torch.tensor([n * n % 4 for n in range(7)])

cases = []
for weights in (None, [0.5, 2.0, 1.0, 3.0]):
    for smoothing in (0.0, 0.1, 0.75):
        x = LOGITS.clone().requires_grad_()
        weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
        loss = torch.nn.functional.cross_entropy(x, LABELS, weight=weight, label_smoothing=smoothing)
        loss.backward()
        case = {"label_smoothing": smoothing, "loss": loss.item(), "gradient": x.grad.flatten().tolist()}
        cases.append(case if weights is None else case | {"class_weights": weights})

text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
made_with = json.dumps({"torch": torch.__version__})
Path(__file__).with_name("objective.json").write_text(f'{{"made_with": {made_with}, "cases": [\n{text}\n]}}\n')
