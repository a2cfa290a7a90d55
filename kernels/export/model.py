"""A GPT-2 or Transformer-XL whose layers may differ, in plain PyTorch.

    model = load("folder")                   # config.json and model.safetensors
    logits, past = model(ids)                # ids [batch, n] -> [batch, n, vocab]
    logits, past = model(next_ids, past)     # goes on over keys and values
    loss = model.loss(ids)                   # mean cross-entropy of the next token
    save(model, "folder/model.safetensors")

As a program it continues a prompt greedily: python3 model.py FOLDER 1,2,3 16

Names and shapes of the tensors are those of transformers' GPT2LMHeadModel and
TransfoXLLMHeadModel; each layer has its own number of heads and feed-forward
width, and the embedding may be narrower than the model and projected to it. The
output layer is the embedding, its projection included. If the embedding has
several clusters of tokens, the logits are log-probabilities.

A Transformer-XL begins with a memory of mem_len hidden states that are zero, to
which every token attends.
"""
import json
import math
import struct
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


def causal(scores):
    """Hides from row i of n, the last of which is the last column, all columns after it."""
    n, total = scores.shape[-2:]
    hidden = torch.ones(n, total, dtype=torch.bool, device=scores.device).triu(total - n + 1)
    return scores.masked_fill(hidden, -math.inf)


class AdaptiveEmbedding(nn.Module):
    """Clusters of tokens, each div_val times narrower than the one before it (Baevski and Auli 2019).

    All share one table if they have the same width. cutoffs are the clusters' ends.
    """

    def __init__(self, d_model, d_embed, div_val, cutoffs):
        super().__init__()
        self.sizes = [end - begin for begin, end in zip([0] + cutoffs, cutoffs)]
        rows = [sum(self.sizes)] if div_val == 1 else self.sizes
        widths = [d_embed // div_val**i for i in range(len(rows))]
        self.emb_layers = nn.ModuleList(nn.Embedding(r, w) for r, w in zip(rows, widths))
        projected = d_embed != d_model or div_val > 1
        self.emb_projs = nn.ParameterList(nn.Parameter(torch.empty(d_model, w)) for w in widths if projected)

    def project(self, i, x):
        return F.linear(x, self.emb_projs[i]) if len(self.emb_projs) else x

    def unproject(self, i, x):
        return x @ self.emb_projs[i] if len(self.emb_projs) else x

    def forward(self, ids):
        x, begin = 0, 0
        for i, table in enumerate(self.emb_layers):
            index = ids - begin
            inside = (index >= 0) & (index < table.num_embeddings)
            x = x + self.project(i, table(index * inside) * inside.unsqueeze(-1))
            begin += table.num_embeddings
        return x


class Bias(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))


class AdaptiveSoftmax(nn.Module):
    """Logits; of several clusters log-probabilities (Grave et al. 2017).

    The first cluster's tokens share a softmax with an entry for every other cluster,
    whose tokens have a softmax of their own, times the entry.
    """

    def __init__(self, embedding):
        super().__init__()
        self.out_layers = nn.ModuleList(Bias(table.num_embeddings) for table in embedding.emb_layers)
        tails = len(embedding.sizes) - 1
        if tails:
            self.cluster_weight = nn.Parameter(torch.empty(tails, embedding.emb_layers[0].embedding_dim))
            self.cluster_bias = nn.Parameter(torch.zeros(tails))

    def forward(self, x, embedding):
        narrow = [embedding.unproject(i, x) for i in range(len(self.out_layers))]
        outputs = zip(narrow, embedding.emb_layers, self.out_layers)
        logits = torch.cat([F.linear(h, table.weight, out.bias) for h, table, out in outputs], dim=-1)
        first, *tails = logits.split(embedding.sizes, dim=-1)
        if not tails:
            return first
        entries = F.linear(narrow[0], self.cluster_weight, self.cluster_bias)
        head = torch.cat((first, entries), dim=-1).log_softmax(dim=-1)
        first, *entries = head.split([first.size(-1)] + [1] * len(tails), dim=-1)
        return torch.cat([first] + [e + t.log_softmax(dim=-1) for e, t in zip(entries, tails)], dim=-1)


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
        y = (causal(scores).softmax(dim=-1) @ v).transpose(1, 2).reshape(batch, n, d_model)
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


