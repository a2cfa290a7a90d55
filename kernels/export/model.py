"""A GPT-2 whose layers may differ, in plain PyTorch.

    model = load("folder")                   # config.json and model.safetensors
    logits, past = model(ids)                # ids [batch, n] -> [batch, n, vocab]
    logits, past = model(next_ids, past)     # goes on over keys and values
    loss = model.loss(ids)                   # mean cross-entropy of the next token
    save(model, "folder/model.safetensors")

As a program it continues a prompt greedily: python3 model.py FOLDER 1,2,3 16

Names and shapes of the tensors are those of transformers' GPT2LMHeadModel; each
layer has its own number of heads and feed-forward width, and the embedding may
be narrower than the model and projected to it. The output layer is the
embedding, its projection included.
"""
import json
import math
import struct
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


class Conv1D(nn.Module):
    """A linear layer whose weight is [n_in, n_out]."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias


class Attention(nn.Module):
    """Causal self-attention over what is given and what is past."""

    def __init__(self, d_model, heads):
        super().__init__()
        self.heads = heads
        self.c_attn = Conv1D(d_model, 3 * d_model)
        self.c_proj = Conv1D(d_model, d_model)

    def forward(self, x, past):
        batch, n, d_model = x.shape
        q, k, v = (
            t.view(batch, n, self.heads, -1).transpose(1, 2)
            for t in self.c_attn(x).split(d_model, dim=-1)
        )
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.size(-1))
        total = k.size(2)
        hidden = torch.ones(n, total, dtype=torch.bool, device=x.device).triu(total - n + 1)
        scores = scores.masked_fill(hidden, -math.inf)
        y = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(batch, n, d_model)
        return self.c_proj(y), (k, v)


class MLP(nn.Module):
    def __init__(self, d_model, d_inner):
        super().__init__()
        self.c_fc = Conv1D(d_model, d_inner)
        self.c_proj = Conv1D(d_inner, d_model)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, d_model, heads, d_inner):
        super().__init__()
        self.ln_1 = nn.LayerNorm(d_model, eps=1e-5)
        self.attn = Attention(d_model, heads)
        self.ln_2 = nn.LayerNorm(d_model, eps=1e-5)
        self.mlp = MLP(d_model, d_inner)

    def forward(self, x, past):
        y, past = self.attn(self.ln_1(x), past)
        x = x + y
        return x + self.mlp(self.ln_2(x)), past


class Transformer(nn.Module):
    def __init__(self, vocab, positions, d_model, d_embed, projected, heads, d_inner):
        super().__init__()
        self.wte = nn.Embedding(vocab, d_embed)
        self.emb_proj = nn.Linear(d_embed, d_model, bias=False) if projected else None
        self.wpe = nn.Embedding(positions, d_model)
        self.h = nn.ModuleList(Block(d_model, h, d) for h, d in zip(heads, d_inner))
        self.ln_f = nn.LayerNorm(d_model, eps=1e-5)


class GPT2(nn.Module):
    def __init__(self, **shape):
        super().__init__()
        self.transformer = Transformer(**shape)
        self.reset()

    def reset(self):
        """Draws weights as GPT-2 does: what adds to the residual stream shrinks with depth."""
        for name, p in self.named_parameters():
            if p.dim() == 2:
                shrink = math.sqrt(2 * len(self.transformer.h)) if "c_proj" in name else 1
                nn.init.normal_(p, std=0.02 / shrink)

    def forward(self, ids, past=None):
        t = self.transformer
        begin = 0 if past is None else past[0][0].size(2)
        x = t.wte(ids)
        if t.emb_proj is not None:
            x = t.emb_proj(x)
        x = x + t.wpe(torch.arange(begin, begin + ids.size(1), device=ids.device))
        present = []
        for i, block in enumerate(t.h):
            x, kv = block(x, None if past is None else past[i])
            present.append(kv)
        x = t.ln_f(x)
        if t.emb_proj is not None:
            x = x @ t.emb_proj.weight
        return x @ t.wte.weight.T, present

    def loss(self, ids):
        logits, _ = self(ids[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def from_config(config):
    """Builds a model, weights at random, from a decoded config.json."""
    if config.get("model_type") == "gpt2":  # Hugging Face's names
        d, n = config["n_embd"], config["n_layer"]
        return GPT2(
            vocab=config["vocab_size"], positions=config["n_positions"], d_model=d, d_embed=d, projected=False,
            heads=[config["n_head"]] * n, d_inner=[config["n_inner"] or 4 * d] * n,
        )
    if config.get("arch_type") != "gpt2":
        raise ValueError("config.json: neither model_type nor arch_type is gpt2")
    d = config["d_model"]
    d_embed = config.get("d_embed", d)
    return GPT2(
        vocab=config["vocab_size"], positions=config["max_sequence_length"], d_model=d, d_embed=d_embed,
        projected=d_embed != d or config.get("div_val", 1) > 1, heads=config["n_head"], d_inner=config["d_inner"],
    )


def load(folder):
    folder = Path(folder)
    model = from_config(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(read_safetensors(folder / "model.safetensors"))
    return model.eval()


def save(model, path):
    write_safetensors(path, model.state_dict())


DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_safetensors(path):
    """Eight bytes of length, a JSON header, then the data."""
    data = bytearray(Path(path).read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    tensors = {}
    for name, t in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            dtype, count = DTYPES[t["dtype"]], math.prod(t["shape"])
            flat = torch.frombuffer(data, dtype=dtype, count=count, offset=8 + length + t["data_offsets"][0])
            tensors[name] = flat.reshape(t["shape"]).float()
    return tensors


def write_safetensors(path, tensors):
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [end, end + 4 * t.numel()]}
        end += 4 * t.numel()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            f.write(t.detach().cpu().float().contiguous().numpy().tobytes())


def main():
    folder, prompt, count = sys.argv[1:]
    model = load(folder)
    ids, past = torch.tensor([[int(i) for i in prompt.split(",")]]), None
    with torch.no_grad():
        for _ in range(int(count)):
            logits, past = model(ids, past)
            ids = logits[:, -1:].argmax(dim=-1)
            print(ids.item(), flush=True)


if __name__ == "__main__":
    main()
