"""Makes attention.json: torch's transformer blocks, their outputs and gradients, and torch's attention by itself.

    python3 make_attention.py          (needs torch)

Every parameter is portable.py's "signed" divided by 4, one after the other from seed 5 in the order of `NAMES`, then the
batch, "signed"; the loss is half the sum of squares of the output. Of each tensor portable.py's digest is stored.
"""

import json
from pathlib import Path

import torch
from torch import nn

from portable import Portable, digest

torch.set_default_dtype(torch.float64)
N, TOKENS, DIM, HEADS, MLP = 3, 5, 8, 2, 12
# The names in tests/engine/attention.rs, and torch's.
NAMES = [
    ("norm1.weight", "norm1.weight"), ("norm1.bias", "norm1.bias"),
    ("attn.qkv.weight", "self_attn.in_proj_weight"), ("attn.qkv.bias", "self_attn.in_proj_bias"),
    ("attn.out.weight", "self_attn.out_proj.weight"), ("attn.out.bias", "self_attn.out_proj.bias"),
    ("norm2.weight", "norm2.weight"), ("norm2.bias", "norm2.bias"),
    ("mlp.fc1.weight", "linear1.weight"), ("mlp.fc1.bias", "linear1.bias"),
    ("mlp.fc2.weight", "linear2.weight"), ("mlp.fc2.bias", "linear2.bias"),
]


def block(place, activation, causal):
    functions = {"gelu": nn.functional.gelu, "gelu_tanh": lambda x: nn.functional.gelu(x, approximate="tanh"),
                 "relu": nn.functional.relu}
    layer = nn.TransformerEncoderLayer(
        DIM, HEADS, MLP, dropout=0.0, activation=functions[activation], batch_first=True, norm_first=place == "pre"
    )
    portable, parameters = Portable(5), dict(layer.named_parameters())
    for _, name in NAMES:
        with torch.no_grad():
            parameters[name].copy_(torch.tensor(portable.draw("signed", parameters[name].shape)) / 4)
    x = torch.tensor(portable.draw("signed", [N, TOKENS, DIM]), requires_grad=True)
    mask = nn.Transformer.generate_square_subsequent_mask(TOKENS) if causal else None
    y = layer(x, src_mask=mask)
    (0.5 * (y * y).sum()).backward()
    gradients = {ours: digest(parameters[name].grad) for ours, name in NAMES}
    return {"norm": place, "activation": activation, "causal": causal, "output": digest(y),
            "gradients": gradients | {"input": digest(x.grad)}}


def attention(causal):
    qkv = torch.tensor(Portable(6).draw("signed", [N, TOKENS, 3 * DIM]), requires_grad=True)
    q, k, v = qkv.view(N, TOKENS, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)
    y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)
    (0.5 * (y * y).sum()).backward()
    scores = q @ k.transpose(2, 3) / (DIM // HEADS) ** 0.5
    if causal:
        scores = scores.masked_fill(torch.ones(TOKENS, TOKENS).triu(1).bool(), -torch.inf)
    return {"causal": causal, "output": digest(y), "maps": digest(scores.softmax(-1)), "gradient": digest(qkv.grad)}


blocks = [block(*case) for case in [("pre", "gelu", False), ("post", "gelu", False), ("pre", "gelu_tanh", True),
                                    ("post", "relu", True)]]
made = {"made_with": {"torch": torch.__version__}, "blocks": blocks, "attention": [attention(c) for c in (False, True)]}
text = json.dumps(made, separators=(",", ":")).replace("},{", "},\n{")
Path(__file__).with_name("attention.json").write_text(text + "\n")