class LanguageModel(nn.Module):
    def loss(self, ids):
        logits, _ = self(ids[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


class GPT2(LanguageModel):
    def __init__(self, vocab, positions, d_model, d_embed, div_val, cutoffs, heads, d_inner):
        super().__init__()
        self.transformer = t = nn.Module()
        t.wte = t.emb_proj = t.word_emb = self.crit = None
        if len(cutoffs) > 1:
            t.word_emb = AdaptiveEmbedding(d_model, d_embed, div_val, cutoffs)
            self.crit = AdaptiveSoftmax(t.word_emb)
        else:
            t.wte = nn.Embedding(vocab, d_embed)
            if d_embed != d_model or div_val > 1:
                t.emb_proj = nn.Linear(d_embed, d_model, bias=False)
        t.wpe = nn.Embedding(positions, d_model)
        t.h = nn.ModuleList(Block(d_model, h, d) for h, d in zip(heads, d_inner))
        t.ln_f = nn.LayerNorm(d_model, eps=1e-5)
        self.reset()

    def reset(self):
        """Draws weights as GPT-2 does: what adds to the residual stream shrinks with depth."""
        for name, p in self.named_parameters():
            if p.dim() == 2:
                shrink = math.sqrt(2 * len(self.transformer.h)) if "c_proj" in name else 1
                nn.init.normal_(p, std=0.02 / shrink)

    def embed(self, ids):
        t = self.transformer
        if t.word_emb is not None:
            return t.word_emb(ids)
        x = t.wte(ids)
        return x if t.emb_proj is None else t.emb_proj(x)

    def logits(self, x):
        t = self.transformer
        if t.word_emb is not None:
            return self.crit(x, t.word_emb)
        if t.emb_proj is not None:
            x = x @ t.emb_proj.weight
        return x @ t.wte.weight.T

    def forward(self, ids, past=None):
        t = self.transformer
        begin = 0 if past is None else past[0][0].size(2)
        x = self.embed(ids) + t.wpe(torch.arange(begin, begin + ids.size(1), device=ids.device))
        present = []
        for i, block in enumerate(t.h):
            x, kv = block(x, None if past is None else past[i])
            present.append(kv)
        return self.logits(t.ln_f(x)), present


class RelativeAttention(nn.Module):
    """Self-attention by content and by distance, over memory, past and what is given (Dai et al. 2019).

    There are more distances than keys by the length of the memory. Its keys and values
    are zero: it takes its share of the softmax and adds nothing.
    """

    def __init__(self, d_model, heads):
        super().__init__()
        self.heads = heads
        d_head = d_model // heads
        self.r_w_bias = nn.Parameter(torch.zeros(heads, d_head))
        self.r_r_bias = nn.Parameter(torch.zeros(heads, d_head))
        self.qkv_net = nn.Linear(d_model, 3 * heads * d_head, bias=False)
        self.r_net = nn.Linear(d_model, heads * d_head, bias=False)
        self.o_net = nn.Linear(heads * d_head, d_model, bias=False)
        self.layer_norm = nn.LayerNorm(d_model, eps=1e-5)

    def forward(self, x, distances, past):
        batch, n, _ = x.shape
        q, k, v = (t.view(batch, n, self.heads, -1).transpose(1, 2) for t in self.qkv_net(x).chunk(3, dim=-1))
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        r = self.r_net(distances).view(-1, self.heads, q.size(-1)).permute(1, 2, 0)
        memory = r.size(-1) - k.size(2)
        content = (q + self.r_w_bias.unsqueeze(1)) @ k.transpose(-1, -2)
        distance = shift((q + self.r_r_bias.unsqueeze(1)) @ r)
        scores = (F.pad(content, (memory, 0)) + distance) / math.sqrt(q.size(-1))
        p = causal(scores).softmax(dim=-1)[..., memory:]
        y = (p @ v).transpose(1, 2).reshape(batch, n, -1)
        return self.layer_norm(x + self.o_net(y)), (k, v)


def sinusoids(n, d):
    """Those of the distances n-1 to 0, [n, d]: all sines, then all cosines."""
    frequencies = 10000 ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    angles = torch.arange(n - 1, -1, -1, dtype=torch.float64).unsqueeze(1) * frequencies
    return torch.cat((angles.sin(), angles.cos()), dim=1)[:, :d].float()


def shift(x):
    """Moves row i of n to the left by n-1-i, so that columns of falling distance are those of the keys."""
    n = x.size(-2)
    return F.pad(x, (1, 0)).flatten(-2)[..., n:].view_as(x)


class PositionwiseFF(nn.Module):
    def __init__(self, d_model, d_inner):
        super().__init__()
        linear, back = nn.Linear(d_model, d_inner), nn.Linear(d_inner, d_model)
        self.CoreNet = nn.Sequential(linear, nn.ReLU(), nn.Identity(), back)  # dropout has no weights
        self.layer_norm = nn.LayerNorm(d_model, eps=1e-5)

    def forward(self, x):
        return self.layer_norm(x + self.CoreNet(x))


class Layer(nn.Module):
    def __init__(self, d_model, heads, d_inner):
        super().__init__()
        self.dec_attn = RelativeAttention(d_model, heads)
        self.pos_ff = PositionwiseFF(d_model, d_inner)

    def forward(self, x, distances, past):
        x, past = self.dec_attn(x, distances, past)
        return self.pos_ff(x), past


class TransformerXL(LanguageModel):
    def __init__(self, memory, d_model, d_embed, div_val, cutoffs, heads, d_inner):
        super().__init__()
        self.memory = memory
        self.transformer = t = nn.Module()
        t.word_emb = AdaptiveEmbedding(d_model, d_embed, div_val, cutoffs)
        t.layers = nn.ModuleList(Layer(d_model, h, d) for h, d in zip(heads, d_inner))
        self.crit = AdaptiveSoftmax(t.word_emb)
        self.reset()

    def reset(self):
        """Draws weights as Transformer-XL does."""
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.01 if "emb_projs" in name else 0.02)

    def forward(self, ids, past=None):
        t = self.transformer
        x = t.word_emb(ids)
        x = x * math.sqrt(x.size(-1))
        begin = 0 if past is None else past[0][0].size(2)
        distances = sinusoids(self.memory + begin + ids.size(1), x.size(-1)).to(x)
        present = []
        for i, layer in enumerate(t.layers):
            x, kv = layer(x, distances, None if past is None else past[i])
            present.append(kv)
        return self.crit(x, t.word_emb), present


def from_config(config):
    """Builds a model, weights at random, from a decoded config.json."""
    kind = config.get("model_type", config.get("arch_type"))
    if kind == "gpt2" and "model_type" in config:  # Hugging Face's names
        d, n, vocab = config["n_embd"], config["n_layer"], config["vocab_size"]
        return GPT2(
            vocab=vocab, positions=config["n_positions"], d_model=d, d_embed=d, div_val=1, cutoffs=[vocab],
            heads=[config["n_head"]] * n, d_inner=[config["n_inner"] or 4 * d] * n,
        )
    if kind not in ("gpt2", "transfo-xl", "transformer-xl"):
        raise ValueError("config.json: neither model_type nor arch_type is gpt2, transfo-xl or transformer-xl")
    d, n, vocab = config["d_model"], config["n_layer"], config["vocab_size"]

    def each(x):
        return x if isinstance(x, list) else [x] * n

    shape = dict(
        d_model=d, d_embed=config.get("d_embed", d), div_val=config.get("div_val", 1),
        cutoffs=[c for c in config.get("cutoffs", []) if c < vocab] + [vocab],
        heads=each(config["n_head"]), d_inner=each(config["d_inner"]),
    )
    if kind == "gpt2":
        return GPT2(vocab=vocab, positions=config["max_sequence_length"], **shape)
    return TransformerXL(memory=config.get("mem_len", 0), **shape)


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
